"""An image: a stack of layers, and what to run in it.

`resolve` finds the image that a person named. It stands in the path of every `minidock run`, so for an
image that is there it reads three small files (index.json, manifest, configuration) and imports nothing slow.
"""

from __future__ import annotations

import sys

from minidock.errors import MinidockError
from minidock.images import layers, references
from minidock.images.layout import MANIFEST, Layout, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.images.layout import Descriptor
    from minidock.images.references import Reference
    from minidock.jsonfile import Json

    Layer = tuple[str, Descriptor]  # its diff id, and the blob it is shipped as

_WHOLE_ID = 64  # digits
MANIFESTS = (MANIFEST, "application/vnd.docker.distribution.manifest.v2+json")


class NotHere(MinidockError):
    """The store has no such image. A registry may have it."""


class Image:
    """An image of the store, its layers unpacked."""

    reference: str  # what it was asked for by: "docker.io/library/busybox:latest" in full; or an id as given
    id: str  # the digest of its configuration: "sha256:…"
    digest: str  # the digest of its manifest
    document: dict[str, Json]  # the whole OCI configuration: architecture, os, created, history, rootfs…
    config: dict[str, Json]  # its part about running: Env, Cmd, Entrypoint, WorkingDir, User…
    layers: list[str]  # directories, bottom first; overlayfs counts its lower directories from the top


def resolve(root: str, name: str) -> Image:
    """The image that goes by a name, a digest or an id in the store at `root`.

    One that is missing is made on the spot if a recipe for it is embedded in minidock.
    """
    layout = Layout(root)
    reference, descriptor = _find(layout, name)
    return load(layout, reference, descriptor or _make_embedded(layout, reference))


def load(layout: Layout, reference: str, descriptor: Descriptor) -> Image:
    """The image behind an entry of the index; layers that are not unpacked yet are."""
    image = Image()
    image.reference = reference
    image.digest = descriptor["digest"]
    manifest = manifest_of(layout, descriptor)
    image.id = manifest["config"]["digest"]
    image.document = layout.document(image.id)
    image.config = _object(image.document.get("config") or {}, image.id, "config")
    image.layers = layers.unpacked(layout, diff_ids_of(layout, image.id, image.document), manifest["layers"])
    return image


def must_be_listed(root: str, image: Image) -> None:
    """Object if an image was removed since it was resolved. In a change of the state this is the last word: images
    are removed in such a change too."""
    if not Layout(root).lists(image.digest):
        raise MinidockError(f"No such image: {image.reference}", hint="it was removed a moment ago")


def make(layout: Layout, name: str, document: dict[str, Json], stack: Sequence[Layer]) -> Descriptor:
    """Store an image whose layers are stored already; `document` is its OCI configuration but for them."""
    from minidock.images.making import Making

    with Making(layout) as making:
        return making.finish(name, document, stack)


def _find(layout: Layout, name: str) -> tuple[str, Descriptor | None]:
    """By full id, by name, by id cut short: in Docker's order, so a name wins over the beginning of an id."""
    identifier = name.removeprefix("sha256:")
    if references.is_hex(identifier, _WHOLE_ID):
        return name, _find_by_id(layout, identifier)
    reference = references.parse(name)
    found = layout.find(str(reference)) or _find_by_digest(layout, reference)
    if found is None and references.is_hex(identifier, len(identifier)):
        found = _find_by_id(layout, identifier)
        return (name if found else str(reference)), found
    return str(reference), found


def _find_by_digest(layout: Layout, reference: Reference) -> Descriptor | None:
    """The content is what a digest names; whichever tag its repository has it under."""
    if not reference.digest:
        return None
    for entry in layout.images():
        in_repository = name_of(entry).startswith((f"{reference.name}:", f"{reference.name}@"))
        named_so = name_of(entry) == f"{reference.name}@{reference.digest}"  # by the digest of an index, perhaps
        if named_so or (in_repository and entry.get("digest") == reference.digest):
            return entry
    return None


def _find_by_id(layout: Layout, beginning: str) -> Descriptor | None:
    """The image whose id begins so; it takes a look into every manifest. By its whole id also one is found that is
    kept for a container alone, since that is how the engine asks for it."""
    found: dict[str, Descriptor] = {}
    for entry in layout.entries() if len(beginning) == _WHOLE_ID else layout.images():
        if entry.get("mediaType") not in MANIFESTS:
            continue
        identifier = manifest_of(layout, entry)["config"]["digest"]
        if identifier.startswith(f"sha256:{beginning}"):
            found[identifier] = entry
    if len(found) > 1:
        raise MinidockError(f"'{beginning}' is the beginning of {len(found)} images' ids", hint="give more of it")
    return next(iter(found.values()), None)


def _make_embedded(layout: Layout, reference: str) -> Descriptor:
    """Build a missing image from the recipe that minidock carries, if it carries one."""
    import io

    from minidock.images import recipes
    from minidock.images.making import Making, notes

    is_id = references.is_hex(reference.removeprefix("sha256:"), 64)
    shown = reference if is_id else references.parse(reference).familiar()
    if reference != recipes.BUSYBOX:
        raise NotHere(f"Unable to find image '{shown}' locally", hint=f"minidock pull {shown} asks a registry for it")
    note = f"Unable to find image '{shown}' locally: building it from the embedded recipe"
    print(note, file=sys.stderr, flush=True)
    with Making(layout) as making:
        layer = making.add_layer(io.BytesIO(recipes.busybox()))
        return making.finish(recipes.BUSYBOX, recipes.busybox_document(), [layer], notes(named=True))


# What stands in documents that strangers wrote, checked --------------------------------------------------


def manifest_of(layout: Layout, descriptor: Descriptor) -> dict[str, Json]:
    """An image's manifest, with a configuration and a list of layers that can be relied on."""
    digest = descriptor.get("digest")
    if descriptor.get("mediaType") not in MANIFESTS:
        raise MinidockError(f"{digest} is no image manifest, but {descriptor.get('mediaType')!r}")
    manifest = layout.document(digest)
    _object(manifest.get("config"), digest, "config")
    layout.blob(manifest["config"].get("digest"))
    for layer in _list(manifest.get("layers"), digest, "layers"):
        _object(layer, digest, "layers")
    return manifest


def diff_ids_of(layout: Layout, identifier: str, document: dict[str, Json]) -> list[str]:
    """What a configuration says of the image's layers, bottom first."""
    rootfs = _object(document.get("rootfs"), identifier, "rootfs")
    diff_ids = _list(rootfs.get("diff_ids"), identifier, "rootfs.diff_ids")
    for diff_id in diff_ids:
        layout.blob(diff_id)  # a path is made of it
    return diff_ids


def _object(value: Json, origin: Json, field: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise MinidockError(f"{origin}: {field} must be an object")
    return value


def _list(value: Json, origin: Json, field: str) -> list[Json]:
    if not isinstance(value, list):
        raise MinidockError(f"{origin}: {field} must be a list")
    return value
