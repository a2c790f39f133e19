"""What builds have left for the next ones: how much it is, and `builder prune`.

Records are forgotten, the stages that were kept for builds are taken off the list, and what nothing else needs goes.
Directories of RUN --mount=type=cache go with everything.
"""

from __future__ import annotations

import os
import time

from minidock import jsonfile
from minidock.images import drafts, layers, removing
from minidock.images.catalog import catalog
from minidock.images.layout import Layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine

_CACHES = "build/caches"


class Entry:
    """One step that is remembered."""

    def __init__(self, key: str, place: str, created: int, used: int, size: int) -> None:
        self.key = key
        self.place = place
        self.created = created
        self.used = used
        self.size = size


def entries(engine: Engine) -> list[Entry]:
    """All of them, the last used first."""
    rows = engine.database.rows("SELECT key, place, created, used, size FROM build_cache ORDER BY used DESC")
    return [Entry(*row) for row in rows]


def prune(engine: Engine, *, everything: bool = False, unused_for: int = 0) -> tuple[list[str], int]:
    """Forget what was built; the keys, and the bytes that gave back. `unused_for`: only what was not used so long, in
    nanoseconds. `everything`: also what commands keep in caches of their own."""
    before = time.time_ns() - unused_for
    gone = [entry.key for entry in entries(engine) if entry.used <= before]
    with engine.database.change() as change:
        for key in gone:
            change.do("DELETE FROM build_cache WHERE key = ?", key)
        if not unused_for:
            change.do("DELETE FROM build_files")
    layout = Layout(engine.root)
    kept = [] if not unused_for else _diff_ids(engine)
    used = {row.image_id for row in engine.everyone()}
    hidden = [image for image in catalog(layout, removed=True) if image.is_for_builds and image.id not in used]
    unneeded = [image for image in hidden if not set(_diff_ids_of(layout, image.id)) & set(kept)]
    sizes = {chain_id: size for image in unneeded for chain_id, size in image.sizes(layout).items()}
    for image in unneeded:
        removing.unlist(layout, image)
    freed = sum(sizes[chain_id] for chain_id in removing.free(layout, unneeded))
    return gone, freed + (_empty_caches(engine) if everything else 0)


def _diff_ids(engine: Engine) -> list[str]:
    rows = engine.database.rows("SELECT layer FROM build_cache")
    return [layer[0] for (text,) in rows if (layer := jsonfile.parse(text))]


def _diff_ids_of(layout: Layout, identifier: str) -> list[str]:
    found: list[str] = layout.document(identifier)["rootfs"]["diff_ids"]
    return found


def _empty_caches(engine: Engine) -> int:
    """What RUN --mount=type=cache has kept."""
    place = f"{engine.root}/{_CACHES}"
    freed = 0
    for name in os.listdir(place) if os.path.isdir(place) else ():
        freed += layers.count(f"{place}/{name}")
        drafts.remove(f"{place}/{name}")
    return freed


def size(engine: Engine) -> tuple[int, int]:
    """How many steps are remembered, and the bytes of the layers that only builds need, and of caches."""
    layout = Layout(engine.root)
    images = catalog(layout, removed=True)
    shown = {chain_id for image in images if not image.is_for_builds for chain_id in image.chain}
    ours = {
        chain_id: bytes_
        for image in images
        if image.is_for_builds
        for chain_id, bytes_ in image.sizes(layout).items()
        if chain_id not in shown
    }
    place = f"{engine.root}/{_CACHES}"
    caches = layers.count(place) if os.path.isdir(place) else 0
    return len(entries(engine)), sum(ours.values()) + caches
