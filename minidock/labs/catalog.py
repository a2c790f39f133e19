"""Which labs there are, in the order in which they build on each other. Each is minidock/labs/NAME.py."""

from __future__ import annotations

import sys

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.labs.lab import Lab

NAMES = (
    *("pid", "mount", "uts", "net", "user", "cgroup", "overlay", "capabilities", "seccomp"),
    *("exec", "container", "escape"),
)
_KEYWORDS = ("exec",)  # of Python's: the file has an underscore at the end, as PEP 8 says


def find(name: str) -> Lab:
    """The lab of a name."""
    if name not in NAMES:
        raise MinidockError(f"No such lab: {name}", hint=f"there are {', '.join(NAMES)}: minidock lab list")
    module = f"minidock.labs.{name}{'_' if name in _KEYWORDS else ''}"
    __import__(module)
    lab: Lab = sys.modules[module].LAB
    return lab


def everyone() -> list[Lab]:
    return [find(name) for name in NAMES]
