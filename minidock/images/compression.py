"""Compressed layers: gzip and zstd, told by their first bytes, as Docker does, for media types are often wrong.
Archives that people hand us may be compressed by xz or bzip2 as well; layers are not, in any registry.

A blob may hold several streams, one after the other, both of gzip (RFC 1952) and of zstd (RFC 8878). However much
they inflate to, no more is in memory at a time than is asked for.

gzip is read by ISA-L, which takes half of zlib's time: about what it takes to hash what comes out.
"""

from __future__ import annotations

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bz2 import BZ2Decompressor
    from collections.abc import Callable
    from lzma import LZMADecompressor
    from typing import Protocol

    from backports.zstd import ZstdDecompressor

    from minidock.images.limits import Limits
    from minidock.images.making import Source

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
_OLDER = {b"BZh": "bzip2", b"\xfd7zXZ": "xz"}
_CHUNK = 256 << 10
_MOST_MEMORY = 128 << 20  # for xz: `xz -9` asks for 65 MB


def kind_of(beginning: bytes) -> str:
    """Which of the two it is; "" for what is not compressed."""
    if older := _older_kind(beginning):
        raise MinidockError(f"compressed by {older}, as no layer is", hint="gzip, zstd or none")
    if beginning.startswith(_GZIP):
        return GZIP
    is_zstd = beginning.startswith(_ZSTD) or int.from_bytes(beginning[:4], "little") in _SKIPPABLE
    return ZSTD if is_zstd else ""


def _older_kind(beginning: bytes) -> str:
    return next((name for magic, name in _OLDER.items() if beginning.startswith(magic)), "")


def plain(source: Source, limits: Limits) -> Source:
    """What somebody hands us, without what no layer may be compressed by; gzip and zstd stay as they are."""
    beginning = source.read(_CHUNK)
    return _Plain(source, beginning, limits)


class _Plain:
    def __init__(self, source: Source, beginning: bytes, limits: Limits) -> None:
        self._source = source
        self._beginning = beginning
        self._limits = limits
        self._taken = self._given = 0
        kind = _older_kind(beginning)
        self._inflater = Inflater(kind, self._next, b"") if kind else None

    def _next(self, size: int = _CHUNK) -> bytes:
        chunk, self._beginning = self._beginning or self._source.read(size), b""
        self._taken += len(chunk)
        return chunk

    def read(self, size: int, /) -> bytes:
        """More of it; none only at the end."""
        if not self._inflater:
            return self._next(size)
        data = self._inflater.some(size)
        self._given += len(data)
        self._limits.check_size(self._taken, self._given)
        return data


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
        if self._kind in (GZIP, "xz"):
            while chunk and not (rest := chunk.lstrip(b"\0")):  # padding, as tapes had it
                chunk = self._next_chunk()
            chunk = rest if chunk else chunk
            if self._kind == GZIP and not _GZIP.startswith(chunk[:2]):
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


class _Standard:
    """Whatever has the interface of the standard library's decompressors."""

    def __init__(
        self, name: str, decompressor: BZ2Decompressor | LZMADecompressor | ZstdDecompressor, error: type[Exception]
    ) -> None:
        self._name = name
        self._object = decompressor
        self._error = error

    def inflate(self, data: bytes, most: int) -> bytes:
        try:
            return self._object.decompress(data, most)
        except self._error as error:
            raise MinidockError(f"the {self._name} stream is damaged: {error}") from None

    def is_hungry(self) -> bool:
        return self._object.needs_input

    def is_over(self) -> bool:
        return self._object.eof

    def rest(self) -> bytes:
        return self._object.unused_data


def _zstd() -> Stream:
    """The library takes windows of 128 MB at most, as the command `zstd` does: more would be for our memory."""
    from backports import zstd

    return _Standard("zstd", zstd.ZstdDecompressor(), zstd.ZstdError)


def _xz() -> Stream:
    import lzma

    return _Standard("xz", lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MOST_MEMORY), lzma.LZMAError)


def _bzip2() -> Stream:
    import bz2

    return _Standard("bzip2", bz2.BZ2Decompressor(), OSError)


_STREAMS: dict[str, Callable[[], Stream]] = {GZIP: _Gzip, ZSTD: _zstd, "xz": _xz, "bzip2": _bzip2}
