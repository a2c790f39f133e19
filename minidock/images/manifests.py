"""Manifests and indexes: the documents that say what an image is made of, in the OCI's form and in Docker's.

A manifest names a configuration and layers, an index names a manifest for each platform; both by descriptors, which
are a media type, a digest and a size. The OCI's documents are Docker's schema 2 with other media types. They are
kept byte for byte, since their digests are what images are known by.

All of it was written by strangers. A document must be what its media type says, and nothing else as well: one that
can be read as a manifest and as an index is two images with one digest (CVE-2021-41190).
Specification: github.com/opencontainers/image-spec, manifest.md, image-index.md, descriptor.md.
"""

from __future__ import annotations

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.images import platforms
from minidock.images.image import MANIFESTS
from minidock.images.layout import INDEX
from minidock.images.references import is_hex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.images.layout import Descriptor
    from minidock.images.platforms import Platform
    from minidock.jsonfile import Json

DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
INDEXES = (INDEX, DOCKER_INDEX)
LARGEST = 4 << 20  # bytes; registries take no larger ones
DEEPEST = 4  # indexes in indexes
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"  # by gzip or zstd with that word behind a dot
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1"
_LARGEST_SIZE = 1 << 62
# Layers that may not be passed on, and are at addresses that the manifest names.
_FOREIGN = "application/vnd.docker.image.rootfs.foreign."


class Document:
    """A manifest or an index, as it came and as it reads."""

    def __init__(self, data: bytes, descriptor: Descriptor, value: dict[str, Json]) -> None:
        self.data = data
        self.descriptor = descriptor  # of this document itself
        self.value = value

    @property
    def digest(self) -> str:
        return str(self.descriptor["digest"])

    @property
    def media_type(self) -> str:
        return str(self.descriptor["mediaType"])

    @property
    def is_index(self) -> bool:
        return self.media_type in INDEXES

    @property
    def config(self) -> Descriptor:
        return self.value["config"]  # type: ignore[no-any-return] # checked by `read`

    @property
    def layers(self) -> list[Descriptor]:
        return self.value["layers"]  # type: ignore[no-any-return]

    @property
    def manifests(self) -> list[Descriptor]:
        return self.value["manifests"]  # type: ignore[no-any-return]


def digest_of(data: bytes) -> str:
    import hashlib

    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def read(data: bytes, media_type: str, origin: str) -> Document:
    """The document, checked. `media_type` is what it was announced as; `origin` is what errors call it."""
    if len(data) > LARGEST:
        raise MinidockError(f"{origin}: a manifest of more than {LARGEST} bytes")
    try:
        value = jsonfile.parse(data.decode())
    except ValueError as error:
        raise MinidockError(f"{origin}: the manifest is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise MinidockError(f"{origin}: the manifest is not a JSON object")
    kind = _kind(value, media_type, origin)
    if kind in INDEXES:
        _check_index(value, origin)
    else:
        _check_manifest(value, origin)
    return Document(data, {"mediaType": kind, "digest": digest_of(data), "size": len(data)}, value)


def _kind(value: dict[str, Json], announced: str, origin: str) -> str:
    """What a document is: what it says itself, which must be what it was announced as."""
    announced = announced.partition(";")[0].strip()
    said = value.get("mediaType", announced)
    if str(said).startswith(_SCHEMA_1) or value.get("schemaVersion") == 1:
        raise MinidockError(f"{origin}: a manifest of Docker's schema 1, which is no longer supported")
    if said not in MANIFESTS + INDEXES:
        raise MinidockError(f"{origin}: neither a manifest nor an index, but {said!r}")
    if announced in MANIFESTS + INDEXES and said != announced:
        raise MinidockError(f"{origin}: announced as {announced}, but it says it is {said}")
    if value.get("schemaVersion") != 2:
        raise MinidockError(f"{origin}: a manifest of schema {value.get('schemaVersion')!r}, where there is only 2")
    return str(said)


def _check_index(value: dict[str, Json], origin: str) -> None:
    if "layers" in value or "config" in value:
        raise MinidockError(f"{origin}: an index that has layers or a configuration, as a manifest has")
    for entry in _objects(value.get("manifests"), origin, "manifests"):
        check_descriptor(entry, origin)


def _check_manifest(value: dict[str, Json], origin: str) -> None:
    if "manifests" in value:
        raise MinidockError(f"{origin}: a manifest that has manifests, as an index has")
    config = value.get("config")
    if not isinstance(config, dict):
        raise MinidockError(f"{origin}: config must be an object")
    check_descriptor(config, origin)
    for layer in _objects(value.get("layers"), origin, "layers"):
        check_descriptor(layer, origin)
        if layer["mediaType"].startswith(_FOREIGN):
            raise MinidockError(f"{origin}: layer {layer['digest']} is not in the registry, but elsewhere")


def check_descriptor(entry: Descriptor, origin: str) -> None:
    digest, size = entry.get("digest"), entry.get("size")
    if not (isinstance(digest, str) and digest.startswith("sha256:") and is_hex(digest[7:], 64)):
        raise MinidockError(f"{origin}: not a sha256 digest: {digest!r}")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < _LARGEST_SIZE:
        raise MinidockError(f"{origin}: {digest} has no size: {size!r}")
    if not isinstance(entry.get("mediaType"), str):
        raise MinidockError(f"{origin}: {digest} has no media type")


def _objects(value: Json, origin: str, field: str) -> list[dict[str, Json]]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise MinidockError(f"{origin}: {field} must be a list of objects")
    return value


def is_for_none(entry: Descriptor) -> bool:
    """Whether an entry of an index says that it is for no platform: a signature, or the history of a build."""
    return str(platforms.of(entry.get("platform"))) == "unknown/unknown"


def choose(index: Document, wanted: Platform, origin: str) -> Descriptor:
    """The entry of an index that is for a platform. What is for none (`unknown/unknown`: signatures, the history of
    a build) is never chosen."""
    entries = [entry for entry in index.manifests if entry["mediaType"] in MANIFESTS + INDEXES]
    at = platforms.best(wanted, [platforms.of(entry.get("platform")) for entry in entries])
    if at < 0:
        unsaid = [entry for entry in entries if "platform" not in entry]
        if unsaid:  # its configuration says what it is for
            return unsaid[0]
        offered = sorted({str(platforms.of(entry.get("platform"))) for entry in entries} - {"", "unknown/unknown"})
        raise MinidockError(
            f"no matching manifest for {wanted} in the manifest list entries of {origin}",
            hint=f"it is there for {', '.join(offered)}" if offered else "",
        )
    return entries[at]
