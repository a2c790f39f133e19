"""The files of one log: one to write to, and older ones that it was before. Docker's names and rules.

    NAME           written to; once it has reached `max_size`, before the next line, it becomes
    NAME.1 …       the newest of the older ones, each of which becomes the next; of all, `max_files` are kept
    NAME.1.gz …    the same, packed

A disk that is full, or broken, never stops a container: what cannot be written is dropped, and counted.
"""

from __future__ import annotations

import os

from minidock.errors import reason
from minidock.logs.settings import NO_LIMIT, SUFFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.logs.form import Form
    from minidock.logs.packing import Packing

_MODE = 0o640
_PACE = 64 << 10  # bytes to pack with each block, at least, and never less than two for each that is written
_LAST_PACE = 64 << 20  # bytes that may still be packed at the end: some tenths of a second
_WINDOW = 256 << 10


class RotatedFiles:
    """The files of a log, for the one who writes them."""

    def __init__(
        self, path: str, form: Form, *, max_size: int = NO_LIMIT, max_files: int = 1, compress: bool = False
    ) -> None:
        self._path = path
        self._form = form
        self._max_size, self._max_files, self._compress = max_size, max_files, compress
        self._packing: Packing | None = None
        self._size = 0
        self.lost = 0
        self.trouble = ""
        self._fd = -1
        self._open()
        self._mend()
        self._pack_newest()

    def _open(self) -> None:
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _MODE)
        self._size = os.fstat(self._fd).st_size

    def _mend(self) -> None:
        """Cut off what a monitor that was killed left of its last line: it would spoil the next one, too."""
        offset = self._form.tail(self._fd, self._size, 1)[0]
        while data := os.pread(self._fd, _WINDOW, offset):
            whole = self._form.whole(data)
            if not whole:
                break
            offset += whole
        self._cut(offset)

    def _cut(self, size: int) -> None:
        if size < os.fstat(self._fd).st_size:
            os.ftruncate(self._fd, size)
        self._size = size

    # Writing ----------------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """How large a block may be, if it is more than one line."""
        return self._max_size if self._is_full else self._max_size - self._size

    @property
    def _is_full(self) -> bool:
        return self._size >= self._max_size

    def append(self, block: bytes) -> None:
        """Write a block of whole lines, which begins in a new file if this one is full."""
        written = 0
        try:
            if self._fd < 0:
                self._open()
            if self._is_full:
                self._rotate()
            while written < len(block):
                written += os.write(self._fd, block[written:] if written else block)
            self._size += written
        except OSError as error:
            self._lose(block, written, error)
        self._go_on_packing(max(_PACE, 2 * len(block)))

    def _lose(self, block: bytes, written: int, error: OSError) -> None:
        """Keep the lines that are whole, since somebody may have read them; cut off the one that is not."""
        kept = self._form.whole(block[:written])
        self.lost += self._form.count(block[kept:])
        self.trouble = reason(error)
        if written:
            try:
                self._cut(self._size + kept)
            except OSError:  # half a line stays, and will be passed over
                self._size += written

    def close(self) -> None:
        if self._packing and self._packing.left <= _LAST_PACE:
            self._go_on_packing(NO_LIMIT)
        if self._packing:
            self._packing.give_up()
            self._packing = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    # Rotation ---------------------------------------------------------------------------------------------

    def _rotate(self) -> None:
        """Readers hold files open, not names: whoever is in the middle of one reads on, and then finds the next.

        So the names change, and no file is emptied; and a file is closed before it gets its new name: once
        the old one is gone, all that is in it has been written.
        """
        self._go_on_packing(NO_LIMIT)
        os.close(self._fd)
        self._fd = -1
        if self._max_files > 1:
            self._shift()
            os.rename(self._path, f"{self._path}.1")
        else:
            os.unlink(self._path)
        self._open()
        self._pack_newest()

    def _shift(self) -> None:
        """Free the name of the newest old file: each up to the first gap becomes the next, the last goes."""
        free = 1
        while free < self._max_files - 1 and self._names(free):
            free += 1
        for name in self._names(free):
            os.unlink(name)
        for number in range(free - 1, 0, -1):
            for name in self._names(number):
                packed = SUFFIX if name.endswith(SUFFIX) else ""
                os.rename(name, f"{self._path}.{number + 1}{packed}")

    def _names(self, number: int) -> list[str]:
        """Both names that an old file can have, as far as they exist."""
        plain = f"{self._path}.{number}"
        return [name for name in (plain, plain + SUFFIX) if os.path.exists(name)]

    # Packing ----------------------------------------------------------------------------------------------

    def _pack_newest(self) -> None:
        newest = f"{self._path}.1"
        if self._compress and os.path.exists(newest):
            try:
                from minidock.logs.packing import Packing

                self._packing = Packing(newest)
            except OSError as error:  # it stays as it is
                self.trouble = reason(error)

    def _go_on_packing(self, amount: int) -> None:
        if self._packing is None:
            return
        try:
            if self._packing.go_on(amount):
                return
        except OSError as error:
            self.trouble = reason(error)
            self._packing.give_up()
        self._packing = None
