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
    return mount_of(path)[1]


def mount_of(path: str, pid: int | str = "self") -> tuple[str, str, str]:
    """Kind, mount point and options of that mount; of several on one point, the last is on top."""
    found = ("", "/", "")
    for mount in table(pid):
        point = mount[1].rstrip("/")
        if f"{path}/".startswith(f"{point}/") and len(point) >= len(found[1].rstrip("/")):
            found = mount
    return found


def table(pid: int | str = "self") -> Iterator[tuple[str, str, str]]:
    """Kind, mount point and options of each mount that a process sees; this one, unless another is named."""
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
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
    if "\\" not in field:  # as nearly always
        return field
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field
