"""What has run out: room on a disk, inodes, open files, watches."""

from __future__ import annotations

import errno
import os
from shlex import quote

from minidock.diagnosis.cause import Cause
from minidock.kernel import mount_table, rlimits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.diagnosis.case import Case

_NOTHING = 1 << 16  # bytes: less is as good as none
_MEBIBYTE = 1 << 20
_FEW = 5  # per cent
_ENOUGH = 1 << 30  # bytes: with so many free, it does not matter which part of the whole that is


def place(case: Case) -> str:
    """The nearest directory that is there of what was written; where minidock keeps its things, if that is unknown."""
    for path in (case.path, case.get("place"), case.get("upper"), case.get("path")):
        if isinstance(path, str) and path.startswith("/"):
            return nearest(path)
    return ""


def nearest(path: str) -> str:
    """The path, or what is there of it."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path


def left(path: str) -> str:
    """How much room there is."""
    found = os.statvfs(path)
    return f"{found.f_bavail * found.f_frsize // _MEBIBYTE} MiB free, and {found.f_favail} inodes"


def mounted(path: str) -> str:
    kind, point, _ = mount_table.mount_of(os.path.realpath(path))
    return f"the {kind} on {point}"


class Full(Cause):
    """The file system is full."""

    name = "space.full"
    errnos = (errno.ENOSPC,)

    def holds(self, case: Case) -> bool:
        found = os.statvfs(place(case))
        return bool(found.f_blocks) and found.f_bavail * found.f_frsize < _NOTHING

    def says(self, case: Case) -> str:
        found = os.statvfs(place(case))
        return (
            f"{mounted(place(case))} is full: of its {found.f_blocks * found.f_frsize // _MEBIBYTE} MiB none are free"
        )

    def confirm(self, case: Case) -> str:
        return f"df -h {quote(place(case))}"

    def mend(self, case: Case) -> str:
        return "minidock system prune frees what nobody needs; or let MINIDOCK_ROOT be on a larger disk"


class Filling(Cause):
    """The file system is nearly full."""

    name = "space.filling"
    errnos = (errno.ENOSPC,)

    def holds(self, case: Case) -> bool:
        found = os.statvfs(place(case))
        free = found.f_bavail * found.f_frsize
        return case.supposed and _NOTHING <= free < _ENOUGH and found.f_bavail * 100 < found.f_blocks * _FEW

    def says(self, case: Case) -> str:
        found = os.statvfs(place(case))
        return f"{mounted(place(case))} has {found.f_bavail * found.f_frsize // _MEBIBYTE} MiB left"

    def confirm(self, case: Case) -> str:
        return f"df -h {quote(place(case))}"

    def mend(self, case: Case) -> str:
        return Full().mend(case)


class NoInodes(Cause):
    """The file system has room, but no inodes: as many files are there as it can hold."""

    name = "space.inodes"
    errnos = (errno.ENOSPC,)

    def holds(self, case: Case) -> bool:
        found = os.statvfs(place(case))
        return bool(found.f_files) and not found.f_favail

    def says(self, case: Case) -> str:
        return f"{mounted(place(case))} has all its {os.statvfs(place(case)).f_files} inodes in use"

    def confirm(self, case: Case) -> str:
        return f"df -i {quote(place(case))}"

    def mend(self, case: Case) -> str:
        return "minidock system prune removes files that nobody needs; mkfs decides how many inodes there are"


class TooManyOpen(Cause):
    """The process has as many files open as it may."""

    name = "limits.open-files"
    errnos = (errno.EMFILE,)

    def holds(self, case: Case) -> bool:
        reserve = _COMFORTABLE if case.supposed else _CLOSED_MEANWHILE
        return not case.call.startswith("inotify_init") and self._open(case) + reserve >= self._limit(case)

    def _limit(self, case: Case) -> int:
        return int(rlimits.of(case.pid or "self")["Max open files"][0])

    def _open(self, case: Case) -> int:
        return len(os.listdir(f"{case.proc}/fd"))

    def says(self, case: Case) -> str:
        return f"a process may have {self._limit(case)} files open here, and this one has them (RLIMIT_NOFILE)"

    def confirm(self, case: Case) -> str:
        return "ulimit -n"

    def mend(self, case: Case) -> str:
        return "raise the limit, and try again: ulimit -n 1024"


_CLOSED_MEANWHILE = 16  # descriptors, on the way from the failure to here
_COMFORTABLE = 128


class NoMoreInotify(Cause):
    """The user has as many inotify instances, or watches, as the kernel lets one have."""

    name = "limits.inotify"
    errnos = (errno.EMFILE, errno.ENOSPC)

    def holds(self, case: Case) -> bool:
        return case.call.startswith("inotify_")

    def _file(self, case: Case) -> str:
        """Of the two places of each limit, the smaller one counts: this user namespace's, and the kernel's own."""
        kind = "instances" if case.call.startswith("inotify_init") else "watches"
        files = (f"/proc/sys/user/max_inotify_{kind}", f"/proc/sys/fs/inotify/max_user_{kind}")
        return min(filter(os.path.exists, files), key=_number)

    def says(self, case: Case) -> str:
        file = self._file(case)
        return f"a user may have {_number(file)} of what inotify watches with, by {file}, and they are in use"

    def confirm(self, case: Case) -> str:
        return f"cat {self._file(case)}"

    def mend(self, case: Case) -> str:
        file = self._file(case)
        return f"sysctl -w {file.removeprefix('/proc/sys/').replace('/', '.')}={max(_number(file) * 2, 256)}"


def _number(file: str) -> int:
    with open(file) as opened:
        return int(opened.read())


CAUSES: tuple[Cause, ...] = (NoMoreInotify(), Full(), NoInodes(), Filling(), TooManyOpen())
