"""The files of a log, for those who read it while it may be written to, rotated and packed at the same time.

A file is known by its inode, not by its name: names move on with each rotation. While a reader holds a file
open, no other file can get its inode number. All scans go from the newest file to the oldest, the same way as
the files move, so that no file can slip through: at worst one is met twice.
"""

from __future__ import annotations

import os
import zlib

from minidock.logs.packing import packed_from
from minidock.logs.settings import SUFFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.logs.form import Form

_BLOCK = 256 << 10
_LARGEST = 32 << 20  # of a line; a longer one is damage, and passed over
_PACKED = 64 << 10
_WITH_HEADER = 31  # for zlib: a gzip file
_NO_END = 1 << 62
_CLOCK_STEP = 1_000_000_000  # the kernel's times of files may be a little behind the time of day


class LogFile:
    """One file of a log, and how far it has been read."""

    def __init__(self, fd: int, form: Form) -> None:
        self.fd = fd
        self._form = form
        status = os.fstat(fd)
        self.inode = status.st_ino
        self._size = status.st_size
        self._changed = status.st_mtime_ns
        self._offset = 0
        self._end = _NO_END
        self._skip = 0

    def close(self) -> None:
        os.close(self.fd)

    def is_same(self, held: LogFile) -> bool:
        """Whether this is the very file that somebody holds open, or was packed from it, in a scan from the newest.

        Inode numbers are used again, but not while a file is held, nor before its successor has been begun.
        A packed file is no other's origin, though its number may have been one's, earlier.
        """
        return self.inode == held.inode or (self.origin == held.inode and not held.origin)

    @property
    def origin(self) -> int:
        return 0

    def end_here(self) -> None:
        """Read only what is there by now: whoever writes fast might never let a reader come to the end."""
        self._end = self._size

    def is_older(self, time_ns: int) -> bool:
        """Whether all that is in it, if nothing more is written to it, was there before a time."""
        return self._changed + _CLOCK_STEP < time_ns

    def begin_near_end(self, entries: int) -> int:
        """Skip all but the last so many lines; returns how many there are to be read, at most that many."""
        self._offset, found = self._form.tail(self.fd, self._size, entries)
        self._skip = max(0, found - entries)
        return found - self._skip

    def block(self) -> bytes:
        """The next whole lines; nothing at the end, for now, of the file."""
        data = self._whole_lines()
        while self._skip and data:
            count = self._form.count(data)
            if count > self._skip:
                data, self._skip = self._form.skip(data, self._skip), 0
                break
            self._skip -= count
            data = self._whole_lines()
        return data

    def _whole_lines(self) -> bytes:
        wanted = _BLOCK
        while True:
            data = self._look(wanted)
            whole = self._form.whole(data)
            if not whole and wanted >= _LARGEST and len(data) >= wanted:
                whole = len(data)
            if whole or len(data) < wanted:
                self._take(whole)
                return data[:whole]
            wanted *= 4

    def _look(self, wanted: int) -> bytes:
        """The bytes that come next, without taking them. Fewer than were wanted: there are no more."""
        return os.pread(self.fd, min(wanted, max(0, self._end - self._offset)), self._offset)

    def _take(self, amount: int) -> None:
        self._offset += amount


class PackedFile(LogFile):
    """A packed file can be read in one direction only."""

    def __init__(self, fd: int, form: Form) -> None:
        super().__init__(fd, form)
        self._origin = packed_from(fd)
        self._rewind()

    def _rewind(self) -> None:
        self._packed_offset = 0
        self._inflate = zlib.decompressobj(_WITH_HEADER)
        self._ready = b""

    @property
    def origin(self) -> int:
        return self._origin

    def begin_near_end(self, entries: int) -> int:
        self._skip = found = 0
        while data := self._whole_lines():
            found += self._form.count(data)
        self._rewind()
        self._skip = max(0, found - entries)
        return found - self._skip

    def _look(self, wanted: int) -> bytes:
        while len(self._ready) < wanted and not self._inflate.eof:
            packed = self._inflate.unconsumed_tail or os.pread(self.fd, _PACKED, self._packed_offset)
            if not self._inflate.unconsumed_tail:
                self._packed_offset += len(packed)
            if not packed:
                break
            try:
                self._ready += self._inflate.decompress(packed, wanted)
            except zlib.error:  # damaged: what came before it can be read
                break
        return self._ready[:wanted]

    def _take(self, amount: int) -> None:
        self._ready = self._ready[amount:]


def from_newest(path: str, form: Form) -> Iterator[LogFile]:
    """The files of a log that exist, each open, the newest first. To be closed by the caller."""
    previous = None
    for number in range(_highest(path) + 2):  # a rotation may move the oldest on in the meantime
        file = _opened(path, number, form)
        if file is None:
            continue  # a gap goes through the numbers while a rotation is under way
        if previous and file.is_same(previous):
            file.close()
            continue
        previous = file
        yield file


def after(file: LogFile | None, path: str, form: Form) -> LogFile | None:
    """The file that was begun next after this one; None if this one is still the newest."""
    found: LogFile | None = None
    if file and _inode(path) == file.inode:
        return None
    for candidate in from_newest(path, form):
        if file and candidate.is_same(file):
            candidate.close()
            return found
        if found:
            found.close()
        found = candidate
    return found  # this one is gone already, so the oldest that is left comes next


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


def _opened(path: str, number: int, form: Form) -> LogFile | None:
    plain = f"{path}.{number}" if number else path
    for name, kind in ((plain, LogFile), (plain + SUFFIX, PackedFile)):
        try:
            return kind(os.open(name, os.O_RDONLY | os.O_CLOEXEC), form)
        except FileNotFoundError:
            continue
    return None


def _highest(path: str) -> int:
    """The number of the oldest file."""
    name = os.path.basename(path) + "."
    try:
        numbers = [entry.removeprefix(name).removesuffix(SUFFIX) for entry in os.listdir(os.path.dirname(path) or ".")]
    except FileNotFoundError:
        return 0
    return max((int(number) for number in numbers if number.isascii() and number.isdecimal()), default=0)
