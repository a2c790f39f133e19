"""One failure: what is known of it, and where to look.

The process that failed may be one on its way into a container: it waits, half inside, while this one looks at its
world through /proc/PID. It may be this process itself. Or nothing has failed, and it is only supposed that something
did: so `minidock doctor` asks.
"""

from __future__ import annotations

import os
import stat

from minidock.kernel import mount_table, paths
from minidock.kernel.process_status import Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_QUOTE = '"'
_NO_EXEC, _READ_ONLY = 8, 1  # ST_NOEXEC, ST_RDONLY. statvfs(3)


class Case:
    """What failed, by its facts: the step, the call with its arguments, the errno, and what else was told."""

    def __init__(self, facts: dict[str, Any], pid: int = 0, *, supposed: bool = False) -> None:
        self.facts = facts
        self.pid = pid  # of the process that failed; 0: this one
        self.supposed = supposed
        self.step: str = facts.get("step", "")
        self.call: str = facts.get("call", "")
        self.errno: int = facts.get("errno", 0)

    def get(self, name: str, otherwise: Any = "") -> Any:
        """What was told by this name, or a field of the step."""
        return self.facts.get(name, self.facts.get("arguments", {}).get(name, otherwise))

    @property
    def proc(self) -> str:
        return f"/proc/{self.pid or 'self'}"

    def status(self) -> Status:
        return Status(self.pid or "self")

    # Files ------------------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """The path that this is about: what the call quotes first, or is."""
        told: str = self.facts.get("path", "")
        if told or self.call.startswith("/"):
            return told or self.call
        if self.call.startswith("write ") and " to /" in self.call:  # "VALUE" to FILE
            return self.call.rpartition(" to ")[2]
        return self.call.partition(_QUOTE)[2].partition(_QUOTE)[0]

    def open_tree(self) -> int:
        """The tree that the path is in, open: the container's for what is resolved inside it (openat2), else what the
        process has as its own."""
        root: int = self.facts.get("root", -1)
        inside = self.is_inside_tree and root >= 0
        return os.open(f"{self.proc}/fd/{root}" if inside else f"{self.proc}/root", os.O_PATH | os.O_DIRECTORY)

    @property
    def is_inside_tree(self) -> bool:
        if self.call.startswith(("openat2(", "move_mount(")):
            return True
        is_a_name = bool(self.call) and "(" not in self.call and "/" not in self.call  # made in an open directory
        return is_a_name and bool(self.get("target"))

    def walk(self, path: str) -> list[tuple[str, int]]:
        """Each beginning of an absolute path, with what opening it comes to: 0, or an errno."""
        names = [name for name in path.split("/") if name]
        found = []
        tree = self.open_tree()
        try:
            for count in range(1, len(names) + 1):
                part = "/" + "/".join(names[:count])
                number = _opening(tree, part)
                found.append((part, number))
                if number:
                    break
        finally:
            os.close(tree)
        return found

    def open(self, path: str, flags: int = os.O_PATH, *, follow: bool = True) -> int:
        tree = self.open_tree()
        try:
            return paths.open_inside(tree, path, flags | os.O_CLOEXEC, follow=follow)
        finally:
            os.close(tree)

    def read(self, path: str, length: int) -> bytes:
        """What a regular file begins with; nothing, if it is of another kind.

        What was looked at is what is opened: a container that runs could put a device of the host in its place, which
        is not kept from this process as it is from the container.
        """
        fd = self.open(path)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or not found.st_size:  # as files of /proc say: /proc/kmsg has no end
                return b""
            with open(f"/proc/self/fd/{fd}", "rb") as file:
                return file.read(length)
        finally:
            os.close(fd)

    def mode(self, path: str) -> int:
        fd = self.open(path)
        try:
            return os.fstat(fd).st_mode
        finally:
            os.close(fd)

    def mount_flags(self, path: str) -> int:
        """Of the mount that holds a path, or the nearest directory above it that is there."""
        there = [part for part, number in self.walk(path) if not number]
        fd = self.open(there[-1] if there else "/")
        try:
            return os.fstatvfs(fd).f_flag
        finally:
            os.close(fd)

    def is_read_only(self, path: str) -> bool:
        return bool(self.mount_flags(path) & _READ_ONLY)

    def forbids_programs(self, path: str) -> bool:
        return bool(self.mount_flags(path) & _NO_EXEC)

    def mount_of(self, path: str) -> tuple[str, str]:
        """Kind and mount point of what holds a path, as the process sees it."""
        return mount_table.mount_of(path, self.pid or "self")[:2]


def _opening(tree: int, path: str) -> int:
    try:
        os.close(paths.open_inside(tree, path, os.O_PATH | os.O_CLOEXEC))
    except OSError as error:
        return error.errno or 0
    return 0
