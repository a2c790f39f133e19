"""What is in the making: a file or directory that nobody sees until it is whole.

A draft lives in `<root>/unfinished` and is renamed to its place when it is done, so a crash at any moment
leaves either nothing or all of it. Its maker holds a lock on it, flock(2), which the kernel lets go when
that process dies, however it dies: what is found unlocked there has no maker any more, and is removed.
"""

from __future__ import annotations

import errno
import fcntl
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_BLOCK = 4096  # of most file systems
_ZEROS = bytes(_BLOCK)


class Lock:
    """An exclusive lock on a file or directory, for a `with` block; it cannot outlive its process."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __enter__(self) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


class Draft:
    """A file or a directory in the making. Leaving the `with` block unpublished removes it."""

    def __init__(self, root: str, *, directory: bool = False, synced: bool = True) -> None:
        place = f"{root}/unfinished"
        os.makedirs(place, mode=0o700, exist_ok=True)
        self.path = f"{place}/{os.urandom(8).hex()}"
        self._directory = directory
        self._published = False
        self._hasty = not synced  # its maker sees to it that all is on disk, before somebody relies on it
        self.is_synced = self._hasty  # whoever has many may sync them at once
        with Lock(place):  # so that no other process takes it for an orphan before it is locked
            _sweep(place)
            self.fd = _make_directory(self.path) if directory else _make_file(self.path)
            # Shared, so that others may hold it too, once it is in its place: see making.py. An orphan is
            # told by trying for an exclusive lock.
            fcntl.flock(self.fd, fcntl.LOCK_SH)

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._published:
            remove(self.path)
        os.close(self.fd)

    def publish(self, place: str) -> None:
        """Put it where everybody sees it: on disk first, so that a power cut cannot leave a hollow one.

        A file replaces what was there. A directory does not: who comes second has made the same in vain.
        """
        self._sync()
        try:
            os.rename(self.path, place)
            self._published = True
        except OSError as error:
            if not self._directory or error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        self._sync_directory(place)

    def publish_if_new(self, place: str) -> bool:
        """The same, but what is there stays, so that whoever holds it holds what others find. False: it is there."""
        if self._directory:
            self.publish(place)
            return self._published
        self._sync()
        try:
            os.link(self.path, place)
        except FileExistsError:
            return False
        self._sync_directory(place)
        return True

    def _sync(self) -> None:
        if self.is_synced:
            return
        if self._directory:
            from minidock.kernel import syscalls

            syscalls.syncfs(self.fd)
        else:
            os.fsync(self.fd)

    def _sync_directory(self, place: str) -> None:
        if not self._hasty:
            sync_directory(os.path.dirname(place))


def remove_if_empty(directory: str) -> None:
    try:
        os.rmdir(directory)
    except OSError:  # somebody else has a draft there
        pass


def is_at(path: str, fd: int) -> bool:
    """Whether a path still leads to what a descriptor is open on."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(fd))
    except FileNotFoundError:
        return False


def write_whole(root: str, place: str, text: str) -> None:
    """Write a file so that a reader, or a crash, sees the old text or the new, never a part."""
    with Draft(root) as draft:
        write_all(draft.fd, text.encode())
        draft.publish(place)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """write(2) may take less than it is given."""
    written = os.write(fd, data)
    while written < len(data):
        written += os.write(fd, memoryview(data)[written:])


def write_with_holes(fd: int, data: bytes) -> None:
    """The same, but blocks of zeros become holes, which read as zeros and take no room. At the end the file has to be
    given its size: a hole at the very end is none yet. lseek(2)"""
    view, begin, at = memoryview(data), 0, 0
    end = -os.lseek(fd, 0, os.SEEK_CUR) % _BLOCK or _BLOCK  # of the block, or the part of one, that begins at `at`
    while at < len(data):
        part = data[at:end]
        if part == _ZEROS[: len(part)]:
            if begin < at:
                write_all(fd, view[begin:at])
            os.lseek(fd, len(part), os.SEEK_CUR)
            begin = end
        at, end = end, end + _BLOCK
    if begin < len(data):
        write_all(fd, view[begin:])


def remove(path: str, parent: int | None = None) -> None:
    """Remove a file, or a directory with all below it, however deep: an image may nest by the thousand.

    Neither recursion nor one descriptor per level: what a subdirectory holds in directories is first moved
    up to the top, under names that nobody can foresee. No symbolic link is followed.
    """
    try:
        os.unlink(path, dir_fd=parent)
        return
    except IsADirectoryError:
        waiting = [f"{path}/{name}" for name in _empty(path, parent)]
    while waiting:
        directory = waiting.pop()
        for name in _empty(directory, parent):
            aside = f"{path}/.{os.urandom(8).hex()}"
            os.rename(f"{directory}/{name}", aside, src_dir_fd=parent, dst_dir_fd=parent)
            waiting.append(aside)
        os.rmdir(directory, dir_fd=parent)
    os.rmdir(path, dir_fd=parent)


def _empty(directory: str, parent: int | None) -> list[str]:
    """Remove what a directory holds, except its subdirectories: their names are returned."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        with os.scandir(fd) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for name, is_directory in found:
            if not is_directory:
                os.unlink(name, dir_fd=fd)
    finally:
        os.close(fd)
    return [name for name, is_directory in found if is_directory]


def _make_file(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _make_directory(path: str) -> int:
    os.mkdir(path, 0o700)
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def sync_directory(path: str) -> None:
    """A rename is safe from a power cut when the directory that holds the name is on disk. fsync(2)"""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync(root: str) -> None:
    """Bring to disk all that was not synced one by one."""
    from minidock.kernel import syscalls

    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        syscalls.syncfs(fd)
    finally:
        os.close(fd)


def orphans(root: str) -> list[str]:
    """The names of those drafts whose makers died."""
    place = f"{root}/unfinished"
    if not os.path.isdir(place):
        return []
    with Lock(place):
        return [name for name in sorted(os.listdir(place)) if _if_orphan(f"{place}/{name}", lambda _: None)]


def sweep(root: str) -> None:
    """Remove the drafts whose makers died."""
    place = f"{root}/unfinished"
    with Lock(place):
        _sweep(place)


def _sweep(place: str) -> None:
    for name in os.listdir(place):
        try:
            _if_orphan(f"{place}/{name}", remove)
        except FileNotFoundError:  # published meanwhile
            pass


def _if_orphan(path: str, act: Callable[[str], None]) -> bool:
    """Do something to a draft that has no maker any more; whether it was one."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        act(path)
    except BlockingIOError:  # its maker lives
        return False
    finally:
        os.close(fd)
    return True
