"""Images to registries: `push`. An image is also known by its digest there afterwards."""

from __future__ import annotations

from minidock.engine.images.naming import tell
from minidock.errors import MinidockError
from minidock.images import making, references
from minidock.images.catalog import catalog, find
from minidock.images.layout import Layout, name_of
from minidock.images.making import Making
from minidock.images.references import Reference
from minidock.images.registry import pushing
from minidock.images.registry.connecting import on_registry
from minidock.images.registry.telling import Listener

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.images.layout import Descriptor
    from minidock.images.registry.session import Session


def push(engine: Engine, name: str, *, everything: bool = False, listener: Listener | None = None) -> None:
    """An image by its name, or with `everything` all tags that a repository has here."""
    layout, heard = Layout(engine.root), listener or Listener()
    reference = references.parse(name)
    if reference.digest:
        raise MinidockError("cannot push a digest reference", hint="push the image by its name and tag")
    heard.line(f"The push refers to repository [{reference.name}]")
    chosen = _tags(layout, reference) if everything else _one(layout, reference)

    def act(session: Session) -> None:
        for each, entry in chosen:
            _push(engine, session, each, entry, heard)

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


def _push(engine: Engine, session: Session, reference: Reference, entry: Descriptor, listener: Listener) -> None:
    layout = Layout(engine.root)
    document = pushing.document_of(layout, entry)
    with Making(layout) as held:
        sent = pushing.push(held, session, reference, document, listener)
    listener.line(f"{reference.tag}: digest: {sent.digest} size: {len(sent.data)}")
    with engine.database.change() as change:
        if not layout.lists(document.digest):  # removed meanwhile
            return
        name = f"{reference.name}@{sent.digest}"
        if not layout.find(name):
            layout.tag(name, document.descriptor, making.notes())
        image = find(catalog(layout), str(document.config["digest"]))
        tell(change, image, "push", reference.familiar())
