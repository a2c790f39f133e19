"""From what a program writes, in pieces of any size, to the lines of its log.

A line is kept back until its end has come, or 16 KiB of it: then that much is logged as a piece, as Docker does
it, except that no character is torn apart. All pieces of a line have the time of the first.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json
    from minidock.logs.form import Form
    from minidock.logs.rotation import RotatedFiles

_PIECE = 16 << 10
_MOST_LINES = 2048  # of a block: what becomes of 16 KiB of empty lines, all at once, would be megabytes
_CONTINUES, _LEADS = 0x80, 0xC0  # bytes of UTF-8 from here on continue a character, or begin one of several bytes


class Writer:
    """Keeps nothing, as driver `none` does; and what there is to do with any writer."""

    @property
    def lost(self) -> int:
        """How many lines could not be written."""
        return 0

    @property
    def trouble(self) -> str:
        """What went wrong last: why lines were lost, or why a full file could not be packed."""
        return ""

    def write(self, stream: str, data: bytes) -> None:
        """What was read from `stdout` or `stderr`. Never fails: see `lost`."""

    def flush(self) -> None:
        """The program has ended: what it left unfinished is all there will be of that line."""

    def close(self) -> None:
        pass

    def told(self) -> Json:
        """What another writer to the same log needs, to go on where this one is."""
        return None

    def restore(self, told: Json) -> None:
        """Go on where that one was."""


class FileWriter(Writer):
    """Keeps lines in files."""

    def __init__(self, form: Form, files: RotatedFiles) -> None:
        self._form = form
        self._files = files
        self._unfinished: dict[str, bytes] = {}
        self._began: dict[str, int] = {}  # when the line came whose pieces are logged already

    @property
    def lost(self) -> int:
        return self._files.lost

    @property
    def trouble(self) -> str:
        return self._files.trouble

    def write(self, stream: str, data: bytes) -> None:
        data = self._unfinished.pop(stream, b"") + data
        start = 0
        while end := data.rfind(b"\n", start, start + _PIECE) + 1 or _end_of_piece(data, start):
            self._log(stream, data[start:end])
            start = end
        if start < len(data):
            self._unfinished[stream] = data[start:]

    def flush(self) -> None:
        for stream, data in self._unfinished.items():
            self._log(stream, data)
        self._unfinished.clear()
        self._began.clear()

    def close(self) -> None:
        self.flush()
        self._files.close()

    def told(self) -> Json:
        return {"unfinished": {stream: data.hex() for stream, data in self._unfinished.items()}, "began": self._began}

    def restore(self, told: Json) -> None:
        self._unfinished = {stream: bytes.fromhex(data) for stream, data in told["unfinished"].items()}
        self._began = told["began"]

    def _log(self, stream: str, data: bytes) -> None:
        """Whole lines of at most 16 KiB together, or a piece of one line; perhaps the rest of one comes first."""
        now = time.time_ns()
        if stream in self._began:
            end = data.find(b"\n") + 1
            self._append(stream, self._began[stream], data[: end or len(data)])
            if not end:
                return
            del self._began[stream]
            data = data[end:]
        elif not data.endswith(b"\n"):
            self._began[stream] = now
        if data:
            self._append(stream, now, data)

    def _append(self, stream: str, time_ns: int, data: bytes) -> None:
        """As one block if it fits into the file; else line by line, so to say, since files end with a line."""
        middle = _middle(data)
        if not middle or data.count(b"\n") <= _MOST_LINES:
            block = self._form.encode(stream, time_ns, data)
            if not middle or len(block) <= self._files.room:
                self._files.append(block)
                return
        self._append(stream, time_ns, data[:middle])
        self._append(stream, time_ns, data[middle:])


def _middle(lines: bytes) -> int:
    """A line's beginning near the middle; 0 if there is only one line."""
    half = len(lines) // 2
    middle = lines.rfind(b"\n", 0, half) + 1 or lines.find(b"\n", half) + 1
    return middle % len(lines)


def _end_of_piece(data: bytes, start: int) -> int:
    """Where to cut a line that is too long; 0 if it is not. Not within a character: what is torn is no UTF-8."""
    end = start + _PIECE
    if len(data) < end:
        return 0
    for length in (1, 2, 3):
        byte = data[end - length]
        if byte >= _LEADS:
            needed = 2 + (byte >= 0xE0) + (byte >= 0xF0)
            return end - length if needed > length else end
        if byte < _CONTINUES:
            break
    return end
