"""What is mounted where, as a process sees it. proc_pid_mountinfo(5)"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Entry:
    """One mount: a file system, or a part of one, at a place."""

    def __init__(self, line: str) -> None:
        front, _, back = line.rstrip("\n").partition(" - ")
        fields = front.split(" ")
        self.device = fields[2]  # which file system it is: major:minor
        self.root = _unescape(fields[3])  # which directory of it is seen here
        self.point = _unescape(fields[4])
        self.kind, _, self.options = back.split(" ", 2)


def mount_point_of(path: str) -> str:
    """The mount that a path lies on, by the longest mount point that is a prefix of it."""
    holding = [point for _, point, _ in table() if (path + "/").startswith(point.rstrip("/") + "/")]
    return max(holding, key=len, default="/")


def table() -> Iterator[tuple[str, str, str]]:
    """Kind, mount point and options of each mount that this process sees."""
    return ((entry.kind, entry.point, entry.options) for entry in entries("self"))


def entries(pid: int | str) -> Iterator[Entry]:
    """The mounts that a process sees, below its root, in the order in which they were made."""
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            yield Entry(line)


def _unescape(field: str) -> str:
    if "\\" not in field:  # as nearly always
        return field
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field
