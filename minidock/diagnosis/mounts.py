"""Mounts that the kernel does not make."""

from __future__ import annotations

import errno
import os
import stat
from shlex import quote

from minidock.diagnosis.cause import Cause
from minidock.diagnosis.kernels import file_systems, is_loadable
from minidock.diagnosis.trees import listing
from minidock.kernel import mount_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.diagnosis.case import Case

_MOST = "/proc/sys/fs/mount-max"
_CALLS = ("fsopen(", "fsconfig(", "fsmount(", "open_tree(", "move_mount(", "mount(", "unshare(", "mount_setattr(")


class TooManyMounts(Cause):
    """The mount namespace has as many mounts as the kernel lets one have."""

    name = "mounts.too-many"
    errnos = (errno.ENOSPC,)

    def holds(self, case: Case) -> bool:
        return case.call.startswith(_CALLS) and self._count(case) * 2 > self._most()

    def _most(self) -> int:
        with open(_MOST) as file:
            return int(file.read())

    def _count(self, case: Case) -> int:
        return sum(1 for _ in mount_table.table(case.pid or "self"))

    def says(self, case: Case) -> str:
        return f"{self._count(case)} file systems are mounted here, and {self._most()} may be ({_MOST})"

    def confirm(self, case: Case) -> str:
        return f"wc -l /proc/self/mountinfo {_MOST}"

    def mend(self, case: Case) -> str:
        return f"umount what is not needed, or allow more: sysctl -w fs.mount-max={max(self._count(case), 100000) * 2}"


class UnknownFileSystem(Cause):
    """The kernel has no such kind of file system."""

    name = "mounts.unknown-file-system"
    errnos = (errno.ENODEV,)

    def holds(self, case: Case) -> bool:
        return bool(self._kind(case)) and self._kind(case) not in file_systems()

    def _kind(self, case: Case) -> str:
        if case.call.startswith("fsopen("):
            return case.call.split('"')[1]
        return str(case.get("type"))

    def says(self, case: Case) -> str:
        return f'the kernel has no file system "{self._kind(case)}": /proc/filesystems does not list it'

    def confirm(self, case: Case) -> str:
        return f"grep -w {quote(self._kind(case))} /proc/filesystems"

    def mend(self, case: Case) -> str:
        kind = self._kind(case)
        return f"modprobe {quote(kind)}" if is_loadable(kind) else "give it one of those that /proc/filesystems lists"


class FileOnDirectory(Cause):
    """A file can be mounted on a file alone, a directory on a directory alone."""

    name = "mounts.file-and-directory"
    errnos = (errno.ENOTDIR, errno.EINVAL)

    def holds(self, case: Case) -> bool:
        return case.call.startswith("move_mount(") and self._is_directory(case) != os.path.isdir(case.get("source"))

    def _is_directory(self, case: Case) -> bool:
        return stat.S_ISDIR(case.mode(case.get("target")))

    def says(self, case: Case) -> str:
        kinds = ("a directory", "a file") if self._is_directory(case) else ("a file", "a directory")
        return f"in the container {case.get('target')} is {kinds[0]}, and {case.get('source')} on the host {kinds[1]}"

    def confirm(self, case: Case) -> str:
        return f"stat -c %F {quote(case.get('source'))}; {listing(case, case.get('target'))}"

    def mend(self, case: Case) -> str:
        return "mount a file on a file, and a directory on a directory: name another source, or another target"


class UnknownOption(Cause):
    """The file system does not know an option, or not its value."""

    name = "mounts.unknown-option"
    errnos = (errno.EINVAL,)

    def holds(self, case: Case) -> bool:
        return case.call.startswith("fsconfig(") and self._words(case)[1] == "1" and bool(self._option(case))

    def _words(self, case: Case) -> list[str]:
        return case.call.removeprefix("fsconfig(").split(", ")

    def _option(self, case: Case) -> str:
        words = self._words(case)
        key, value = (word.strip("'") for word in words[2:4])
        return f"{key}={value}"

    def says(self, case: Case) -> str:
        return f"{case.get('type', 'the file system')} does not take the option {self._option(case)}"

    def confirm(self, case: Case) -> str:
        return "dmesg | tail"

    def mend(self, case: Case) -> str:
        return f"leave {self._option(case)} out, or see mount(8) for what {case.get('type', 'it')} takes"


CAUSES: tuple[Cause, ...] = (TooManyMounts(), UnknownFileSystem(), FileOnDirectory(), UnknownOption())
