"""Layers: the differences that make an image, each unpacked once and shared by all images that have it.

A layer is named by what it holds when decompressed, its diff id. The same layer means another tree on top
of other layers, so a directory is named by the chain id, which covers all the layers below too:

    chain(1) = diff id of layer 1          chain(n) = sha256("chain(n-1) diff id of layer n")

The directories of a chain are the lower directories of a container's overlay, and are never changed.
"""

from __future__ import annotations

import os

from minidock.errors import MinidockError

# The half in C of hashlib, which would load OpenSSL and cost 3 ms; here it hashes 143 bytes a layer.
try:
    from _sha256 import sha256  # type: ignore[import-not-found]
except ImportError:  # Python 3.12 and later
    from _sha2 import sha256  # type: ignore[import-not-found]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from minidock.images.layout import Descriptor, Layout


def chain_ids(diff_ids: Sequence[str]) -> list[str]:
    """The chain id of each layer, bottom first."""
    chain: list[str] = []
    for diff_id in diff_ids:
        on_top = f"sha256:{sha256(f'{chain[-1]} {diff_id}'.encode()).hexdigest()}" if chain else diff_id
        chain.append(on_top)
    return chain


def unpacked(layout: Layout, diff_ids: Sequence[str], blobs: Sequence[Descriptor]) -> list[str]:
    """The directories of an image's layers, bottom first; what is not there yet is unpacked from its blob."""
    if len(diff_ids) != len(blobs):
        raise MinidockError(f"the image names {len(diff_ids)} layers, but its manifest has {len(blobs)}")
    places = [f"{layout.root}/layers/{chain_id[7:]}" for chain_id in chain_ids(diff_ids)]
    for place, diff_id, blob in zip(places, diff_ids, blobs, strict=True):
        if not os.path.isdir(place):
            _unpack(layout, place, diff_id, blob)
    return [f"{place}/diff" for place in places]


def _unpack(layout: Layout, place: str, diff_id: str, descriptor: Descriptor) -> None:
    """Beside its place first, and moved there when it is whole and what it should be."""
    from minidock.images.drafts import Draft

    path = layout.blob(descriptor.get("digest"))
    layout.create()
    try:
        with open(path, "rb") as blob, Draft(layout.root, directory=True) as draft:
            _fill(draft.fd, blob, diff_id)
            draft.publish(place)
    except FileNotFoundError as error:
        if error.filename != path:
            raise
        raise MinidockError(f"the image store lacks layer {diff_id}", hint=f"{path} is missing") from None
    except MinidockError as error:
        raise MinidockError(f"layer {diff_id}: {error.message}", hint=error.hint) from None


def _fill(draft: int, blob: BinaryIO, diff_id: str) -> None:
    """Unpack a blob to `diff` in a draft, and check that it was what its name says, to the last byte."""
    from minidock.images.blobs import Content
    from minidock.images.unpack import unpack

    os.mkdir("diff", 0o755, dir_fd=draft)
    root = os.open("diff", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=draft)
    try:
        os.fchmod(root, 0o755)  # whatever the umask: it becomes the `/` of containers
        content = Content(blob)
        unpack(content, root)
        if (came := content.digest()) != diff_id:
            raise MinidockError(f"its content has another digest: {came}")
    finally:
        os.close(root)
