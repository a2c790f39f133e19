"""Images to registries: `push`. An image is also known by its digest there afterwards."""

from __future__ import annotations

from minidock.engine.images.naming import entry_of, tell
from minidock.errors import MinidockError
from minidock.images import making, platforms, references
from minidock.images.catalog import catalog, find
from minidock.images.layout import Layout, name_of
from minidock.images.making import Making
from minidock.images.references import Reference
from minidock.images.registry import pushing
from minidock.images.registry.connecting import on_registry
from minidock.images.registry.telling import Listener
from minidock.images.variants import for_platform, variants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.images.layout import Descriptor
    from minidock.images.manifests import Document
    from minidock.images.platforms import Platform
    from minidock.images.registry.session import Session
    from minidock.images.variants import Variants


def push(
    engine: Engine, name: str, *, platform: str = "", everything: bool = False, listener: Listener | None = None
) -> None:
    """An image by its name, or with `everything` all tags that a repository has here."""
    layout, wanted = Layout(engine.root), platforms.parse(platform) if platform else None
    reference, heard = references.parse(name), listener or Listener()
    if reference.digest:
        raise MinidockError("cannot push a digest reference", hint="push the image by its name and tag")
    heard.line(f"The push refers to repository [{reference.name}]")
    chosen = _tags(layout, reference) if everything else _one(layout, reference)
    pushes = [_Push(engine, each, entry, wanted) for each, entry in chosen]

    def act(session: Session) -> None:
        for each in pushes:
            each.go(session, heard)

    on_registry(reference.domain, act, for_pushing=True)


def _one(layout: Layout, reference: Reference) -> list[tuple[Reference, Descriptor]]:
    entry = layout.find(str(reference))
    if entry is None:
        raise MinidockError(
            f"An image does not exist locally with the tag: {reference.familiar_name}",
            hint=f"minidock tag IMAGE {reference.familiar()} gives an image that name",
        )
    return [(reference, entry)]


def _tags(layout: Layout, reference: Reference) -> list[tuple[Reference, Descriptor]]:
    prefix = f"{reference.name}:"
    found = [
        (Reference(reference.domain, reference.path, name_of(entry).removeprefix(prefix)), entry)
        for entry in layout.images()
        if name_of(entry).startswith(prefix)
    ]
    if not found:
        raise MinidockError(f"An image does not exist locally with the tag: {reference.familiar_name}")
    return sorted(found, key=lambda each: each[0].tag)


class _Push:
    """One name, and the image or the index that it stands for."""

    def __init__(self, engine: Engine, reference: Reference, entry: Descriptor, wanted: Platform | None) -> None:
        self._engine = engine
        self._layout = Layout(engine.root)
        self._reference = reference
        self._variants: Variants | None = None
        self._document = pushing.document_of(self._layout, entry)
        everyone = catalog(self._layout)
        self._image = find(everyone, str(reference))
        if wanted:
            self._image = for_platform(self._layout, everyone, self._image, wanted, reference.familiar())
            self._document = pushing.document_of(self._layout, entry_of(self._layout, self._image))
        else:
            self._variants = variants(self._layout, everyone, self._image, str(reference))

    def go(self, session: Session, listener: Listener) -> None:
        with Making(self._layout) as held:
            sent = self._push_index(held, session, listener) if self._variants else None
            if sent is None:
                sent = pushing.push(held, session, self._reference, self._document, listener)
        listener.line(f"{self._reference.tag}: digest: {sent.digest} size: {len(sent.data)}")
        if self._variants and not sent.is_index:
            listener.line(
                f"Info: not all platforms of {self._variants.index.digest} are here: this is one image of them"
            )
        self._note(sent)

    def _push_index(self, held: Making, session: Session, listener: Listener) -> Document | None:
        """The index that the image came from, if the registry then has all that it names."""
        assert self._variants
        index, digests = self._variants.index, self._variants.here
        documents = [pushing.document_of(self._layout, _entry(index, digest)) for digest in digests]
        return index if pushing.push_index(held, session, self._reference, index, documents, listener) else None

    def _note(self, sent: Document) -> None:
        """The image is known by the digest that it has there."""
        with self._engine.database.change() as change:
            if not self._layout.lists(self._document.digest):  # removed meanwhile
                return
            name = f"{self._reference.name}@{sent.digest}"
            if not self._layout.find(name):
                notes = making.notes(index=sent.digest if sent.is_index else "")
                self._layout.tag(name, self._document.descriptor, notes)
            tell(change, self._image, "push", self._reference.familiar())


def _entry(index: Document, digest: str) -> Descriptor:
    return next(entry for entry in index.manifests if entry["digest"] == digest)
