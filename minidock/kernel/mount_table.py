"""What is mounted where, as this process sees it. proc_pid_mountinfo(5)"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def mount_point_of(path: str) -> str:
    """The mount that a path lies on, by the longest mount point that is a prefix of it."""
    holding = [point for _, point, _ in table() if (path + "/").startswith(point.rstrip("/") + "/")]
    return max(holding, key=len, default="/")


def table() -> Iterator[tuple[str, str, str]]:
    """Kind, mount point and options of each mount that this process sees."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            front, _, back = line.partition(" - ")
            kind, _, options = back.rstrip("\n").split(" ", 2)
            yield kind, _unescape(front.split(" ")[4]), options


def _unescape(field: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field
