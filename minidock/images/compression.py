"""Compressed layers: gzip and zstd, told by their first bytes, as Docker does, for media types are often wrong.

A blob may hold several streams, one after the other, both of gzip (RFC 1952) and of zstd (RFC 8878). However much
they inflate to, no more is in memory at a time than is asked for.

gzip is read by ISA-L, which takes half of zlib's time: about what it takes to hash what comes out.
"""

from __future__ import annotations

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Stream(Protocol):
        """One stream being inflated."""

        def inflate(self, data: bytes, most: int) -> bytes: ...

        def is_hungry(self) -> bool:
            """Whether there is nothing more to come from what it has been given."""

        def is_over(self) -> bool: ...

        def rest(self) -> bytes:
            """What follows its end."""


GZIP, ZSTD = "gzip", "zstd"
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_SKIPPABLE = range(0x184D2A50, 0x184D2A60)  # frames with something for others to know; a blob may begin with one
_UNREADABLE = {b"BZh": "bzip2", b"\xfd7zXZ": "xz"}


def kind_of(beginning: bytes) -> str:
    """Which of the two it is; "" for what is not compressed."""
    for magic, name in _UNREADABLE.items():
        if beginning.startswith(magic):
            raise MinidockError(f"compressed by {name}, which minidock cannot read", hint="gzip, zstd or none")
    if beginning.startswith(_GZIP):
        return GZIP
    is_zstd = beginning.startswith(_ZSTD) or int.from_bytes(beginning[:4], "little") in _SKIPPABLE
    return ZSTD if is_zstd else ""


class Inflater:
    """All the streams of a blob as one. `read` gives more of the blob, of which `pending` is read already."""

    def __init__(self, kind: str, read: Callable[[], bytes], pending: bytes) -> None:
        self._kind = kind
        self._read = read
        self._pending = pending
        self._stream: Stream | None = None

    def some(self, most: int) -> bytes:
        """The next inflated bytes; none only at the end."""
        inflated = b""
        while not inflated and (self._stream or self._begin()):
            assert self._stream
            is_hungry = self._stream.is_hungry()
            chunk = self._next_chunk() if is_hungry else b""
            inflated = self._stream.inflate(chunk, most)
            if self._stream.is_over():
                self._pending, self._stream = self._stream.rest(), None
            elif is_hungry and not chunk and not inflated:
                raise MinidockError(f"the {self._kind} stream is cut off")
        return inflated

    def _begin(self) -> bool:
        """The next stream, if there is one."""
        chunk = self._next_chunk()
        if self._kind == GZIP:
            while chunk and not (rest := chunk.lstrip(b"\0")):  # padding, as tapes had it
                chunk = self._next_chunk()
            chunk = rest if chunk else chunk
            if not _GZIP.startswith(chunk[:2]):
                raise MinidockError("the gzip stream is damaged: something else follows it")
        if chunk:
            self._pending, self._stream = chunk, _STREAMS[self._kind]()
        return chunk != b""

    def _next_chunk(self) -> bytes:
        chunk, self._pending = self._pending or self._read(), b""
        return chunk


class _Gzip:
    def __init__(self) -> None:
        from isal import isal_zlib

        self._object = isal_zlib.decompressobj(16 + isal_zlib.MAX_WBITS)
        self._error: type[Exception] = isal_zlib.error  # type: ignore[assignment] # the stub takes it for an instance

    def inflate(self, data: bytes, most: int) -> bytes:
        try:
            return self._object.decompress(self._object.unconsumed_tail + data, most)
        except self._error as error:
            raise MinidockError(f"the gzip stream is damaged: {error}") from None

    def is_hungry(self) -> bool:
        return not self._object.unconsumed_tail

    def is_over(self) -> bool:
        return self._object.eof

    def rest(self) -> bytes:
        return self._object.unused_data


class _Zstd:
    """The library takes windows of 128 MB at most, as the command `zstd` does: more would be for our memory."""

    def __init__(self) -> None:
        from backports import zstd

        self._object = zstd.ZstdDecompressor()
        self._error = zstd.ZstdError

    def inflate(self, data: bytes, most: int) -> bytes:
        try:
            return self._object.decompress(data, most)
        except self._error as error:
            raise MinidockError(f"the zstd stream is damaged: {error}") from None

    def is_hungry(self) -> bool:
        return self._object.needs_input

    def is_over(self) -> bool:
        return self._object.eof

    def rest(self) -> bytes:
        return self._object.unused_data


_STREAMS: dict[str, Callable[[], Stream]] = {GZIP: _Gzip, ZSTD: _Zstd}
