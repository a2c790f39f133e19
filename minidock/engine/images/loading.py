"""Images from an archive: `load`. All of them, or, if anything in the archive is not as it says, none."""

from __future__ import annotations

from minidock.engine.images.naming import tell
from minidock.images import making, platforms, references, removing
from minidock.images.archives import loading
from minidock.images.catalog import Listed, catalog
from minidock.images.layout import Layout
from minidock.images.making import Making

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from minidock.engine.engine import Engine
    from minidock.images.archives.loading import Loaded
    from minidock.images.layout import Descriptor
    from minidock.images.making import Source
    from minidock.state.database import Change


class Arrival:
    """A name that an image has now, in the form people type, or its id, if it came without one."""

    def __init__(self, name: str, image_id: str, displaced: str = "") -> None:
        self.name = name
        self.image_id = image_id
        self.displaced = displaced  # the id of the image that had the name before


def load(engine: Engine, source: Source, *, platform: str = "") -> list[Arrival]:
    """Load an archive of images, in any form that there is."""
    layout, wanted = Layout(engine.root), platforms.parse(platform) if platform else None
    made: list[str] = []
    try:
        with Making(layout) as new:
            made = new.made
            images = loading.load(new, source, wanted)
            with engine.database.change() as change:
                return _list(layout, change, images)
    finally:
        removing.free_paths(layout, made)  # what turned out to be of no use, which is all of it if something was wrong


def _list(layout: Layout, change: Change, images: Iterable[Loaded]) -> list[Arrival]:
    """List all of them at once."""
    before = {known.id: known for known in catalog(layout, removed=True)}
    owners = {name: known.id for known in before.values() for name in known.names}
    arrivals, wanted = [], []
    for image in images:
        entry = _entry(layout, before.get(image.id), image)
        for name in image.names or [""]:
            displaced = owners.get(name, image.id)
            owners[name] = image.id
            wanted.append((name, entry, making.notes(named=bool(name), index=image.index)))
            shown = references.parse(name).familiar() if name else ""
            arrivals.append(Arrival(shown, image.id, displaced if name and displaced != image.id else ""))
    layout.tag_all(wanted)
    for arrival in arrivals:
        listed = Listed(layout, arrival.image_id)
        listed.know(layout.document(arrival.image_id))
        tell(change, listed, "load", arrival.name or arrival.image_id)
    return arrivals


def _entry(layout: Layout, known: Listed | None, image: Loaded) -> Descriptor:
    """The entry of the index to list. Where the image is there already, a manifest that was made for want of the
    real one is of no use."""
    if known is None or known.damage or not image.is_rewritten:
        return image.manifest
    return next(entry for entry in layout.entries() if entry.get("digest") == known.manifests[0])
