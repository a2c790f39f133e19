"""Paths that lead nowhere: in a container's tree, where the image may hold anything, or among the host's files."""

from __future__ import annotations

import errno
import os
import stat
from shlex import quote

from minidock.diagnosis.cause import Cause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.diagnosis.case import Case

_LONGEST_NAME = 255  # NAME_MAX: of every file system that Linux has
_SHOWN = 40
_IN_CONTAINER = ("process.cwd", "process.find", "process.exec")  # steps that look for what the image has


def listing(case: Case, path: str) -> str:
    """A command that shows what is at a path: of a container by its archive, which needs no program in it."""
    return f"minidock cp CONTAINER:{quote(path)} - | tar -tv" if _is_containers(case) else f"ls -ld {quote(path)}"


def _is_containers(case: Case) -> bool:
    """What is not to be found from here by the same path belongs to a container."""
    return case.is_inside_tree or case.step in _IN_CONTAINER


def _whose(case: Case) -> str:
    return "in the container " if _is_containers(case) else ""


class _Blocked(Cause):
    """A path that cannot be walked to its end."""

    def _stop(self, case: Case) -> str:
        """The beginning of the path that could not be opened; "" where all of it could."""
        if not case.path.startswith("/"):
            return ""
        walked = case.walk(case.path)
        return walked[-1][0] if walked and walked[-1][1] == case.errno else ""


class SymlinkLoop(_Blocked):
    """Symbolic links on the way lead in a circle, or through more than 40 of them."""

    name = "path.symlink-loop"
    errnos = (errno.ELOOP,)

    def holds(self, case: Case) -> bool:
        return bool(self._stop(case))

    def says(self, case: Case) -> str:
        return f"{_whose(case)}{self._stop(case)} is a symbolic link that leads in a circle"

    def confirm(self, case: Case) -> str:
        return listing(case, self._stop(case))

    def mend(self, case: Case) -> str:
        return f"replace the link {self._stop(case)} by what it was meant to lead to, or name another path"


class SymlinkNotFollowed(Cause):
    """A symbolic link of the image is where none is followed: on /proc and /sys it could lead to other files."""

    name = "path.symlink"
    errnos = (errno.ELOOP, errno.ENOTDIR)

    def holds(self, case: Case) -> bool:
        return case.is_inside_tree and bool(self._link(case))

    def _link(self, case: Case) -> str:
        """The first link on the way, looked at from the tree's own root."""
        for part, number in case.walk(case.path):
            if not number and _is_link(case, part):
                return part
        return ""

    def says(self, case: Case) -> str:
        return f"in the image {self._link(case)} is a symbolic link, and none is followed here"

    def confirm(self, case: Case) -> str:
        return listing(case, self._link(case))

    def mend(self, case: Case) -> str:
        return f"make {self._link(case)} a directory in the image"


def _is_link(case: Case, path: str) -> bool:
    """Whether the last name of a path is that of a link: opened without following, the kernel refuses it."""
    try:
        os.close(case.open(path, follow=False))
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


class NotADirectory(Cause):
    """A file is where the path needs a directory."""

    name = "path.not-a-directory"
    errnos = (errno.ENOTDIR,)

    def holds(self, case: Case) -> bool:
        return bool(self._file(case))

    def _file(self, case: Case) -> str:
        path = case.path if case.path.startswith("/") else case.get("target")
        for part, number in case.walk(path):
            if not number and not stat.S_ISDIR(case.mode(part)):
                return part
        return ""

    def says(self, case: Case) -> str:
        return f"{_whose(case)}{self._file(case)} is a file, and a directory is needed there"

    def confirm(self, case: Case) -> str:
        return listing(case, self._file(case))

    def mend(self, case: Case) -> str:
        return f"name another path, or remove the file {self._file(case)}"


class Missing(_Blocked):
    """The path, or the beginning of it, is not there."""

    name = "path.missing"
    errnos = (errno.ENOENT,)

    def holds(self, case: Case) -> bool:
        is_of_cgroup = case.call.startswith("write ")  # what the kernel has not, nobody can make
        knows_more = case.get("hinted", False)  # the step does, which is not for all paths alike
        return bool(self._stop(case)) and not is_of_cgroup and not knows_more

    def says(self, case: Case) -> str:
        stop = self._stop(case)
        above = os.path.dirname(stop)
        return f"{_whose(case)}there is no {stop}; {above} is there" if above != "/" else f"there is no {stop}"

    def confirm(self, case: Case) -> str:
        return listing(case, os.path.dirname(self._stop(case)))

    def mend(self, case: Case) -> str:
        return f"make it first, or name a path that is there: mkdir -p {quote(case.path)}"


class NameTooLong(Cause):
    """A name in the path is longer than file systems take, or all of it longer than the kernel takes."""

    name = "path.name-too-long"
    errnos = (errno.ENAMETOOLONG,)

    def holds(self, case: Case) -> bool:
        return bool(self._longest(case))

    def _longest(self, case: Case) -> str:
        names = [*case.path.split("/"), *str(case.get("target")).split("/"), *str(case.get("path")).split("/")]
        return max((name for name in names if len(os.fsencode(name)) > _LONGEST_NAME), key=len, default="")

    def says(self, case: Case) -> str:
        name = self._longest(case)
        length = len(os.fsencode(name))
        return f'the name "{name[:_SHOWN]}…" has {length} bytes, and a name of a file has at most {_LONGEST_NAME}'

    def confirm(self, case: Case) -> str:
        return "getconf NAME_MAX /"

    def mend(self, case: Case) -> str:
        return "choose a shorter name"


class ReadOnly(Cause):
    """The file system that was to be written to is mounted read-only."""

    name = "path.read-only"
    errnos = (errno.EROFS,)

    def holds(self, case: Case) -> bool:
        return bool(self._path(case)) and case.is_read_only(self._path(case))

    def _path(self, case: Case) -> str:
        candidates = [case.path, case.get("place"), case.get("target"), case.get("path")]
        return next((path for path in candidates if isinstance(path, str) and path.startswith("/")), "")

    def says(self, case: Case) -> str:
        kind, point = case.mount_of(self._path(case))
        where = f"what is mounted where {self._path(case)} is" if _is_containers(case) else f"the {kind} on {point}"
        return f"{where} is mounted read-only"

    def confirm(self, case: Case) -> str:
        return f"findmnt -T {quote(self._path(case))} -o TARGET,FSTYPE,OPTIONS"

    def mend(self, case: Case) -> str:
        if _is_containers(case):
            return f"make {self._path(case)} beforehand, in the image or the volume, or mount it without ro"
        return f"mount -o remount,rw {quote(case.mount_of(self._path(case))[1])}, or use a directory elsewhere"


class Unsearchable(Cause):
    """A directory on the way may not be searched by the user that the container's root is on the host."""

    name = "path.unsearchable"
    errnos = (errno.EACCES,)

    def holds(self, case: Case) -> bool:
        return bool(case.pid and self._barrier(case))

    def _barrier(self, case: Case) -> str:
        """The first directory that is closed to that user; the tree is the host's."""
        uid = self._uid(case)
        path = case.path if case.path.startswith("/") else ""
        names = [name for name in path.split("/") if name]
        for count in range(1, len(names)):
            part = "/" + "/".join(names[:count])
            found = os.stat(part)
            if uid and not found.st_mode & (0o100 if found.st_uid == uid else 0o001):
                return part
        return ""

    def _uid(self, case: Case) -> int:
        return case.status().effective_user

    def says(self, case: Case) -> str:
        part, uid = self._barrier(case), self._uid(case)
        return f"user {uid}, who asks, may not search {part}: its mode is {stat.S_IMODE(os.stat(part).st_mode):04o}"

    def confirm(self, case: Case) -> str:
        return f"namei -l {quote(case.path)}"

    def mend(self, case: Case) -> str:
        return f"chmod o+x {quote(self._barrier(case))}"


CAUSES: tuple[Cause, ...] = (
    *(SymlinkLoop(), SymlinkNotFollowed(), NotADirectory(), Missing(), NameTooLong(), ReadOnly(), Unsearchable()),
)
