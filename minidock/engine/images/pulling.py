"""Images from registries: `pull`, and `run` of what is not here.

What has come is listed within a change of the state, as everything that names images is. Beside its name an image gets
the digest by which the registry knows it: for an image of several platforms that of the index.
"""

from __future__ import annotations

from minidock.engine.images.naming import tell
from minidock.errors import MinidockError
from minidock.images import making, partials, platforms, references
from minidock.images.catalog import catalog, find
from minidock.images.layout import FROM_INDEX, Layout, name_of, note_of
from minidock.images.making import Making
from minidock.images.references import Reference
from minidock.images.registry import pulling
from minidock.images.registry.connecting import on_registry
from minidock.images.registry.session import Missing
from minidock.images.registry.telling import Listener

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from minidock.engine.engine import Engine
    from minidock.images.platforms import Platform
    from minidock.images.registry.pulling import Pulled
    from minidock.images.registry.session import Session

_ABANDONED = 7 * 86_400  # seconds without a pull that goes on where another was stopped


class Outcome:
    """What a pull comes to."""

    def __init__(self, reference: Reference, digest: str, *, is_newer: bool) -> None:
        self.name = str(reference)
        self.familiar = reference.familiar()
        self.digest = digest
        self.is_newer = is_newer  # than what was here


def pull(
    engine: Engine, name: str, *, platform: str = "", everything: bool = False, listener: Listener | None = None
) -> list[Outcome]:
    """An image, or with `everything` all tags of a repository."""
    reference = references.parse(name)
    wanted = platforms.parse(platform) if platform else None
    partials.sweep(Layout(engine.root), seconds=_ABANDONED)

    def act(session: Session) -> list[Outcome]:
        tags = pulling.tags(session, reference) if everything else [reference.tag]
        names = [Reference(reference.domain, reference.path, tag, reference.digest) for tag in tags]
        return [_one(engine, session, each, wanted, listener or Listener()) for each in names]

    try:
        return on_registry(reference.domain, act)
    except Missing as error:
        raise MinidockError(
            f"manifest for {reference.familiar()} not found: {error.message}",
            hint=f"minidock search {reference.familiar_name} looks for such names",
        ) from None


def _one(
    engine: Engine, session: Session, reference: Reference, platform: Platform | None, listener: Listener
) -> Outcome:
    with Making(Layout(engine.root)) as new:
        pulled = pulling.pull(new, session, reference, platform, listener)
        is_newer = _list(engine, new, reference, pulled)
    listener.line(f"Digest: {pulled.digest}")
    return Outcome(reference, pulled.digest, is_newer=is_newer)


def _list(engine: Engine, new: Making, reference: Reference, pulled: Pulled) -> bool:
    """Give it its names; whether that changes anything."""
    by_digest = f"{reference.name}@{pulled.digest}"
    names = [by_digest] if reference.digest else [by_digest, str(reference)]
    with engine.database.change() as change:
        known = {name: new.layout.find(name) for name in names}
        missing = [
            name for name, entry in known.items() if not entry or entry.get("digest") != pulled.descriptor["digest"]
        ]
        _keep_variants(new.layout, reference, pulled, names)
        for name in missing:
            notes = making.notes(named=name != by_digest, index=pulled.index)
            new.layout.tag(name, pulled.descriptor, notes)
        tell(change, find(catalog(new.layout), pulled.image_id), "pull", reference.familiar())
    return bool(missing)


def _keep_variants(layout: Layout, reference: Reference, pulled: Pulled, names: Collection[str]) -> None:
    """What came from the same index for another platform loses these names. It stays known by its own digest."""
    for entry in layout.images():
        is_variant = pulled.index and note_of(entry, FROM_INDEX) == pulled.index
        if is_variant and name_of(entry) in names and entry["digest"] != pulled.descriptor["digest"]:
            layout.tag(f"{reference.name}@{entry['digest']}", entry, making.notes(index=pulled.index))
