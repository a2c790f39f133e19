"""The way in: an archive in either form, as images of the store, not listed yet.

First all that it holds is taken in, checked against the digests it names. Then its documents say which images
there are; each layer is unpacked, which checks its diff id. Only when all of it has proved true may the images be
listed, so of an archive that lies nothing stays. What any other engine wrote is read: Docker, Podman, Skopeo,
BuildKit, back to Docker 1.10.
"""

from __future__ import annotations

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.images import manifests, platforms, references
from minidock.images.archives.contents import Contents
from minidock.images.archives.saving import FULL_NAME
from minidock.images.compression import kind_of, plain
from minidock.images.image import MANIFESTS, diff_ids_of
from minidock.images.layout import CONFIG, INDEX, MANIFEST, NAME, note_of
from minidock.images.making import LAYERS
from minidock.images.manifests import DOCKER_LAYER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.images.layout import Descriptor, Layout
    from minidock.images.making import Making, Source
    from minidock.images.manifests import Document
    from minidock.images.platforms import Platform
    from minidock.jsonfile import Json

_INDEX_FILE, _DOCKER_FILE = "index.json", "manifest.json"
_MOST_IMAGES = 1000
_CONFIGS = (CONFIG, "application/vnd.docker.container.image.v1+json")
_LAYERS = (*LAYERS.values(), DOCKER_LAYER, f"{DOCKER_LAYER}.gzip", f"{DOCKER_LAYER}.zstd")
_BEGINNING = 16


class Loaded:
    """An image that is in the store, complete, and waits to be listed."""

    def __init__(self, identifier: str, manifest: Descriptor) -> None:
        self.id = identifier
        self.manifest = manifest
        self.is_rewritten = False  # its manifest is not the archive's, but was made here of what Docker's form says
        self.names: list[str] = []  # in full
        self.index = ""  # the digest of the index that it is in


def load(making: Making, source: Source, platform: Platform | None = None) -> list[Loaded]:
    """Take in an archive; the images in it, each once, in its order. Of an index all that are there, of which that for
    this machine gets the name; or, if that is asked for, the one for a platform."""
    from minidock.images.blobs import Content
    from minidock.images.limits import Limits
    from minidock.progress import Work

    contents, limits = Contents(making), Limits()
    with Work("Loading") as work:
        content = Content(plain(work.reading(source), limits), limits)
        contents.read(content)
        content.digest()  # to its end, so that a stream that is cut off is known to be, and its writer can end
    found = _in_layout(making, contents, platform) if _INDEX_FILE in contents.documents else []
    found = _with_names(contents, found) if found else _in_docker_archive(making, contents)
    for image in found:
        _complete(making, image, platform)
    return found


def _complete(making: Making, image: Loaded, platform: Platform | None) -> None:
    """Unpack its layers, which is how we know that they are what its configuration says."""
    manifest, document = making.layout.document(image.manifest["digest"]), making.layout.document(image.id)
    made_for = platforms.of(document)
    if platform and platforms.best(platform.on(platforms.host()), [made_for]) < 0:
        raise MinidockError(f"image {image.id} is for {made_for}, not for {platform}")
    making.unpack(diff_ids_of(making.layout, image.id, document), manifest["layers"])


# The OCI's form -------------------------------------------------------------------------------------------


def _in_layout(making: Making, contents: Contents, platform: Platform | None) -> list[Loaded]:
    index = contents.documents[_INDEX_FILE]
    top = manifests.read(index, INDEX, _INDEX_FILE)
    if not top.is_index:
        raise MinidockError(f"{_INDEX_FILE} is no index, but {top.media_type!r}")
    images: dict[str, Loaded] = {}
    for entry in top.manifests:
        for manifest, name in _named(making.layout, entry, _manifests(contents, entry), platform):
            for blob in (manifest.config, *manifest.layers):
                contents.check(blob)
            image = images.setdefault(manifest.digest, Loaded(manifest.config["digest"], manifest.descriptor))
            if name and name not in image.names:
                image.names.append(name)
            image.index = image.index or (entry["digest"] if entry["mediaType"] in manifests.INDEXES else "")
    return list(images.values())


def _manifests(contents: Contents, entry: Descriptor) -> list[Document]:
    """The manifests that an entry leads to: by itself, or by an index, which may have indexes in it. Of what an index
    names, an archive need not hold all; but one it must."""
    found, seen, waiting = [], set(), [(entry, 0)]
    while waiting:
        each, depth = waiting.pop(0)
        if depth == manifests.DEEPEST:
            raise MinidockError(f"{entry['digest']}: an index in an index, more than {manifests.DEEPEST} of them")
        if each["digest"] in seen:
            continue
        seen.add(each["digest"])
        document = _document(contents, each)
        if document.is_index:
            waiting += [(inner, depth + 1) for inner in document.manifests if _is_wanted(contents, inner)]
        else:
            found.append(_checked(document))
    if not found:
        raise MinidockError(f"the archive lacks all images that {entry['digest']} names")
    return found


def _document(contents: Contents, entry: Descriptor) -> Document:
    if entry["mediaType"] not in MANIFESTS + manifests.INDEXES:
        raise MinidockError(f"{entry['digest']} names nothing of an image, but {entry['mediaType']!r}")
    return manifests.read(contents.data(entry, manifests.LARGEST), entry["mediaType"], entry["digest"])


def _is_wanted(contents: Contents, entry: Descriptor) -> bool:
    """Signatures and the history of a build are for `unknown/unknown`."""
    is_image = entry["mediaType"] in MANIFESTS + manifests.INDEXES and not manifests.is_for_none(entry)
    return is_image and contents.holds(entry)


def _named(
    layout: Layout, entry: Descriptor, found: list[Document], platform: Platform | None
) -> list[tuple[Document, str]]:
    """The images to be loaded of those that an entry leads to, and their names: the others of an index are known by
    their digests, as those that were pulled."""
    name = _name(entry)
    if len(found) == 1 and entry["mediaType"] in MANIFESTS:
        return [(found[0], name)]
    wanted = (platform or platforms.Platform()).on(platforms.host())
    offered = [platforms.of(layout.document(manifest.config["digest"])) for manifest in found]
    at = platforms.best(wanted, offered)
    if platform and at < 0:
        raise MinidockError(
            f"no matching manifest for {wanted} in the manifest list entries of {entry['digest']}",
            hint=f"it is there for {', '.join(sorted(map(str, offered)))}",
        )
    first = found[max(at, 0)]
    others = [] if platform else [manifest for manifest in found if manifest is not first]
    repository = references.parse(name).name if name else ""
    return [(first, name), *((other, f"{repository}@{other.digest}" if name else "") for other in others)]


def _checked(manifest: Document) -> Document:
    """Manifests name other things than images too, which have other types."""
    if manifest.config["mediaType"] not in _CONFIGS:
        raise MinidockError(f"{manifest.digest} is no image: its configuration is {manifest.config['mediaType']!r}")
    for layer in manifest.layers:
        if layer["mediaType"] not in _LAYERS:
            raise MinidockError(f"{manifest.digest} is no image: it has a layer that is {layer['mediaType']!r}")
    return manifest


def _name(entry: Descriptor) -> str:
    """What an index calls an image. A bare tag says nothing of a repository, so it is no name."""
    short = note_of(entry, NAME)
    text = note_of(entry, FULL_NAME) or (short if ":" in short or "/" in short else "")
    return _full(text) if text else ""


def _with_names(contents: Contents, images: list[Loaded]) -> list[Loaded]:
    """The names that the other form knows, where an archive has both; it knows nothing of platforms, so names that the
    first gives stay where they are."""
    given = {name for image in images for name in image.names}
    for wanted in _docker_entries(contents) if _DOCKER_FILE in contents.documents else []:
        digest, _ = contents.by_name(_text(wanted, "Config"))
        for image in images:
            if image.id == digest:
                image.names += [name for name in _tags(wanted) if name not in given]
    return images


# Docker's form --------------------------------------------------------------------------------------------


def _in_docker_archive(making: Making, contents: Contents) -> list[Loaded]:
    if _DOCKER_FILE not in contents.documents:
        raise MinidockError(
            f"no images in this archive: it has neither {_INDEX_FILE} nor {_DOCKER_FILE}",
            hint="the files of one container, as export writes them, are for minidock import",
        )
    images: dict[str, Loaded] = {}
    for wanted in _docker_entries(contents):
        config, size = contents.by_name(_text(wanted, "Config"))
        layers = [_layer(making, contents, name) for name in _texts(wanted, "Layers")]
        descriptor = {"mediaType": CONFIG, "digest": config, "size": size}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor, "layers": layers}
        image = images.setdefault(config, Loaded(config, making.put_document(MANIFEST, manifest)))
        image.is_rewritten = True
        image.names += [name for name in _tags(wanted) if name not in image.names]
    if not images:
        raise MinidockError(f"no images in this archive: {_DOCKER_FILE} lists none")
    return list(images.values())


def _docker_entries(contents: Contents) -> list[dict[str, Json]]:
    entries = _parsed(contents.documents[_DOCKER_FILE])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise MinidockError(f"{_DOCKER_FILE} must be a list of objects")
    if len(entries) > _MOST_IMAGES:
        raise MinidockError(f"{_DOCKER_FILE} lists {len(entries)} images; {_MOST_IMAGES} are the most")
    return entries


def _parsed(data: bytes) -> Json:
    try:
        return jsonfile.parse(data.decode())
    except ValueError as error:
        raise MinidockError(f"{_DOCKER_FILE} is not JSON: {error}") from None


def _layer(making: Making, contents: Contents, name: str) -> Descriptor:
    """A layer by its file. What compresses it is told by its first bytes: this form has no media types."""
    digest, size = contents.by_name(name)
    with open(making.layout.blob(digest), "rb") as file:
        kind = LAYERS[kind_of(file.read(_BEGINNING))]
    return {"mediaType": kind, "digest": digest, "size": size}


def _tags(entry: dict[str, Json]) -> list[str]:
    return [_full(text) for text in _texts(entry, "RepoTags")]


def _full(text: str) -> str:
    """A name in full. A digest is no name to give: what has it is known by it."""
    reference = references.parse(text)
    return str(references.Reference(reference.domain, reference.path, reference.tag)) if reference.tag else ""


def _text(entry: dict[str, Json], field: str) -> str:
    value = entry.get(field)
    if not isinstance(value, str):
        raise MinidockError(f"{_DOCKER_FILE}: {field} must be a text")
    return value


def _texts(entry: dict[str, Json], field: str) -> Sequence[str]:
    value = entry.get(field) or []
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise MinidockError(f"{_DOCKER_FILE}: {field} must be a list of texts")
    return value
