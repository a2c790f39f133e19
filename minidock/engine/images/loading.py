"""Images from an archive: `load`. All of them, or, if anything in the archive is not as it says, none."""

from __future__ import annotations

from minidock.engine.images.naming import tell
from minidock.images import making, platforms, references, removing
from minidock.images.archives import loading
from minidock.images.catalog import catalog, find
from minidock.images.layout import Layout
from minidock.images.making import Making

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from minidock.engine.engine import Engine
    from minidock.images.archives.loading import Loaded
    from minidock.images.catalog import Listed
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
                return [arrival for image in images for arrival in _list(layout, change, image)]
    finally:
        removing.free_paths(layout, made)  # what turned out to be of no use, which is all of it if something was wrong


def _list(layout: Layout, change: Change, image: Loaded) -> Iterable[Arrival]:
    before = catalog(layout, removed=True)
    entry = _entry(layout, before, image)
    arrivals = [_named(layout, before, entry, image.id, name) for name in image.names]
    if not arrivals:
        layout.tag("", entry, making.notes())
        arrivals = [Arrival("", image.id)]
    now = find(catalog(layout), image.id)
    for arrival in arrivals:
        tell(change, now, "load", arrival.name or arrival.image_id)
    return arrivals


def _entry(layout: Layout, before: Iterable[Listed], image: Loaded) -> Descriptor:
    """The entry of the index to list. Where the image is there already, a manifest that was made for want of the
    real one is of no use."""
    known = next((one for one in before if one.id == image.id and not one.damage), None)
    if known is None or not image.is_rewritten:
        return image.manifest
    return next(entry for entry in layout.entries() if entry.get("digest") == known.manifests[0])


def _named(layout: Layout, before: Iterable[Listed], entry: Descriptor, image_id: str, name: str) -> Arrival:
    displaced = next((other.id for other in before if name in other.names and other.id != image_id), "")
    layout.tag(name, entry, making.notes(named=True))
    return Arrival(references.parse(name).familiar(), image_id, displaced)
