"""Manifests and indexes, in the two dialects that there are: the OCI's, and the Docker schema 2 it was made from.

A manifest names a configuration and layers: it is an image, for one kind of machine. An index names manifests, each
with the platform that it is for; it may name further indexes. All names are descriptors: media type, digest, size.

What a document is must not be a matter of opinion. One that is both a manifest and an index, or says of itself that
it is something else than the descriptor said, would be one image to us and another to who has checked it
(CVE-2021-41190), so it is refused.
Specifications: github.com/opencontainers/image-spec; distribution.github.io/distribution/spec/manifest-v2-2/
"""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.images.layout import CONFIG, INDEX, LAYER, LAYER_GZIP, MANIFEST
from minidock.images.references import is_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from minidock.images.layout import Descriptor
    from minidock.images.platforms import Platform
    from minidock.jsonfile import Json

    Fetch = Callable[[Descriptor], dict[str, Json]]  # the document behind a descriptor, its digest and size checked

_DOCKER = "application/vnd.docker."
DOCKER_MANIFEST = f"{_DOCKER}distribution.manifest.v2+json"
DOCKER_INDEX = f"{_DOCKER}distribution.manifest.list.v2+json"
DOCKER_CONFIG = f"{_DOCKER}container.image.v1+json"
MANIFESTS, INDEXES, CONFIGS = (MANIFEST, DOCKER_MANIFEST), (INDEX, DOCKER_INDEX), (CONFIG, DOCKER_CONFIG)
LAYERS = (
    *(LAYER, LAYER_GZIP, f"{LAYER}+zstd"),
    *(f"{_DOCKER}image.rootfs.diff.tar", f"{_DOCKER}image.rootfs.diff.tar.gzip"),
    f"{_DOCKER}image.rootfs.diff.tar.zstd",
)
_SCHEMA_1 = f"{_DOCKER}distribution.manifest.v1+"
_DEEPEST = 4  # indexes within indexes: two are known to exist
_MOST_ENTRIES, _MOST_LAYERS = 1000, 500  # of an index; of an image: the kernel stacks no more (OVL_MAX_STACK)
_LARGEST_SIZE = 1 << 62


def manifest_for(descriptor: Descriptor, platform: Platform, fetch: Fetch) -> Descriptor:
    """The descriptor of the manifest for a platform, which is this one, or is found in the index that it leads to."""
    seen: set[str] = set()
    while descriptor["mediaType"] in INDEXES:
        if descriptor["digest"] in seen or len(seen) == _DEEPEST:
            raise MinidockError(f"{descriptor['digest']}: an index within an index, and no end of it")
        seen.add(descriptor["digest"])
        descriptor = _chosen(checked_index(fetch(descriptor), descriptor), platform, descriptor["digest"])
    if descriptor["mediaType"] not in MANIFESTS:
        raise _no_manifest(descriptor["digest"], descriptor["mediaType"])
    return descriptor


def _chosen(entries: list[Descriptor], platform: Platform, digest: str) -> Descriptor:
    """The entry that fits best. One that names no platform fits if there is no other."""
    ranked = [(platform.rank(entry["platform"]), entry) for entry in entries if isinstance(entry.get("platform"), dict)]
    fitting = [(rank, entry) for rank, entry in ranked if rank is not None]
    if fitting:
        return min(fitting, key=lambda pair: pair[0])[1]
    if len(entries) == 1 and not ranked:
        return entries[0]
    raise MinidockError(
        f"no matching manifest for {platform} in the manifest list entries",
        hint=f"there are {_told(entries)}" if ranked else f"{digest} names no platforms",
    )


def _told(entries: list[Descriptor]) -> str:
    from minidock.images import platforms

    known = [platforms.told(entry["platform"]) for entry in entries if isinstance(entry.get("platform"), dict)]
    return ", ".join(dict.fromkeys(name for name in known if "unknown" not in name))


# Documents that strangers wrote, checked ------------------------------------------------------------------


def checked_manifest(document: dict[str, Json], descriptor: Descriptor) -> dict[str, Json]:
    """A manifest whose configuration and layers can be relied on to be descriptors, and to be of an image."""
    origin = descriptor["digest"]
    _check_kind(document, descriptor["mediaType"], MANIFESTS, "manifests")
    config = checked_descriptor(document.get("config"), f"{origin}: config")
    if config["mediaType"] not in CONFIGS:
        raise MinidockError(f"{origin} is no image: its configuration is of type {config['mediaType']!r}")
    for layer in _listed(document, "layers", _MOST_LAYERS, origin):
        if layer["mediaType"] not in LAYERS:
            raise MinidockError(f"{origin}: a layer of type {layer['mediaType']!r}", hint="minidock reads tar archives")
    return document


def checked_index(document: dict[str, Json], descriptor: Descriptor) -> list[Descriptor]:
    """What an index lists."""
    _check_kind(document, descriptor["mediaType"], INDEXES, "layers", "config")
    return _listed(document, "manifests", _MOST_ENTRIES, descriptor["digest"])


def checked_descriptor(value: Json, origin: str) -> Descriptor:
    """Media type, digest and size, each as it should be."""
    if not isinstance(value, dict):
        raise MinidockError(f"{origin} must be an object")
    kind, digest, size = value.get("mediaType"), value.get("digest"), value.get("size")
    if not isinstance(kind, str):
        raise MinidockError(f"{origin}: a media type of {kind!r}")
    if not isinstance(digest, str) or not is_digest(digest):
        raise MinidockError(f"{origin}: a digest of {digest!r}")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _LARGEST_SIZE:
        raise MinidockError(f"{origin}: a size of {size!r}")
    return value


def _listed(document: dict[str, Json], field: str, most: int, origin: str) -> list[Descriptor]:
    value = document.get(field)
    if not isinstance(value, list):
        raise MinidockError(f"{origin}: {field} must be a list")
    if len(value) > most:
        raise MinidockError(f"{origin}: {len(value)} {field}; {most} are the most")
    return [checked_descriptor(entry, f"{origin}: {field}") for entry in value]


def _check_kind(document: dict[str, Json], kind: str, expected: Collection[str], *foreign: str) -> None:
    if kind not in expected:
        raise _no_manifest("a document", kind)
    says = document.get("mediaType", kind)
    if says != kind:
        raise MinidockError(f"a document of type {kind!r} says of itself that it is {says!r}")
    if document.get("schemaVersion", 2) != 2:
        raise MinidockError(f"a document of schema {document['schemaVersion']!r}; 2 is the one that minidock knows")
    for field in foreign:
        if field in document:
            raise MinidockError(f"a document of type {kind!r} that has {field!r}, as another type of document has")


def _no_manifest(origin: str, kind: str) -> MinidockError:
    hint = (
        "it was made for a Docker older than 1.10: push it again with a newer one" if kind.startswith(_SCHEMA_1) else ""
    )
    return MinidockError(f"{origin} is no image manifest, but {kind!r}", hint=hint)
