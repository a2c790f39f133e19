"""Blobs as they come in and go out: hashed while they are written, unpacked while they are read."""

from __future__ import annotations

import hashlib
import zlib

from minidock.errors import MinidockError
from minidock.images.drafts import Draft, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from zlib import _Decompress

    from minidock.images.layout import Layout
    from minidock.images.making import Making, Source

_CHUNK = 256 << 10
_GZIP = b"\x1f\x8b"
_UNREADABLE = {b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}


class NewBlob:
    """A blob being written: hashed on the way, and stored only if it is what was expected."""

    def __init__(self, layout: Layout, making: Making | None = None) -> None:
        self._layout = layout
        self._making = making
        self._draft = Draft(layout.root)
        self._hash = hashlib.sha256()
        self.size = 0

    def __enter__(self) -> NewBlob:
        return self

    def __exit__(self, *error: object) -> None:
        self._draft.__exit__(*error)

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self.size += len(data)
        write_all(self._draft.fd, data)
        return len(data)

    def commit(self, *, digest: str = "", size: int = -1) -> str:
        """Store it. A digest or size that was announced must be what came."""
        came = f"sha256:{self._hash.hexdigest()}"
        if digest and came != digest:
            raise MinidockError(f"content does not match its digest: expected {digest}, got {came}")
        if size not in (-1, self.size):
            raise MinidockError(f"{came}: expected {size} bytes, got {self.size}")
        if self._making:
            self._making.publish(self._draft, self._layout.blob(came))
        elif not self._layout.holds(came):
            self._draft.publish_if_new(self._layout.blob(came))
        return came


class Content:
    """What a blob holds when it is decompressed, as a stream that only goes forward and keeps the digest.

    Compression is told by the first bytes, as Docker does, for media types are often wrong. At no time is
    more than two chunks in memory, however much a blob inflates to.
    """

    def __init__(self, file: Source) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._buffer = b""
        self._at = 0
        self._pending = file.read(_CHUNK)  # compressed, not yet fed
        self._inflater: _Decompress | None = None
        self.is_compressed = self._pending.startswith(_GZIP)
        for magic, name in _UNREADABLE.items():
            if self._pending.startswith(magic):
                raise MinidockError(f"compressed by {name}, which minidock cannot read", hint="gzip or none")

    def some(self, most: int) -> bytes:
        """The next bytes, as many as are at hand; none only at the end of the stream."""
        if self._at >= len(self._buffer) and not self._refill():
            return b""
        data = self._buffer[self._at : self._at + most]
        self._at += len(data)
        return data

    def read(self, size: int) -> bytes:
        """Exactly that many bytes, unless the stream ends before."""
        data = self.some(size)
        while len(data) < size and (more := self.some(size - len(data))):
            data += more
        return data

    def digest(self) -> str:
        """The digest of all the content; reads what is left of it."""
        while self._refill():
            pass
        return f"sha256:{self._hash.hexdigest()}"

    def _refill(self) -> bool:
        self._at = 0
        self._buffer = self._inflate() if self.is_compressed else self._next_chunk()
        self._hash.update(self._buffer)
        return self._buffer != b""

    def _next_chunk(self) -> bytes:
        chunk, self._pending = self._pending or self._file.read(_CHUNK), b""
        return chunk

    def _inflate(self) -> bytes:
        """The next decompressed bytes; a gzip file may be several, one after the other. RFC 1952"""
        while True:
            chunk = self._next_chunk()
            if self._inflater is None:
                if not chunk:
                    return b""
                self._inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
            inflated = self._feed(self._inflater, chunk)
            if inflated:
                return inflated
            if not chunk and self._inflater is not None:
                raise MinidockError("the gzip stream is cut off")

    def _feed(self, inflater: _Decompress, chunk: bytes) -> bytes:
        try:
            inflated = inflater.decompress(chunk, _CHUNK)
        except zlib.error as error:
            raise MinidockError(f"the gzip stream is damaged: {error}") from None
        self._pending = inflater.unconsumed_tail
        if inflater.eof:
            self._inflater = None
            self._pending = inflater.unused_data.lstrip(b"\0")  # padding, as tapes had it
        return inflated
