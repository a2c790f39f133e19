"""What a container has changed in its tree: `diff`, read from the upper directory of its overlay.

A   is new            C   is another than in the image, or has something in it that is            D   is gone

A file that was only opened for writing is in the upper directory too, as it was: what counts is whether the
kernel says anything else of it than of the one below. As in Docker, the size and time of a directory do not.
"""

from __future__ import annotations

import errno
import os
import stat

from minidock.engine.files import tree
from minidock.images.upper import PLACEHOLDERS, is_opaque, is_whiteout
from minidock.kernel import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.state.containers import Row

    Change = tuple[str, str]  # its kind, and a path

ADDED, CHANGED, DELETED = "A", "C", "D"
_IN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_CAPABILITY = "security.capability"


def differences(engine: Engine, row: Row) -> list[Change]:
    """What a container has changed, by path."""
    upper = paths.open_root(engine.place(row.id).file("upper"))
    try:
        with tree.below(engine, row) as lower:
            return compare(upper, lower.root)
    finally:
        os.close(upper)


def compare(upper: int, lower: int) -> list[Change]:
    """The changes in an upper directory against the tree below it."""
    comparison = _Comparison(upper, lower)
    while comparison.waiting:
        comparison.look_into(*comparison.waiting.pop())
    return comparison.changes()


class _Comparison:
    """Goes through the directories one after the other: they may be nested by the thousand."""

    def __init__(self, upper: int, lower: int) -> None:
        self._upper = upper
        self._lower = lower
        self.waiting = [("", False)]  # directories, and whether they are new
        self._kinds: dict[str, str] = {}  # of all that is in the upper directory
        self._unless: dict[str, str] = {}  # what is only a change if something in it is, and then which

    def changes(self) -> list[Change]:
        for path in list(self._kinds):
            above = path.rpartition("/")[0]
            while above in self._unless:
                self._kinds[above] = self._unless.pop(above)
                above = above.rpartition("/")[0]
        return [(self._kinds[path], f"/{path}") for path in sorted(self._kinds, key=lambda path: path.split("/"))]

    def look_into(self, path: str, is_new: bool) -> None:
        """The changes in one directory of the upper one; in one that is new, all are."""
        directory = _open(self._upper, path)
        if directory < 0:  # removed meanwhile
            return
        try:
            names = os.listdir(directory)
            for name in names:
                self._look_at(directory, name, f"{path}/{name}" if path else name, is_new=is_new)
            if not is_new and is_opaque(directory):
                gone = self._names_below(path) - set(names)
                self._kinds.update({f"{path}/{name}": DELETED for name in gone})
        finally:
            os.close(directory)

    def _look_at(self, directory: int, name: str, path: str, *, is_new: bool) -> None:
        found = _find(directory, name)
        before = None if is_new else self._below(path)
        if found is None or (is_whiteout(found.status) and before is None):
            return
        if is_whiteout(found.status):
            self._kinds[path] = DELETED
            return
        kind = ADDED if before is None else CHANGED
        if not _is_ours(path, found) if before is None else found.differs(before):
            self._kinds[path] = kind
        elif found.is_directory:
            self._unless[path] = kind
        if found.is_directory:
            self.waiting.append((path, before is None or not before.is_directory))

    def _below(self, path: str) -> _Found | None:
        """What the image has at a path; what lies behind a link of its is not it."""
        directory, _, name = path.rpartition("/")
        parent = _open(self._lower, directory)
        if parent < 0:
            return None
        try:
            return _find(parent, name)
        finally:
            os.close(parent)

    def _names_below(self, path: str) -> set[str]:
        directory = _open(self._lower, path)
        if directory < 0:
            return set()
        try:
            return set(os.listdir(directory))
        finally:
            os.close(directory)


def _open(root: int, path: str) -> int:
    """A directory of a tree; -1 if there is none."""
    try:
        return paths.open_inside(root, path or ".", _IN_DIRECTORY, follow=False)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return -1
        raise


def _find(parent: int, name: str) -> _Found | None:
    try:
        return _Found(parent, name)
    except FileNotFoundError:
        return None


class _Found:
    """What the kernel says of one file."""

    def __init__(self, parent: int, name: str) -> None:
        self.status = os.lstat(name, dir_fd=parent)
        self.capability = b""
        if stat.S_ISREG(self.status.st_mode):
            self.capability = _capability(f"/proc/self/fd/{parent}/{name}")

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)

    def differs(self, other: _Found) -> bool:
        mine, theirs = self.status, other.status
        if (mine.st_mode, mine.st_uid, mine.st_gid) != (theirs.st_mode, theirs.st_uid, theirs.st_gid):
            return True
        if self.is_directory:
            return False
        same = (mine.st_size, mine.st_mtime_ns, mine.st_rdev) == (theirs.st_size, theirs.st_mtime_ns, theirs.st_rdev)
        return not same or self.capability != other.capability


def _capability(path: str) -> bytes:
    try:
        return os.getxattr(path, _CAPABILITY, follow_symlinks=False)
    except OSError:
        return b""


def _is_ours(path: str, found: _Found) -> bool:
    """Made by the runtime to mount something on, or to hold what was."""
    return path in PLACEHOLDERS and (found.is_directory or not found.status.st_size)
