"""Archives that ADD unpacks: tar, plain or compressed by gzip, zstd, bzip2 or xz, told by what is in the file."""

from __future__ import annotations

import hashlib
import os

from minidock.errors import MinidockError
from minidock.images.blobs import Content
from minidock.images.compression import plain
from minidock.images.limits import Limits
from minidock.images.tar import Tar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.images.making import Source

_BLOCK = 512
_CHUNK = 1 << 20
_SUM = slice(148, 156)  # of a header: the sum of its bytes, with blanks in the place of the sum


class Heard:
    """A file that is read once, from the beginning, and the digest of all of it. It is closed by whoever opened it."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._hash = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        data = os.read(self.fd, size)
        self._hash.update(data)
        return data

    def digest(self) -> str:
        while self.read(_CHUNK):
            pass
        return self._hash.hexdigest()


def opened(file: Heard) -> Tar | None:
    """The archive in a file; None if it is none."""
    return Tar(_content(file)) if is_tar(_first_block(file.fd)) else None


def _content(file: Source) -> Content:
    limits = Limits()
    return Content(plain(file, limits), limits)


def is_tar(block: bytes) -> bool:
    """Whether a block is the first of an archive, by its sum: older kinds of tar have no other mark."""
    if len(block) < _BLOCK or not block.strip(b"\0"):
        return False
    digits = block[_SUM].strip(b" \0")
    counted = sum(block) - sum(block[_SUM]) + 8 * 32
    return digits.isdigit() and not set(digits) - set(b"01234567") and int(digits, 8) == counted


def _first_block(fd: int) -> bytes:
    """Read by a descriptor of its own: the content is not to be used up."""
    with open(f"/proc/self/fd/{fd}", "rb") as file:
        try:
            return _content(file).read(_BLOCK)
        except (OSError, EOFError, ValueError, MinidockError):  # it only begins like one that is compressed
            return b""
