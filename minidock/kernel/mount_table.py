"""What is mounted where, as a process sees it. proc_pid_mountinfo(5)"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Mount:
    """One line of the table."""

    def __init__(self, line: str) -> None:
        front, _, back = line.rstrip("\n").partition(" - ")
        number, parent, device, root, point, options, *propagation = front.split(" ")
        self.number = int(number)
        self.parent = int(parent)
        self.device = device  # 8:1
        self.root = _unescape(root)  # what of the file system is seen here
        self.point = _unescape(point)
        self.options = options  # of this mount
        self.propagation = propagation  # shared:1, master:2
        self.kind, source, self.file_system_options = back.split(" ", 2)
        self.source = _unescape(source)


def mount_point_of(path: str) -> str:
    """The mount that a path lies on, by the longest mount point that is a prefix of it."""
    holding = [point for _, point, _ in table() if (path + "/").startswith(point.rstrip("/") + "/")]
    return max(holding, key=len, default="/")


def table() -> Iterator[tuple[str, str, str]]:
    """Kind, mount point and options of each mount that this process sees."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:  # every start reads all of them, so no more is taken apart than is asked for
            front, _, back = line.partition(" - ")
            kind, _, options = back.rstrip("\n").split(" ", 2)
            yield kind, _unescape(front.split(" ")[4]), options


def of_process(pid: int | str) -> Iterator[Mount]:
    """All mounts of the namespace that a process is in, as far as they can be reached from its root."""
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            yield Mount(line)


def _unescape(field: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field
