"""The way out: images, with the names they are asked for by, as an archive in both forms.

Manifests, configurations and layers go as they are, to the bit: so who loads the archive has the same digests. The
order is fixed and all times are 1970, so the same images give the same archive.
"""

from __future__ import annotations

import hashlib
import os

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.images import references, tar, tar_writer
from minidock.images.layout import INDEX, NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from minidock.images.catalog import Listed
    from minidock.images.layout import Descriptor, Layout
    from minidock.images.making import Making
    from minidock.jsonfile import Json
    from minidock.progress import Work

# Where Docker and containerd keep the whole name. The OCI's own annotation is a tag to most of its readers.
FULL_NAME = "io.containerd.image.name"
_CHUNK = 1 << 20
_LAYOUT = {"imageLayoutVersion": "1.0.0"}


class Saved:
    """One image of an archive, and the names it gets there, in full."""

    def __init__(self, image: Listed, entry: Descriptor, manifest: str = "", manifests: Iterable[str] = ()) -> None:
        self.image = image
        # What the archive's index says of it: its manifest, or an index, of which all manifests go along.
        self.entry = {key: entry[key] for key in ("mediaType", "digest", "size")}
        self.manifest = manifest or str(entry["digest"])  # the image's own
        self.manifests = [*manifests] or [self.manifest]
        self.names: list[str] = []


def archive(making: Making, images: Sequence[Saved]) -> Iterator[bytes]:
    """The archive, piece by piece. What it is made of is held, so that nobody removes it meanwhile."""
    from minidock.progress import Work

    layout = making.layout
    for saved in images:
        _hold(making, saved)
    digests = sorted({digest for saved in images for digest in _digests(layout, saved)})
    yield _directory("blobs/") + _directory("blobs/sha256/")
    with Work("Saving", sum(os.path.getsize(layout.blob(digest)) for digest in digests)) as work:
        for digest in digests:
            yield from _blob(layout, digest, work)
    yield _document("index.json", _index(images))
    yield _document("manifest.json", [_docker_manifest(layout, saved) for saved in images])
    yield _document("oci-layout", _LAYOUT)
    yield tar_writer.END


def _hold(making: Making, saved: Saved) -> None:
    for digest in _digests(making.layout, saved):
        if not making.hold(making.layout.blob(digest)):
            raise MinidockError(
                f"image {saved.image.id} is damaged: {digest} is missing", hint="minidock rmi removes it"
            )


def _digests(layout: Layout, saved: Saved) -> list[str]:
    found = [saved.entry["digest"]]
    for digest in saved.manifests:
        manifest = layout.document(digest)
        found += [digest, manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])]
    return found


def _blob(layout: Layout, digest: str, work: Work) -> Iterator[bytes]:
    """A blob, checked once more: a disk that has lost some bits should not pass that on as if it were an image."""
    came = hashlib.sha256()
    with open(layout.blob(digest), "rb", buffering=0) as file:
        left = size = os.fstat(file.fileno()).st_size
        yield _header(f"blobs/sha256/{digest[7:]}", size)
        while left and (chunk := file.read(min(left, _CHUNK))):
            came.update(chunk)
            left -= len(chunk)
            work.add(len(chunk))
            yield chunk
    if f"sha256:{came.hexdigest()}" != digest:
        raise MinidockError(f"the image store is damaged: {digest} has other content", hint="pull or load it again")
    yield tar_writer.padding(size)


# The two forms --------------------------------------------------------------------------------------------


def _index(images: Sequence[Saved]) -> Json:
    tags = [reference.tag for _, reference in _names(images)]
    entries = []
    for saved in images:
        if not saved.names:
            entries.append(saved.entry)
        for _, reference in _names([saved]):
            # Readers that go by the tag alone need one that means one image.
            short = reference.tag if tags.count(reference.tag) == 1 else str(reference)
            entries.append({**saved.entry, "annotations": {FULL_NAME: str(reference), NAME: short}})
    return {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}


def _names(images: Iterable[Saved]) -> list[tuple[Saved, references.Reference]]:
    return [(saved, references.parse(name)) for saved in images for name in saved.names]


def _docker_manifest(layout: Layout, saved: Saved) -> Json:
    """This form knows of one platform alone."""
    return {
        "Config": f"blobs/sha256/{saved.image.id[7:]}",
        "RepoTags": saved.names or None,  # in full: Podman takes a short one for its own
        "Layers": [f"blobs/sha256/{layer['digest'][7:]}" for layer in layout.document(saved.manifest)["layers"]],
    }


# Entries --------------------------------------------------------------------------------------------------


def _directory(name: str) -> bytes:
    return tar_writer.header(tar.plain_entry(name, tar.DIRECTORY, 0o755))


def _header(name: str, size: int) -> bytes:
    entry = tar.plain_entry(name, tar.FILE, 0o644)
    entry.size = size
    return tar_writer.header(entry)


def _document(name: str, value: Json) -> bytes:
    data = jsonfile.dump(value).encode()
    return _header(name, len(data)) + data + tar_writer.padding(len(data))
