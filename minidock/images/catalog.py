"""All images of the store at a glance: what each is called, when it was made, how large it is, what is in the way.

An image is what its configuration says, so two manifests with one configuration are one image, as they are in
Docker: `id` is the digest of the configuration. Names come in two kinds. `busybox:latest` is a tag, and goes to
another image when somebody says so; `busybox@sha256:…` is a digest, which says where the image came from.
"""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.images import layers, references
from minidock.images.image import diff_ids_of, manifest_of
from minidock.images.layout import FOR_BUILDS, FROM_INDEX, PARENT, REMOVED, TAGGED, name_of, note_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from minidock.images.layout import Descriptor, Layout
    from minidock.images.references import Reference
    from minidock.jsonfile import Json

_BILLION = 1_000_000_000


class Listed:
    """One image, whole or damaged."""

    def __init__(self, layout: Layout, identifier: str) -> None:
        self._layout = layout
        self._document: dict[str, Json] | None = None
        self.id = identifier
        self.manifests: list[str] = []  # the digests of its manifests, of which there is seldom more than one
        self.names: list[str] = []  # in full, sorted
        self.parent = ""  # the id of the image that the container was made from which was committed as this one
        self.indexes: dict[str, str] = {}  # by its names, the digests of the indexes that it came from
        self.tagged = ""  # when it got its last name
        self.is_removed = False  # kept for a container alone, or for builds
        self.is_for_builds = False
        self.created = 0  # nanoseconds since 1970; 0: it does not say
        self.labels: dict[str, str] = {}
        self.known_sizes: dict[str, int] = {}  # of its layers by their chain ids, if they are known already
        self.chain: list[str] = []  # the chain ids of its layers, bottom first
        self.layers: list[Descriptor] = []  # the blobs they are shipped as
        self.damage = ""  # why it cannot be read

    @property
    def document(self) -> dict[str, Json]:
        """The whole configuration. A list of images does without, so it is read when it is asked for."""
        if self._document is None:
            self._document = {} if self.damage else self._layout.document(self.id)
        return self._document

    def know(self, document: dict[str, Json]) -> None:
        """Take from its configuration what a list shows."""
        self._document = document
        self.created = nanoseconds(document.get("created"))
        labels = self.config.get("Labels")
        self.labels = {str(key): str(value) for key, value in labels.items()} if isinstance(labels, dict) else {}

    @property
    def references(self) -> list[Reference]:
        return [reference for reference in map(_reference, self.names) if reference]

    @property
    def tags(self) -> list[str]:
        """As people type them: `busybox:latest`."""
        return [reference.familiar() for reference in self.references if not reference.digest]

    @property
    def digests(self) -> list[str]:
        """As people type them: `busybox@sha256:…`."""
        return [reference.familiar() for reference in self.references if reference.digest]

    @property
    def is_dangling(self) -> bool:
        return not self.names

    @property
    def config(self) -> dict[str, Json]:
        config = self.document.get("config")
        return config if isinstance(config, dict) else {}

    def sizes(self, layout: Layout) -> dict[str, int]:
        """The size of each layer by its chain id."""
        if self.known_sizes:
            return self.known_sizes
        pairs = zip(self.chain, self.layers, strict=False)  # a damaged one has no chain
        return {chain_id: layers.size(layout, chain_id, blob) for chain_id, blob in pairs}

    def size(self, layout: Layout) -> int:
        return sum(self.sizes(layout).values())


def catalog(layout: Layout, *, removed: bool = False) -> list[Listed]:
    """The images that people see, the newest first; with `removed`, those too that are kept for a container. Each
    document is read: what is damaged is known to be."""
    found: dict[str, Listed] = {}
    for entry in layout.entries():
        _gather(found, layout, entry)
    return _sorted(listed for listed in found.values() if removed or not listed.is_removed)


def glance(layout: Layout) -> list[Listed]:
    """The images that people see, by what is remembered of them, as far as it is."""
    from minidock.images.summaries import Summaries

    found: dict[str, Listed] = {}
    summaries = Summaries(layout)
    for entry in layout.entries():
        summary = summaries.of(entry)
        if summary is None:
            summaries.learn(entry, _gather(found, layout, entry))
            continue
        listed = found.get(summary["id"])
        if listed is None:
            listed = found[summary["id"]] = summaries.listed(summary)
        _note(listed, entry, "")
    summaries.keep()
    return _sorted(listed for listed in found.values() if not listed.is_removed)


def _sorted(images: Iterable[Listed]) -> list[Listed]:
    return sorted(images, key=lambda listed: (-listed.created, listed.id))


def _gather(found: dict[str, Listed], layout: Layout, entry: Descriptor) -> Listed:
    """The image of an entry; several may be of one."""
    identifier, manifest, damage = _look_into(layout, entry)
    listed = found.setdefault(identifier, Listed(layout, identifier))
    if not listed.manifests and manifest:
        damage = _read(layout, listed, manifest)
    _note(listed, entry, damage)
    return listed


def _look_into(layout: Layout, entry: Descriptor) -> tuple[str, dict[str, Json], str]:
    """The image's id and manifest. One without a readable manifest goes by the manifest's digest."""
    try:
        manifest = manifest_of(layout, entry)
        return str(manifest["config"]["digest"]), manifest, ""
    except MinidockError as error:
        return str(entry.get("digest")), {}, error.message


def _read(layout: Layout, listed: Listed, manifest: dict[str, Json]) -> str:
    """Fill in what the documents say; returns what is wrong with them."""
    listed.layers = manifest["layers"]
    try:
        document = layout.document(listed.id)
        listed.know(document)
        diff_ids = diff_ids_of(layout, listed.id, document)
        if len(diff_ids) != len(listed.layers):
            return f"{listed.id} names {len(diff_ids)} layers, its manifest {len(listed.layers)}"
    except MinidockError as error:
        return error.message
    listed.chain = layers.chain_ids(diff_ids)
    return ""


def _note(listed: Listed, entry: Descriptor, damage: str) -> None:
    digest = str(entry.get("digest"))
    if digest not in listed.manifests:
        listed.manifests.append(digest)
    if index := note_of(entry, FROM_INDEX):
        listed.indexes[name_of(entry)] = index
    if name := name_of(entry):
        listed.names = sorted([*listed.names, name])
    listed.parent = listed.parent or note_of(entry, PARENT)
    listed.tagged = max(listed.tagged, note_of(entry, TAGGED))
    listed.is_removed = bool(note_of(entry, REMOVED))
    listed.is_for_builds = note_of(entry, REMOVED) == FOR_BUILDS
    listed.damage = listed.damage or damage


def _reference(name: str) -> Reference | None:
    """Other tools write names into an index that are none to us, such as a bare tag."""
    try:
        return references.parse(name)
    except MinidockError:
        return None


def find(images: Iterable[Listed], word: str) -> Listed:
    """The image that goes by an id, a name, a digest, or the beginning of an id: in Docker's order."""
    found = search(images, word)
    if found is None:
        raise MinidockError(f"No such image: {shown(word)}", hint="minidock images lists them")
    return found


def search(images: Iterable[Listed], word: str) -> Listed | None:
    images = list(images)
    digits = word.removeprefix("sha256:")
    if references.is_hex(digits, 64):
        return next((image for image in images if image.id == f"sha256:{digits}"), None)
    reference = references.parse(word)
    by_name = next((image for image in images if _goes_by(image, reference)), None)
    if by_name is not None or not references.is_hex(digits, len(digits)):
        return by_name
    starting = [image for image in images if image.id.startswith(f"sha256:{digits}")]
    if len(starting) > 1:
        raise MinidockError(f"'{word}' is the beginning of {len(starting)} images' ids", hint="give more of it")
    return next(iter(starting), None)


def _goes_by(image: Listed, reference: Reference) -> bool:
    if str(reference) in image.names:
        return True
    if reference.digest and f"{reference.name}@{reference.digest}" in image.names:
        return True
    in_repository = any(known.name == reference.name for known in image.references)
    return bool(reference.digest) and in_repository and reference.digest in image.manifests


def shown(word: str) -> str:
    """A word for an image as errors repeat it: with `:latest` if that was meant."""
    if references.is_hex(word.removeprefix("sha256:"), 64):
        return word
    return references.parse(word).familiar()


def nanoseconds(text: Json) -> int:
    """A time of RFC 3339; 0 for what is none. To the microsecond: enough to tell which image is newer."""
    from datetime import UTC, datetime

    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return 0
    since = (time if time.tzinfo else time.replace(tzinfo=UTC)) - datetime.fromtimestamp(0, UTC)
    return (since.days * 86_400 + since.seconds) * _BILLION + since.microseconds * 1000
