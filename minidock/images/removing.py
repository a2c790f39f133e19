"""Removing images: first from the index, then what no other image needs. So a kill at any moment leaves a store that
is consistent: at worst some blobs and layers that nothing refers to, which `strays` finds.

Somebody else may just be making an image of the same layers. Whoever does holds them by shared locks until that
image is listed (see making.py). So to free something is to lock it exclusively, to look *then* whether the index
needs it, and to let go of what it needs, or what is held. A layer is renamed away before it is removed: nobody
ever sees a part of one.
"""

from __future__ import annotations

import fcntl
import os
import time

from minidock.errors import MinidockError
from minidock.images import drafts, layers
from minidock.images.image import diff_ids_of, manifest_of
from minidock.images.layout import FOR_CONTAINER, FROM_INDEX, REMOVED, name_of, note_of, without_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from minidock.images.catalog import Listed
    from minidock.images.layout import Descriptor, Layout


def untag(layout: Layout, names: Collection[str]) -> None:
    """Take away names; an image that loses its last one stays, nameless."""

    def change(entries: list[Descriptor]) -> list[Descriptor]:
        left = [without_name(entry) if name_of(entry) in names else entry for entry in entries]
        named = {entry.get("digest") for entry in left if name_of(entry)}
        kept = {entry.get("digest"): entry for entry in left if not name_of(entry) and entry.get("digest") not in named}
        return [entry for entry in left if name_of(entry)] + list(kept.values())

    layout.change_index(change)


def unlist(layout: Layout, image: Listed, *, keep: bool = False) -> None:
    """Take an image out of the index. With `keep` a container still needs it: it is only hidden from people."""

    def change(entries: list[Descriptor]) -> list[Descriptor]:
        others = [entry for entry in entries if entry.get("digest") not in image.manifests]
        mine = {entry.get("digest"): entry for entry in entries if entry.get("digest") in image.manifests}
        return others + [_hidden(entry) for entry in mine.values() if keep]

    layout.change_index(change)


def _hidden(entry: Descriptor) -> Descriptor:
    bare = without_name(entry)
    return {**bare, "annotations": {**bare.get("annotations", {}), REMOVED: FOR_CONTAINER}}


def unlist_unused(layout: Layout, images: Iterable[Listed], used: Collection[str]) -> list[Listed]:
    """Let go of the images that were kept for containers, by the ids of those that still are in use."""
    gone = [image for image in images if image.is_removed and not image.is_for_builds and image.id not in used]
    for image in gone:
        unlist(layout, image)
    return gone


def free(layout: Layout, images: Iterable[Listed]) -> list[str]:
    """Free what these images had, and no image needs any more; the chain ids of the layers that went."""
    places: dict[str, str] = {}
    for image in images:
        places |= {layers.place(layout, chain_id): chain_id for chain_id in image.chain}
    blobs = [path for image in images for path in _blobs_of(layout, image)]
    gone = _free(layout, [*reversed(places), *blobs])
    return [places[path] for path in gone if path in places]


def _blobs_of(layout: Layout, image: Listed) -> list[str]:
    digests = [*image.manifests, *image.indexes.values(), image.id, *(layer.get("digest") for layer in image.layers)]
    return [path for path in (_blob(layout, digest) for digest in digests) if path]


def _blob(layout: Layout, digest: object) -> str:
    try:
        return layout.blob(digest)
    except MinidockError:  # a damaged image
        return ""


def strays(layout: Layout, *, seconds: float = 0) -> list[str]:
    """Blobs and layers that no image needs, by their paths; only those untouched for so many seconds, since other
    tools, which do not know our locks, may just be writing some."""
    needed = _needed(layout)
    before = time.time() - seconds
    found = []
    for directory in ("layers", "blobs/sha256"):
        for path in _entries(f"{layout.root}/{directory}"):
            if path not in needed and _changed(path) <= before:
                found.append(path)
    return found


def free_strays(layout: Layout, *, seconds: float = 0) -> int:
    """Remove them; how many bytes that gives back."""
    sizes = {path: _size(path) for path in strays(layout, seconds=seconds)}
    return sum(sizes[path] for path in _free(layout, list(sizes)))


def _entries(directory: str) -> list[str]:
    try:
        return [f"{directory}/{name}" for name in sorted(os.listdir(directory))]
    except FileNotFoundError:
        return []


def _changed(path: str) -> float:
    try:
        return os.lstat(path).st_ctime
    except FileNotFoundError:
        return float("inf")


def _size(path: str) -> int:
    try:
        return layers.size_of(path) if os.path.isdir(path) else os.path.getsize(path)
    except FileNotFoundError:
        return 0


# What is needed, and the locks --------------------------------------------------------------------------


def _needed(layout: Layout) -> set[str]:
    """The paths of all that the index refers to."""
    needed: set[str] = set()
    for entry in layout.entries():
        needed |= {_blob(layout, entry.get("digest")), _blob(layout, note_of(entry, FROM_INDEX))}
        try:
            manifest = manifest_of(layout, entry)
            identifier = manifest["config"]["digest"]
            needed |= {layout.blob(identifier), *(_blob(layout, layer.get("digest")) for layer in manifest["layers"])}
            chain = layers.chain_ids(diff_ids_of(layout, identifier, layout.document(identifier)))
            needed |= {layers.place(layout, chain_id) for chain_id in chain}
        except MinidockError:  # a damaged image: what can be told of it is kept
            continue
    return needed


def free_paths(layout: Layout, paths: Iterable[str]) -> None:
    """Free blobs and layers, by their paths, unless somebody needs or holds them."""
    _free(layout, [*paths])


def _free(layout: Layout, paths: list[str]) -> list[str]:
    """Remove what is neither held nor needed; what went, in this order."""
    locked: dict[str, int] = {}
    gone = []
    try:
        for path in dict.fromkeys(paths):
            fd = _lock(path)
            if fd >= 0:
                locked[path] = fd
        needed = _needed(layout)  # read after the locks were taken: who makes an image either has listed it or waits
        for path in locked:
            if path not in needed:
                _remove(layout, path)
                gone.append(path)
    finally:
        for fd in locked.values():
            os.close(fd)
    return gone


def _lock(path: str) -> int:
    """An exclusive lock on what is at a path; -1 if somebody holds it, or it is gone."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return -1
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if drafts.is_at(path, fd):
            return fd
    except BlockingIOError:
        pass
    os.close(fd)
    return -1


def _remove(layout: Layout, path: str) -> None:
    if not os.path.isdir(path):
        os.unlink(path)
        return
    aside = f"{layout.root}/unfinished/{os.urandom(8).hex()}"
    os.makedirs(os.path.dirname(aside), mode=0o700, exist_ok=True)
    os.rename(path, aside)  # should we die now, the next draft removes it: nobody holds it
    drafts.remove(aside)
