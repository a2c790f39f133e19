"""Layers: the differences that make an image, each unpacked once and shared by all images that have it.

A layer is named by what it holds when decompressed, its diff id. The same layer means another tree on top
of other layers, so a directory is named by the chain id, which covers all the layers below too:

    chain(1) = diff id of layer 1          chain(n) = sha256("chain(n-1) diff id of layer n")

The directories of a chain are the lower directories of a container's overlay, and are never changed. Beside
each stands its size in bytes.
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
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

    from minidock.images.drafts import Draft
    from minidock.images.layout import Descriptor, Layout
    from minidock.images.making import Source
    from minidock.progress import Work

_SIZE = "size"  # beside `diff`
# How a layer says that something of the layers below is gone: in its archive by names, in its directory by an
# attribute, and a character device 0:0. See unpack.py and upper.py.
WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
OPAQUE_ATTRIBUTE = "trusted.overlay.opaque"


def chain_ids(diff_ids: Sequence[str]) -> list[str]:
    """The chain id of each layer, bottom first."""
    chain: list[str] = []
    for diff_id in diff_ids:
        on_top = f"sha256:{sha256(f'{chain[-1]} {diff_id}'.encode()).hexdigest()}" if chain else diff_id
        chain.append(on_top)
    return chain


def place(layout: Layout, chain_id: str) -> str:
    """The directory of a layer, and of what is known about it."""
    return f"{layout.root}/layers/{chain_id[7:]}"


def places(layout: Layout, diff_ids: Sequence[str], blobs: Sequence[Descriptor]) -> list[str]:
    """The place of each layer of an image, bottom first."""
    if len(diff_ids) != len(blobs):
        raise MinidockError(f"the image names {len(diff_ids)} layers, but its manifest has {len(blobs)}")
    return [place(layout, chain_id) for chain_id in chain_ids(diff_ids)]


def unpacked(layout: Layout, diff_ids: Sequence[str], blobs: Sequence[Descriptor]) -> list[str]:
    """The directories of an image's layers, bottom first; what is not there yet is unpacked from its blob."""
    found = places(layout, diff_ids, blobs)
    for directory, diff_id, blob in zip(found, diff_ids, blobs, strict=True):
        if not os.path.isdir(directory):
            _unpack(layout, directory, diff_id, blob)
    return [f"{directory}/diff" for directory in found]


def _unpack(layout: Layout, place: str, diff_id: str, descriptor: Descriptor) -> None:
    """Beside its place first, and moved there when it is whole and what it should be."""
    from minidock.images.drafts import Draft

    layout.create()
    with Draft(layout.root, directory=True) as draft:
        unpack_blob(layout, draft, diff_id, descriptor)
        draft.publish(place)


def unpack_blob(layout: Layout, draft: Draft, diff_id: str, descriptor: Descriptor, work: Work | None = None) -> None:
    """Unpack a blob of the store into a draft; it must be what the image's configuration says."""
    _read(layout, diff_id, descriptor, work, lambda source: fill(draft, source)[0])


def check_blob(layout: Layout, diff_id: str, descriptor: Descriptor) -> None:
    """The same for a blob of a layer that is unpacked already: it is only read."""
    from minidock.images.blobs import Content
    from minidock.images.limits import Limits

    _read(layout, diff_id, descriptor, None, lambda source: Content(source, Limits()).digest())


def _read(
    layout: Layout, diff_id: str, descriptor: Descriptor, work: Work | None, read: Callable[[Source], str]
) -> None:
    path = layout.blob(descriptor.get("digest"))
    try:
        with open(path, "rb") as blob, work or _work(diff_id, blob) as reading:
            if (came := read(reading.reading(blob))) != diff_id:
                raise MinidockError(f"its content has another digest: {came}")
    except FileNotFoundError as error:
        if error.filename != path:
            raise
        raise MinidockError(f"the image store lacks layer {diff_id}", hint=f"{path} is missing") from None
    except MinidockError as error:
        raise MinidockError(f"layer {diff_id}: {error.message}", hint=error.hint) from None


def _work(diff_id: str, blob: BinaryIO) -> Work:
    from minidock.progress import Work

    return Work(f"Unpacking layer {diff_id[7:19]}", os.fstat(blob.fileno()).st_size)


def fill(draft: Draft, source: Source) -> tuple[str, str]:
    """Unpack an archive to `diff` in a draft, and write down its size; its diff id, and how it was compressed."""
    from minidock.images.ahead import Ahead
    from minidock.images.blobs import Content
    from minidock.images.limits import Limits
    from minidock.images.unpack import unpack

    limits = Limits()
    content = Content(source, limits)
    os.mkdir("diff", 0o755, dir_fd=draft.fd)
    root = os.open("diff", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=draft.fd)
    try:
        os.fchmod(root, 0o755)  # whatever the umask: it becomes the `/` of containers
        with Ahead(content) as ahead:
            size = unpack(ahead, root, limits)
    finally:
        os.close(root)
    with open(f"{draft.path}/{_SIZE}", "w") as file:
        file.write(f"{size}\n")
    return content.digest(), content.compression


def size(layout: Layout, chain_id: str, descriptor: Descriptor) -> int:
    """How many bytes a layer holds; as long as it is not unpacked, what its blob has."""
    directory = place(layout, chain_id)
    if os.path.isdir(directory):
        return size_of(directory, layout.root)
    stated = descriptor.get("size")
    return stated if isinstance(stated, int) else 0


def size_of(directory: str, root: str = "") -> int:
    """What was counted when the layer was unpacked; else it is counted now, and, with a `root`, written down."""
    try:
        with open(f"{directory}/{_SIZE}") as file:
            return int(file.read())
    except (FileNotFoundError, ValueError):
        counted = count(f"{directory}/diff")
    if root:
        from minidock.images.drafts import write_whole

        write_whole(root, f"{directory}/{_SIZE}", f"{counted}\n")
    return counted


def note_size(directory: str) -> int:
    """Count what a layer in the making holds, and write it down."""
    counted = count(f"{directory}/diff")
    with open(f"{directory}/{_SIZE}", "w") as file:
        file.write(f"{counted}\n")
    return counted


def count(directory: str) -> int:
    """The bytes of all files below a directory; of those with several names once."""
    found: dict[tuple[int, int], int] = {}
    waiting = [directory]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    found[status.st_dev, status.st_ino] = status.st_size
    return sum(found.values())
