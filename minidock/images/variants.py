"""One image for several platforms: an index in a registry, and what of it is here.

The store lists images, each for one platform. What came from an index notes which (`minidock.index`), and the index is
kept as a blob as long as such an image is here. So from one of them the others are found: by the manifests that the
index names. Its name means the one that came last; the others are known by their own digests in its repository.
"""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.images import manifests, platforms
from minidock.images.layout import INDEX
from minidock.images.references import is_hex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from minidock.images.catalog import Listed
    from minidock.images.layout import Layout
    from minidock.images.manifests import Document
    from minidock.images.platforms import Platform


class Variants:
    """An index, and those of its images that are here, by the digests of their manifests."""

    def __init__(self, index: Document, here: dict[str, Listed]) -> None:
        self.index = index
        self.here = here

    @property
    def is_whole(self) -> bool:
        return all(entry["digest"] in self.here for entry in self.index.manifests)


def variants(layout: Layout, everyone: Iterable[Listed], image: Listed, name: str = "") -> Variants | None:
    """What an image came with, by the index that it has under a name, or under any; None if it came alone."""
    digest = image.indexes.get(name, "") if name else next(iter(image.indexes.values()), "")
    index = _index(layout, digest) if digest else None
    if index is None:
        return None
    named = {str(entry["digest"]) for entry in index.manifests}
    found = {digest: each for each in everyone if not each.damage for digest in each.manifests if digest in named}
    return Variants(index, found)


def _index(layout: Layout, digest: str) -> Document | None:
    """An index that is damaged, or gone, is as good as none: the image can do without."""
    try:
        kind = layout.document(digest).get("mediaType", INDEX)  # the OCI's index need not say what it is
        with open(layout.blob(digest), "rb") as file:
            document = manifests.read(file.read(manifests.LARGEST + 1), str(kind), digest)
    except (OSError, MinidockError):
        return None
    return document if document.is_index and document.digest == digest else None


def for_platform(layout: Layout, everyone: Iterable[Listed], image: Listed, wanted: Platform, word: str) -> Listed:
    """The image itself, or that of its index which is for a platform; `word` is what it was asked for by."""
    known = variants(layout, everyone, image)
    candidates: list[Listed] = [image, *(known.here.values() if known else ())]
    offered = [platforms.of(each.document) for each in candidates]
    at = platforms.best(wanted.on(platforms.host()), offered)
    if at < 0:
        raise MinidockError(
            f"image with reference {word} was found but its platform ({offered[0]}) "
            f"does not match the specified platform ({wanted})",
            hint="" if is_hex(word.removeprefix("sha256:"), 64) else f"minidock pull --platform {wanted} {word}",
        )
    return candidates[at]
