"""The local driver's format: compact, exact to the byte, and readable from both ends.

    size    4 bytes, big-endian, as all numbers: of the text
    time    8 bytes: nanoseconds since 1970
    stream  1 byte: 1 stdout, 2 stderr
    text    whole lines, all of the same time and stream; or one piece of a line longer than 16 KiB
    size    4 bytes: once more, for those who come from the end

Many lines that came at once are one record, so to write them costs no more than to copy them.
"""

from __future__ import annotations

import os
import struct

from minidock.logs.form import STREAMS, Form

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.logs.form import Entry

    Record = tuple[int, str, bytes]  # time, stream, text

_HEAD = struct.Struct(">IQB")
_FOOT = struct.Struct(">I")
_LARGEST = 32 << 10  # of a text; what claims to be larger is damaged
_WINDOW = 64 << 10  # holds at least one record


class Local(Form):
    """Encodes and decodes blocks of whole records."""

    def encode(self, stream: str, time_ns: int, data: bytes) -> bytes:
        head = _HEAD.pack(len(data), time_ns, 1 + STREAMS.index(stream))
        return b"".join((head, data, _FOOT.pack(len(data))))

    # Finding one's way ------------------------------------------------------------------------------------

    def whole(self, data: bytes) -> int:
        start = 0
        while end := _end_of_record(data, start):
            start = end
        return start

    def count(self, block: bytes) -> int:
        return sum(_lines(text) for _, _, text in _records(block))

    def skip(self, block: bytes, entries: int) -> bytes:
        start = 0
        for time_ns, stream, text in _records(block):
            start += _HEAD.size + len(text) + _FOOT.size
            lines = _lines(text)
            if lines > entries:  # the record goes on with this line
                rest = text.split(b"\n", entries)[-1]
                return self.encode(stream, time_ns, rest) + block[start:]
            entries -= lines
        return b""

    def tail(self, fd: int, size: int, entries: int) -> tuple[int, int]:
        found, end = 0, size
        while end > 0 and found < entries:
            window = os.pread(fd, min(_WINDOW, end), max(0, end - _WINDOW))
            left = len(window)
            while found < entries and (start := _start_of_record(window, left)) >= 0:
                found += _lines(window[start + _HEAD.size : left - _FOOT.size])
                left = start
            if left == len(window):  # damaged, or somebody writes just now: come from the beginning
                return 0, self._count_forwards(fd)
            end -= len(window) - left
        return end, found

    def _count_forwards(self, fd: int) -> int:
        start = found = 0
        while whole := self.whole(window := os.pread(fd, _WINDOW, start)):
            found += self.count(window[:whole])
            start += whole
        return found

    def ends(self, block: bytes) -> tuple[int, int]:
        times = [time_ns for time_ns, _, _ in _records(block)]
        return (times[0], times[-1]) if times else (0, 0)

    # Reading ----------------------------------------------------------------------------------------------

    def entries(self, block: bytes) -> Iterator[Entry]:
        for time_ns, stream, text in _records(block):
            lines = text.split(b"\n")
            for line in lines[:-1]:
                yield time_ns, stream, line + b"\n", {}
            if lines[-1]:
                yield time_ns, stream, lines[-1], {}

    def output(self, block: bytes) -> list[tuple[str, bytes]]:
        return [(stream, text) for _, stream, text in _records(block)]


def _lines(text: bytes) -> int:
    return text.count(b"\n") + (not text.endswith(b"\n"))


def _end_of_record(data: bytes, start: int) -> int:
    """Where the record that starts here ends; 0 if it is not whole, or none."""
    if len(data) - start < _HEAD.size:
        return 0
    size, _, stream = _HEAD.unpack_from(data, start)
    foot = start + _HEAD.size + size
    if size > _LARGEST or stream not in (1, 2) or len(data) < foot + _FOOT.size:
        return 0
    return foot + _FOOT.size if _FOOT.unpack_from(data, foot)[0] == size else 0


def _start_of_record(data: bytes, end: int) -> int:
    """Where the record that ends here starts; -1 if it is not whole, or none."""
    if end < _HEAD.size + _FOOT.size:
        return -1
    (size,) = _FOOT.unpack_from(data, end - _FOOT.size)
    start = end - _FOOT.size - size - _HEAD.size
    return start if start >= 0 and _end_of_record(data, start) == end else -1


def _records(block: bytes) -> Iterator[Record]:
    start = 0
    while end := _end_of_record(block, start):
        _, time_ns, stream = _HEAD.unpack_from(block, start)
        yield time_ns, STREAMS[stream - 1], block[start + _HEAD.size : end - _FOOT.size]
        start = end
