"""The image store on disk: an OCI image layout, which every other tool can read.

    <root>/oci-layout             marks the layout and its version
    <root>/index.json             the images: each a manifest's digest, and the name it goes by, if any
    <root>/blobs/sha256/<hex>     content by digest: manifests, configurations, layers as they are shipped
    <root>/layers/<hex>/diff      a layer unpacked, by chain id (see layers.py)
    <root>/unfinished/            what is in the making (see drafts.py)

A blob's name is the SHA-256 of its bytes, so it never changes, two images share what they have in common,
and whoever holds a manifest's digest can check all it refers to. Only index.json is ever rewritten.
Specification: github.com/opencontainers/image-spec, image-layout.md.
"""

from __future__ import annotations

import os

from minidock import jsonfile
from minidock.errors import MinidockError, reason
from minidock.images.references import is_hex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from minidock.images.blobs import NewBlob
    from minidock.jsonfile import Json

    Descriptor = dict[str, Json]  # mediaType, digest, size, and perhaps annotations and a platform

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"

# The annotations of an entry in index.json. The first is the specification's, the others are our own notes.
NAME = "org.opencontainers.image.ref.name"
PARENT = "minidock.parent"  # the id of the image whose container was committed as this one
TAGGED = "minidock.tagged"  # when it was last given a name
FROM_INDEX = "minidock.index"  # the digest of the index that it came from: see variants.py
REMOVED = "minidock.removed"  # shown to nobody; why it is kept all the same:
FOR_CONTAINER = "yes"  # it was removed by force, while a container needs it
FOR_BUILDS = "build"  # a stage of a build, which the next build may begin with
_LASTING = (PARENT, TAGGED, FROM_INDEX, REMOVED)  # an image without a name has them too
_LARGEST_DOCUMENT = 8 << 20  # of a manifest or configuration; what is larger is an attack, or no such thing


class Layout:
    """An OCI image layout. Reading takes no lock: every file is either whole or absent."""

    def __init__(self, root: str) -> None:
        self.root = root

    # Blobs ------------------------------------------------------------------------------------------

    def blob(self, digest: Json) -> str:
        """Where a blob is. Digests come from documents that strangers wrote: only 64 digits make a path."""
        if not (isinstance(digest, str) and digest.startswith("sha256:") and is_hex(digest[7:], 64)):
            raise MinidockError(f"not a sha256 digest: {digest!r}")
        return f"{self.root}/blobs/sha256/{digest[7:]}"

    def holds(self, digest: str) -> bool:
        return os.path.exists(self.blob(digest))

    def document(self, digest: Json) -> dict[str, Json]:
        """A manifest or configuration: a blob that is a JSON object."""
        path = self.blob(digest)
        try:
            with open(path, "rb") as file:
                text = file.read(_LARGEST_DOCUMENT + 1)
        except FileNotFoundError:
            raise MinidockError(f"the image store lacks {digest}", hint=f"{path} is missing") from None
        if len(text) > _LARGEST_DOCUMENT:
            raise MinidockError(f"{digest} is no manifest or configuration: over {_LARGEST_DOCUMENT} bytes")
        return _object(text, str(digest))

    def new_blob(self) -> NewBlob:
        """A blob to be written piece by piece, in a `with` block."""
        from minidock.images.blobs import NewBlob

        self.create()
        return NewBlob(self)

    def put(self, data: bytes) -> str:
        """Store a small blob; returns its digest."""
        with self.new_blob() as blob:
            blob.write(data)
            return blob.commit()

    def put_document(self, media_type: str, value: dict[str, Json]) -> Descriptor:
        """Store a manifest or configuration; returns what refers to it."""
        data = jsonfile.dump(value).encode()
        return {"mediaType": media_type, "digest": self.put(data), "size": len(data)}

    # Names ------------------------------------------------------------------------------------------

    def images(self) -> list[Descriptor]:
        """The images that people see; one may be listed under several names, or without one."""
        return [entry for entry in self.entries() if not note_of(entry, REMOVED)]

    def hides_images(self) -> bool:
        """Whether there are images that were removed while containers needed them."""
        return any(note_of(entry, REMOVED) == FOR_CONTAINER for entry in self.entries())

    def entries(self) -> list[Descriptor]:
        """All that index.json lists."""
        try:
            with open(f"{self.root}/index.json", "rb") as file:
                index = _object(file.read(), file.name)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except PermissionError as error:
            from minidock.diagnosis import diagnosing

            raise diagnosing.failed(f"cannot read the image store: {reason(error)}", error) from None
        listed = index.get("manifests")
        if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
            raise MinidockError(f"{self.root}/index.json: manifests must be a list of objects")
        return listed

    def find(self, name: str) -> Descriptor | None:
        """The image that goes by a full name: `docker.io/library/busybox:latest`."""
        for entry in self.images():
            if name_of(entry) == name:
                return entry
        return None

    def lists(self, digest: str) -> bool:
        """Whether an image, by the digest of its manifest, can be seen. In a change of the state this stays true to
        the end of that change: images are removed in such a change too (see engine/images/removing.py)."""
        seen = (entry for entry in self.entries() if note_of(entry, REMOVED) in ("", FOR_BUILDS))
        return any(entry.get("digest") == digest for entry in seen)

    def tag(self, name: str, descriptor: Descriptor, notes: Mapping[str, str] | None = None) -> None:
        """Let a name mean this image; "" lists it without one. An image that loses its last name stays, nameless,
        as in Docker."""
        self.tag_all([(name, descriptor, notes or {})])

    def tag_all(self, wanted: Iterable[tuple[str, Descriptor, Mapping[str, str]]]) -> None:
        """Give several names, all of them at one moment."""

        def change(entries: list[Descriptor]) -> list[Descriptor]:
            for name, descriptor, notes in wanted:
                entries = _tagged(entries, name, descriptor, notes)
            return entries

        self.change_index(change)

    def change_index(self, change: Callable[[list[Descriptor]], list[Descriptor]]) -> None:
        """Rewrite index.json as one act among all processes: none loses what another has just written."""
        from minidock.images.drafts import Lock, write_whole

        self.create()
        with Lock(f"{self.root}/oci-layout"):
            index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": change(self.entries())}
            write_whole(self.root, f"{self.root}/index.json", jsonfile.dump(index) + "\n")

    def create(self) -> None:
        """Make the directories. What layers hold is for root alone: in it are set-user-id programs of
        unknown origin, which any user of the host could run otherwise (CVE-2021-41091)."""
        os.makedirs(self.root, mode=0o711, exist_ok=True)
        os.makedirs(f"{self.root}/blobs/sha256", mode=0o700, exist_ok=True)
        os.makedirs(f"{self.root}/layers", mode=0o700, exist_ok=True)
        marker = os.open(f"{self.root}/oci-layout", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:  # written in place, never replaced: it carries the lock, which whoever can open it can hold
            if os.fstat(marker).st_size == 0:
                os.write(marker, b'{"imageLayoutVersion": "1.0.0"}')
        finally:
            os.close(marker)


def _tagged(entries: list[Descriptor], name: str, descriptor: Descriptor, notes: Mapping[str, str]) -> list[Descriptor]:
    """The entries of the index once a name means this image."""
    digest = descriptor.get("digest")
    known = next((entry for entry in entries if entry.get("digest") == digest), {})
    ours = {key: note_of(known, key) for key in (PARENT, TAGGED)} | dict(notes) | {NAME: name}
    new = {**_nameless(descriptor), **_annotations(ours)}
    others = [entry for entry in entries if entry.get("digest") != digest or not note_of(entry, REMOVED)]
    return _each_once([without_name(entry) if name and name_of(entry) == name else entry for entry in others] + [new])


def name_of(entry: Descriptor) -> str:
    """The name an entry of index.json goes by; "" if it has none."""
    return note_of(entry, NAME)


def note_of(entry: Descriptor, key: str) -> str:
    """One of the annotations above; "" if it is not there."""
    annotations = entry.get("annotations")
    note = annotations.get(key, "") if isinstance(annotations, dict) else ""
    return note if isinstance(note, str) else ""


def without_name(entry: Descriptor) -> Descriptor:
    """An entry that keeps all our notes but its name."""
    return {**_nameless(entry), **_annotations({key: note_of(entry, key) for key in _LASTING})}


def _nameless(entry: Descriptor) -> Descriptor:
    return {key: value for key, value in entry.items() if key != "annotations"}


def _annotations(notes: Mapping[str, str]) -> Descriptor:
    kept = {key: note for key, note in notes.items() if note}
    return {"annotations": kept} if kept else {}


def _each_once(entries: list[Descriptor]) -> list[Descriptor]:
    """An image is listed without a name only if it has none, and then once."""
    seen = {entry.get("digest") for entry in entries if name_of(entry)}
    kept = []
    for entry in entries:
        if name_of(entry) or entry.get("digest") not in seen:
            kept.append(entry)
            seen.add(entry.get("digest"))
    return kept


def _object(text: bytes, origin: str) -> dict[str, Json]:
    try:
        value = jsonfile.parse(text.decode())
    except ValueError as error:
        raise MinidockError(f"{origin} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise MinidockError(f"{origin} is not a JSON object")
    return value
