"""Names of images: given with `tag`, and to new images by all that makes some. Each change of names is part of a
change of the state: so it comes before or after every other, those that remove images included.
"""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.images import making, references
from minidock.images.catalog import catalog, find
from minidock.images.layout import FROM_INDEX, Layout, name_of, note_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.engine.engine import Engine
    from minidock.images.catalog import Listed
    from minidock.images.image import Layer
    from minidock.images.layout import Descriptor
    from minidock.images.making import Making
    from minidock.jsonfile import Json
    from minidock.state.database import Change


def tag(engine: Engine, word: str, name: str) -> None:
    """Let a name mean an image; it may have meant another one before."""
    full = new_name(name, "refusing to create a tag with a digest reference")
    layout = Layout(engine.root)
    with engine.database.change() as change:
        image = find(catalog(layout), word)
        if image.damage:
            raise MinidockError(f"image {word} is damaged: {image.damage}", hint="minidock rmi removes it")
        entry = entry_of(layout, image, word)
        notes = making.notes(parent=image.parent, named=True, index=note_of(entry, FROM_INDEX))
        layout.tag(full, entry, notes)
        tell(change, image, "tag", references.parse(full).familiar())


def entry_of(layout: Layout, image: Listed, word: str = "") -> Descriptor:
    """The entry of the index that a word means of an image, which may have several: that of this name, or the first."""
    entries = [entry for entry in layout.images() if entry.get("digest") in image.manifests]
    named = [entry for entry in entries if word and name_of(entry) == _in_full(word)]
    return named[0] if named else entries[0]


def _in_full(word: str) -> str:
    return "" if references.is_hex(word.removeprefix("sha256:"), 64) else str(references.parse(word))


def new_name(name: str, why_not: str) -> str:
    """A name for an image, in full. A digest cannot be given: it is what it is."""
    reference = references.parse(name)
    if reference.digest:
        raise MinidockError(why_not, hint="an image is named like busybox or user/app:1.2")
    return str(reference)


def store(
    engine: Engine,
    new: Making,
    name: str,
    document: dict[str, Json],
    stack: Sequence[Layer],
    *,
    parent: str = "",
    action: str = "",
) -> str:
    """List a new image, and tell of it; its id."""
    layout = new.layout
    with engine.database.change() as change:
        descriptor = new.finish(name, document, stack, making.notes(parent=parent, named=bool(name)))
        new_id = str(layout.document(descriptor["digest"])["config"]["digest"])
        image = find(catalog(layout), new_id)
        if action:
            tell(change, image, action, new_id)
        if name:
            tell(change, image, "tag", references.parse(name).familiar())
    return new_id


def tell(change: Change, image: Listed, action: str, name: str) -> None:
    """An event about an image."""
    change.event("image", action, image.id, {**image.labels, "name": name})
