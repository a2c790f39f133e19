"""Blobs as they come in and go out: hashed while they are written, unpacked while they are read."""

from __future__ import annotations

import hashlib
import os

from minidock.errors import MinidockError
from minidock.images.compression import Inflater, kind_of
from minidock.images.drafts import Draft, write_with_holes
from minidock.images.streams import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.images.layout import Layout
    from minidock.images.limits import Limits
    from minidock.images.making import Making, Source

_CHUNK = 256 << 10


class NewBlob:
    """A blob being written: hashed on the way, and stored only if it is what was expected."""

    def __init__(self, layout: Layout, making: Making | None = None) -> None:
        self._layout = layout
        self._making = making
        self._draft = Draft(layout.root, synced=making is None or not making.hasty)
        self._hash = hashlib.sha256()
        self.size = 0

    def __enter__(self) -> NewBlob:
        return self

    def __exit__(self, *error: object) -> None:
        self._draft.__exit__(*error)

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self.size += len(data)
        write_with_holes(self._draft.fd, data)
        return len(data)

    def commit(self, *, digest: str = "", size: int = -1) -> str:
        """Store it. A digest or size that was announced must be what came."""
        came = f"sha256:{self._hash.hexdigest()}"
        if digest and came != digest:
            raise MinidockError(f"content does not match its digest: expected {digest}, got {came}")
        if size not in (-1, self.size):
            raise MinidockError(f"{came}: expected {size} bytes, got {self.size}")
        os.ftruncate(self._draft.fd, self.size)
        if self._making:
            self._making.publish(self._draft, self._layout.blob(came))
        elif not self._layout.holds(came):
            self._draft.publish_if_new(self._layout.blob(came))
        return came


class Content(Stream):
    """What a blob holds when it is decompressed, as a stream that only goes forward and keeps the digest.

    At no time is more than two chunks in memory, however much a blob inflates to.
    """

    def __init__(self, file: Source, limits: Limits | None = None) -> None:
        self._file = file
        self._limits = limits
        self._hash = hashlib.sha256()
        self._read_so_far = self._size = 0
        self._pending = self._next_chunk()
        self.compression = kind_of(self._pending)
        self._inflater = Inflater(self.compression, self._next_chunk, self._pending) if self.compression else None

    def digest(self) -> str:
        """The digest of all the content; reads what is left of it."""
        while self.next_piece():
            pass
        return f"sha256:{self._hash.hexdigest()}"

    def next_piece(self) -> bytes:
        if self._inflater:
            piece = self._inflater.some(_CHUNK)
        else:
            piece, self._pending = self._pending or self._next_chunk(), b""
        self._hash.update(piece)
        self._size += len(piece)
        if self._limits:
            self._limits.check_size(self._read_so_far, self._size)
        return piece

    def _next_chunk(self) -> bytes:
        chunk = self._file.read(_CHUNK)
        self._read_so_far += len(chunk)
        return chunk
