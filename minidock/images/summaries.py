"""What a listing shows of each image, kept in one file, so that a thousand images need not be two thousand documents.

    <root>/summaries.json     by the digest of the manifest: the image's id, when it was made, its labels, its layers

It can never be wrong, for what a digest names does not change; it can only be missing, and then it is made again.
Whether blobs and layers are there is looked up each time, in two lists of names.
"""

from __future__ import annotations

import os

from minidock import jsonfile
from minidock.images import drafts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.images.catalog import Listed
    from minidock.images.layout import Descriptor, Layout
    from minidock.jsonfile import Json

_VERSION = 1  # of the file's form


class Summaries:
    """The file, and what of the store is there."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._has_news = False
        self._path = f"{layout.root}/summaries.json"
        self._known = self._read()
        self._current: dict[str, Json] = {}
        self._blobs, self._layers = _digests(f"{layout.root}/blobs/sha256"), _digests(f"{layout.root}/layers")

    def _read(self) -> dict[str, Json]:
        try:
            document = jsonfile.read(self._path)
        except (OSError, ValueError):
            return {}
        is_ours = isinstance(document, dict) and document.get("version") == _VERSION
        return dict(document["images"]) if is_ours else {}

    def of(self, entry: Descriptor) -> Json:
        """What is known of an image by an entry of the index; None if that is nothing, or something of it is gone."""
        digest = str(entry.get("digest"))
        summary = self._known.get(digest)
        if summary is None or not self._blobs.issuperset((digest, summary["id"])):
            return None
        if not self._layers.issuperset(summary["sizes"]):
            return None
        self._current[digest] = summary
        return summary

    def listed(self, summary: Json) -> Listed:
        """An image as it is known."""
        from minidock.images.catalog import Listed

        listed = Listed(self._layout, summary["id"])
        listed.created, listed.labels = summary["created"], summary["labels"]
        listed.known_sizes = summary["sizes"]
        listed.chain = [*listed.known_sizes]
        return listed

    def learn(self, entry: Descriptor, listed: Listed) -> None:
        """Keep what was found out about a sound image, once all its layers are unpacked: only then are sizes final."""
        if listed.damage or not self._layers.issuperset(listed.chain):
            return
        self._has_news = True
        self._current[str(entry.get("digest"))] = {
            "id": listed.id,
            "created": listed.created,
            "labels": listed.labels,
            "sizes": listed.sizes(self._layout),
        }

    def keep(self) -> None:
        """Write the file, if there is something new to say, without what is not listed any more."""
        if not self._has_news:
            return
        document = {"version": _VERSION, "images": self._current}
        try:
            drafts.write_whole(self._layout.root, self._path, jsonfile.dump(document))
        except OSError:  # a disk that is full or cannot be written is no reason not to list what is on it
            pass


def _digests(directory: str) -> frozenset[str]:
    try:
        return frozenset(f"sha256:{name}" for name in os.listdir(directory))
    except OSError:
        return frozenset()
