"""Layers that were made here, on their way to a registry: it gets them by gzip, as from Docker.

Here they stay as they were made, for they are read more often than they are sent. What is compressed goes into a
draft, is sent from there and is gone: no second copy stays. Its digest and size are kept as an attribute of the blob,
which ends with the blob: so the next push can ask for it, and need not compress again what the registry has.

The same layer gives the same bits: neither a name nor a time stands in them, and zlib makes the same of it on every
processor, which the faster ISA-L does not promise.
"""

from __future__ import annotations

import hashlib
import os
import zlib

from minidock.errors import MinidockError, reason
from minidock.images import drafts
from minidock.images.compression import kind_of
from minidock.images.layout import LAYER, LAYER_GZIP
from minidock.images.manifests import DOCKER_LAYER
from minidock.images.references import is_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from minidock.images.drafts import Draft
    from minidock.images.layout import Descriptor

_KINDS = {LAYER: LAYER_GZIP, DOCKER_LAYER: f"{DOCKER_LAYER}.gzip"}
_ATTRIBUTE = "trusted.minidock.gzip"  # "sha256:… 12345"
_LEVEL = 6  # as Docker
_WITH_HEADER = 16 + zlib.MAX_WBITS
_CHUNK = 256 << 10
_BEGINNING = 16


def is_plain(path: str, entry: Descriptor) -> bool:
    """Whether a layer is compressed neither by its media type nor in fact."""
    if entry["mediaType"] not in _KINDS:
        return False
    with open(path, "rb") as file:
        return not kind_of(file.read(_BEGINNING))


def remembered(path: str, entry: Descriptor) -> Descriptor | None:
    """What the layer was when it was compressed before."""
    try:
        digest, _, size = os.getxattr(path, _ATTRIBUTE).decode("ascii").partition(" ")
    except (OSError, UnicodeDecodeError):
        return None
    return _descriptor(entry, digest, int(size)) if is_digest(digest) and size.isdecimal() else None


def compress(draft: Draft, path: str, entry: Descriptor, tell: Callable[[int], object]) -> Descriptor:
    """Write the layer by gzip into a draft. `tell` hears how many bytes are done, and may end it by raising."""
    try:
        with open(path, "rb", buffering=0) as file:
            found = _compress(draft.fd, file.fileno(), entry, tell)
    except OSError as error:
        raise MinidockError(f"cannot compress layer {entry['digest']}: {reason(error)}") from None
    try:
        os.setxattr(path, _ATTRIBUTE, f"{found['digest']} {found['size']}".encode())
    except OSError:  # a file system without attributes: then it is compressed again next time
        pass
    return found


def _compress(target: int, source: int, entry: Descriptor, tell: Callable[[int], object]) -> Descriptor:
    packer, came = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WITH_HEADER), hashlib.sha256()
    done = size = 0
    while True:
        data = os.read(source, _CHUNK)
        packed = packer.compress(data) if data else packer.flush()
        came.update(packed)
        drafts.write_all(target, packed)
        size += len(packed)
        done += len(data)
        if not data:
            return _descriptor(entry, f"sha256:{came.hexdigest()}", size)
        tell(done)


def _descriptor(entry: Descriptor, digest: str, size: int) -> Descriptor:
    return {**entry, "mediaType": _KINDS[entry["mediaType"]], "digest": digest, "size": size}
