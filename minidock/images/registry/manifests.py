"""From a name to a manifest for this machine: asked from a registry, and checked against every digest on the way."""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.images import manifests
from minidock.images.image import MANIFESTS
from minidock.images.manifests import DEEPEST, INDEXES, LARGEST, Document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.images.layout import Descriptor
    from minidock.images.platforms import Platform
    from minidock.images.references import Reference
    from minidock.images.registry.session import Session

ACCEPT = {"Accept": ", ".join((*MANIFESTS, *INDEXES))}


def scope(reference: Reference, actions: str = "pull") -> str:
    """What a token must be for."""
    return f"repository:{reference.path}:{actions}"


def fetch(session: Session, reference: Reference) -> Document:
    """What stands behind a tag or a digest."""
    return _fetch(session, reference, reference.digest or reference.tag, reference.familiar())


def _fetch(session: Session, reference: Reference, version: str, origin: str, actions: str = "pull") -> Document:
    path = f"/v2/{reference.path}/manifests/{version}"
    with session.ask("GET", path, scope(reference, actions), headers=ACCEPT) as answer:
        announced, stated = answer.header("Content-Type"), answer.header("Docker-Content-Digest")
        document = manifests.read(answer.read(LARGEST), announced, origin)
    wanted = version if ":" in version else stated
    if wanted.startswith("sha256:") and document.digest != wanted:
        raise MinidockError(
            f"{origin}: the manifest does not match its digest: expected {wanted}, got {document.digest}"
        )
    return document


def for_platform(session: Session, reference: Reference, top: Document, wanted: Platform) -> Document:
    """The manifest itself, or that of an index, or of an index in an index, which is for a platform."""
    document, origin = top, reference.familiar()
    for _ in range(DEEPEST):
        if not document.is_index:
            return document
        entry = manifests.choose(document, wanted, origin)
        document = fetch_entry(session, reference, entry)
    raise MinidockError(f"{origin}: indexes in indexes, more than {DEEPEST} deep")


def fetch_entry(session: Session, reference: Reference, entry: Descriptor) -> Document:
    """What an entry of an index refers to; it must be what the entry says."""
    origin = f"{reference.familiar_name}@{entry['digest']}"
    if entry["size"] > LARGEST:
        raise MinidockError(f"{origin}: a manifest of {entry['size']} bytes, where {LARGEST} are the most")
    document = _fetch(session, reference, entry["digest"], origin)
    if document.descriptor["size"] != entry["size"]:
        raise MinidockError(f"{origin}: expected {entry['size']} bytes, got {document.descriptor['size']}")
    if document.media_type != entry["mediaType"]:
        raise MinidockError(f"{origin}: {document.media_type}, where the index says {entry['mediaType']}")
    return document
