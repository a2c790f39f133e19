"""An image in the making: what it will be made of is held, so that nobody frees it before the image is listed.

Whoever removes an image frees the blobs and layers that no listed image needs. An image that is only about to be
listed needs some of them too, such as the layers below its own. So its maker holds a shared lock on each, flock(2),
until all is done, and whoever frees something first asks for an exclusive one (see removing.py). The kernel lets
go when the maker ends, however it ends: what it has made in vain is then found by `removing.strays`.
"""

from __future__ import annotations

import fcntl
import os

from minidock import jsonfile, times
from minidock.errors import MinidockError
from minidock.images import drafts, layers
from minidock.images.image import diff_ids_of
from minidock.images.layout import CONFIG, FROM_INDEX, LAYER, LAYER_GZIP, LAYER_ZSTD, MANIFEST, PARENT, TAGGED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Protocol, Self

    from minidock.images.blobs import NewBlob
    from minidock.images.catalog import Listed
    from minidock.images.drafts import Draft
    from minidock.images.image import Layer
    from minidock.images.layout import Descriptor, Layout
    from minidock.images.partials import Partial
    from minidock.jsonfile import Json

    class Source(Protocol):
        """What a layer's archive is read from: a file, or something that is just being made."""

        def read(self, size: int, /) -> bytes: ...


# The media type of a layer, by how it is compressed.
LAYERS = {"": LAYER, "gzip": LAYER_GZIP, "zstd": LAYER_ZSTD}


class Making:
    """A `with` block in which an image is made. At its end all locks are let go."""

    def __init__(self, layout: Layout, *, hasty: bool = False) -> None:
        self.layout = layout
        self.hasty = hasty  # blobs and layers need not be on disk one by one: `finish` sees to all of them
        self._unsynced = False
        self._held: list[int] = []
        self.made: list[str] = []  # paths of blobs and layers that were not there before

    def __enter__(self) -> Self:
        self.layout.create()
        return self

    def __exit__(self, *_: object) -> None:
        for fd in self._held:
            os.close(fd)

    def hold(self, path: str) -> bool:
        """Keep a blob or a layer from being freed until we are done; False if it is not there."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        fcntl.flock(fd, fcntl.LOCK_SH)  # waits for whoever is freeing it at this moment
        if not drafts.is_at(path, fd):
            os.close(fd)
            return False
        self._held.append(fd)
        return True

    def publish(self, draft: Draft | Partial, place: str) -> None:
        """Put what we have made in its place and hold it there, or hold what others put there before."""
        while not self.hold(place):
            if draft.publish_if_new(place):
                self._unsynced = self.hasty
                self.made.append(place)
                self._held.append(os.dup(draft.fd))  # the lock of a draft, which goes with it
                return

    def new_blob(self) -> NewBlob:
        from minidock.images.blobs import NewBlob

        return NewBlob(self.layout, self)

    def put_document(self, media_type: str, value: dict[str, Json]) -> Descriptor:
        data = jsonfile.dump(value).encode()
        with self.new_blob() as blob:
            blob.write(data)
            return {"mediaType": media_type, "digest": blob.commit(), "size": len(data)}

    def add_layer(self, source: Source, below: Sequence[str] = ()) -> Layer:
        """Store a layer's archive as a blob and unpack it at the same time, on top of layers by their diff ids."""
        from minidock.images.drafts import Draft
        from minidock.progress import Work

        with self.new_blob() as blob, Draft(self.layout.root, directory=True) as draft, Work("Adding a layer") as work:
            diff_id, compression = layers.fill(draft, _Copied(work.reading(source), blob))
            digest = blob.commit()
            self.publish(draft, layers.place(self.layout, layers.chain_ids([*below, diff_id])[-1]))
        return diff_id, {"mediaType": LAYERS[compression], "digest": digest, "size": blob.size}

    def unpack(self, diff_ids: Sequence[str], blobs: Sequence[Descriptor]) -> None:
        """Unpack what is not there yet of an image's layers, and hold all of them. A blob that has come for a layer
        which is there must be that layer all the same."""
        from minidock.images.drafts import Draft

        for place, diff_id, blob in zip(layers.places(self.layout, diff_ids, blobs), diff_ids, blobs, strict=True):
            if not self.hold(place):
                with Draft(self.layout.root, directory=True) as draft:
                    layers.unpack_blob(self.layout, draft, diff_id, blob)
                    self.publish(draft, place)
            elif self.layout.blob(blob["digest"]) in self.made:
                layers.check_blob(self.layout, diff_id, blob)

    def hold_image(self, image: Listed) -> list[Layer]:
        """Keep all layers of an image, on which another one will stand."""
        blobs = [blob for blob in image.layers if self.hold(self.layout.blob(blob.get("digest")))]
        if len(blobs) < len(image.layers):
            raise MinidockError(f"layers of image {image.id} are missing", hint="remove that image")
        for chain_id in image.chain:
            self.hold(layers.place(self.layout, chain_id))  # if it is unpacked
        return list(zip(diff_ids_of(self.layout, image.id, image.document), blobs, strict=True))

    def finish(
        self, name: str, document: dict[str, Json], stack: Sequence[Layer], notes: Mapping[str, str] | None = None
    ) -> Descriptor:
        """List the image under a name; under none for "". `document` is its OCI configuration but for the layers."""
        document = {**document, "rootfs": {"type": "layers", "diff_ids": [diff_id for diff_id, _ in stack]}}
        blobs = [blob for _, blob in stack]
        for blob in blobs:
            if not self.hold(self.layout.blob(blob["digest"])):
                raise MinidockError(f"the image store lacks layer {blob['digest']}", hint="was it removed just now?")
        config = self.put_document(CONFIG, document)
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": blobs}
        descriptor = self.put_document(MANIFEST, manifest)
        if self._unsynced:
            drafts.sync(self.layout.root)
        self.layout.tag(name, descriptor, notes)
        return descriptor


class _Copied:
    """What is read here is also written to a blob: an archive need not be read twice, and may come from a pipe."""

    def __init__(self, source: Source, blob: NewBlob) -> None:
        self._source = source
        self._blob = blob

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        self._blob.write(data)
        return data


def notes(*, parent: str = "", named: bool = False, index: str = "") -> dict[str, Any]:
    """What we write beside an image's name in the index of the store; `index` is the one that it came from."""
    return {PARENT: parent, TAGGED: times.now() if named else "", FROM_INDEX: index}
