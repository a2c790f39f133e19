"""A tree of files as a tar archive: the way out, as unpack.py is the way in.

The tree may be a container's, which may be changed while we read it, by somebody who means us harm. So nothing is
opened by a path of strings: each directory is resolved below the tree's root by the kernel (openat2), without
following any link. What is in it is first held without being opened (O_PATH), then looked at, and only a regular
file is opened, by that same handle: to open a device or a pipe is to use it.

The archive is made as it is read, piece by piece, so none of its size is held in memory. The order is fixed: a
directory, what is in it by name, then its subdirectories. The same tree gives the same bits.
"""

from __future__ import annotations

import errno
import os
import stat

from minidock.errors import MinidockError
from minidock.images import tar, tar_writer
from minidock.images.streams import Stream
from minidock.kernel.paths import open_inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from minidock.images.tar import Entry

_CHUNK = 256 << 10
_SECOND = 1_000_000_000
_KINDS = {
    stat.S_IFREG: tar.FILE,
    stat.S_IFLNK: tar.SYMLINK,
    stat.S_IFCHR: tar.CHARACTER,
    stat.S_IFBLK: tar.BLOCK,
    stat.S_IFIFO: tar.FIFO,
    stat.S_IFDIR: tar.DIRECTORY,
}  # a socket is none of them: it is nothing without the program that listens
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_HANDLE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # it was there when its directory was read
# Attributes that belong to a file wherever it is; labels of security modules belong to a host.
_ATTRIBUTES = ("user.", "security.capability", "system.posix_acl_")
_OVERLAY = ("user.overlay.", "trusted.overlay.")


class Packing:
    """One archive being made from a tree."""

    def __init__(self, root: int, *, empty: Collection[str] = (), fractions: bool = True) -> None:
        self.root = root
        self._empty = {path.strip("/") for path in empty}  # directories of which the content is left out
        self._fractions = fractions  # of seconds: they take an extra entry for nearly each file
        self._names: dict[tuple[int, int], str] = {}  # the first name of each file that has several
        self._buffer: list[bytes] = []
        self._buffered = 0

    def tree(self, path: str, name: str = "") -> Iterator[bytes]:
        """A directory and all below it. It stands in the archive as `name`; without one, its content does."""
        waiting = [(path.strip("/"), name)]
        while waiting:
            path, name = waiting.pop()
            if self.passes_by(path):
                continue
            try:
                directory = open_inside(self.root, path or ".", _DIRECTORY, follow=False)
            except OSError as error:
                if error.errno in _GONE:
                    continue
                raise _too_long(path, error) from error
            try:
                names = [] if path in self._empty else sorted(os.listdir(directory))
                if not self.is_left_out(path, directory, names):
                    yield from self._directory(directory, path, name, names, waiting)
            finally:
                os.close(directory)
        yield from self._end()

    def file(self, parent: int, base: str, name: str) -> Iterator[bytes]:
        """What is called `base` in a directory, whatever it is but a directory, as an archive of one entry."""
        yield from self._one(parent, base, name)
        yield from self._end()

    # What a layer does differently -------------------------------------------------------------------------

    def passes_by(self, path: str) -> bool:  # noqa: ARG002
        """Whether a directory is not even to be looked into."""
        return False

    def is_left_out(self, path: str, directory: int, names: list[str]) -> bool:  # noqa: ARG002
        return False

    def own_entry(self, directory: int, name: str) -> bytes:
        """What says that a directory is there, before all that is in it."""
        if not name:
            return b""
        entry = self.entry(f"{name}/", os.fstat(directory))
        entry.xattrs = _attributes(directory)
        return tar_writer.header(entry)

    def instead(self, path: str, name: str, status: os.stat_result) -> bytes | None:  # noqa: ARG002
        """What stands in the archive for a file, if that is not the file itself."""
        return None

    def check_file(self, file: int, name: str) -> None:
        """Object to a regular file."""

    def hear(self, data: bytes) -> None:
        """Hear of the content of the file whose entry was the last."""

    # Entries ----------------------------------------------------------------------------------------------

    def _directory(
        self, directory: int, path: str, name: str, names: list[str], waiting: list[tuple[str, str]]
    ) -> Iterator[bytes]:
        self._put(self.own_entry(directory, name))
        below: list[tuple[str, str]] = []
        for base in names:
            inner = (f"{path}/{base}" if path else base, f"{name}/{base}" if name else base)
            if not _is_directory(directory, base):
                yield from self._one(directory, base, inner[1], inner[0])
            else:
                below.append(inner)
        waiting += reversed(below)

    def _one(self, parent: int, base: str, name: str, path: str = "") -> Iterator[bytes]:
        try:
            handle = os.open(base, _HANDLE, dir_fd=parent)
        except OSError as error:
            if error.errno in _GONE:
                return
            raise
        try:
            status = os.fstat(handle)
            instead = self.instead(path, name, status)
            if instead is not None:
                self._put(instead)
            elif stat.S_IFMT(status.st_mode) in _KINDS and not stat.S_ISDIR(status.st_mode):
                yield from self._file(handle, name, status)
        finally:
            os.close(handle)
        if self._buffered >= _CHUNK:
            yield self._flush()

    def entry(self, name: str, status: os.stat_result) -> Entry:
        entry = entry_of(name, status)
        if not self._fractions:
            entry.mtime -= entry.mtime % _SECOND
        return entry

    def _file(self, handle: int, name: str, status: os.stat_result) -> Iterator[bytes]:
        entry = self.entry(name, status)
        if status.st_nlink > 1:
            first = self._names.setdefault((status.st_dev, status.st_ino), name)
            if first != name:
                entry.kind, entry.link, entry.size = tar.HARD_LINK, first, 0
                self._put(tar_writer.header(entry))
                return
        if entry.kind == tar.SYMLINK:
            entry.link = os.readlink("", dir_fd=handle)
        if entry.kind == tar.FILE:
            yield from self._content(handle, entry)
        else:
            entry.xattrs = _attributes(f"/proc/self/fd/{handle}")
            self._put(tar_writer.header(entry))

    def _content(self, handle: int, entry: Entry) -> Iterator[bytes]:
        """Exactly as many bytes as were announced: a file that has shrunk since is filled up with zeros. So are its
        holes: an archive can say that they are holes, but Docker and Podman then cannot make it again from the files.
        Whoever unpacks it finds zeros, and can make holes of them."""
        fd = os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self.check_file(fd, entry.name)
            entry.xattrs = _attributes(fd)
            self._put(tar_writer.header(entry))
            left = entry.size
            while left:
                data = os.read(fd, min(left, _CHUNK)) or bytes(min(left, _CHUNK))
                left -= len(data)
                self.hear(data)
                self._put(data)
                if self._buffered >= _CHUNK:
                    yield self._flush()
            self._put(tar_writer.padding(entry.size))
        finally:
            os.close(fd)

    # The stream -------------------------------------------------------------------------------------------

    def _put(self, data: bytes) -> None:
        if data:
            self._buffer.append(data)
            self._buffered += len(data)

    def _flush(self) -> bytes:
        data = b"".join(self._buffer)
        self._buffer.clear()
        self._buffered = 0
        return data

    def _end(self) -> Iterator[bytes]:
        self._put(tar_writer.END)
        yield self._flush()


class Packed(Stream):
    """An archive that is made while it is read: like a file, or like the content of a blob."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.read_so_far = 0

    def next_piece(self) -> bytes:
        piece = next(self._pieces, b"")
        self.read_so_far += len(piece)
        return piece


def entry_of(name: str, status: os.stat_result) -> Entry:
    """What the kernel says of a file, as an archive says it."""
    entry = tar.plain_entry(name, _KINDS[stat.S_IFMT(status.st_mode)], stat.S_IMODE(status.st_mode))
    entry.uid, entry.gid = status.st_uid, status.st_gid
    entry.size = status.st_size if entry.kind == tar.FILE else 0
    entry.mtime = status.st_mtime_ns
    entry.device = status.st_rdev if entry.kind in (tar.CHARACTER, tar.BLOCK) else 0
    return entry


def _is_directory(parent: int, base: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(base, dir_fd=parent).st_mode)
    except FileNotFoundError:
        return False


def _attributes(file: int | str) -> dict[str, bytes]:
    try:
        keys = os.listxattr(file)
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENOENT):
            return {}
        raise
    found = {}
    for key in keys:
        if key.startswith(_ATTRIBUTES) and not key.startswith(_OVERLAY):
            try:
                found[key] = os.getxattr(file, key)
            except OSError as error:
                if error.errno != errno.ENODATA:  # taken away meanwhile
                    raise
    return found


def _too_long(path: str, error: OSError) -> Exception:
    if error.errno != errno.ENAMETOOLONG:
        return error
    return MinidockError(
        f"a path of {len(os.fsencode(path))} bytes: {path[:60]}…", hint="the kernel takes 4096 at most: remove it"
    )
