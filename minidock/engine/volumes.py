"""The verbs of volumes: made, listed, looked at, removed."""

from __future__ import annotations

import time

from minidock.engine.life import volume_mounts
from minidock.engine.looking import filters
from minidock.volumes import names, store, usage
from minidock.volumes.store import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from minidock.engine.engine import Engine
    from minidock.engine.looking.filters import Filters
    from minidock.jsonfile import Json

_LIST_FILTERS = ("dangling", "driver", "label", "name")
_PRUNE_FILTERS = ("all", "label", "label!")
_NOTHING: dict[str, str] = {}


def create(
    engine: Engine,
    name: str = "",
    *,
    driver: str = names.LOCAL,
    options: Mapping[str, str] = _NOTHING,
    labels: Mapping[str, str] = _NOTHING,
) -> Volume:
    """A volume; the one of this name if it exists already, as it is."""
    anonymous = not name
    name = name or names.new_name()
    names.check_name(name)
    names.check_driver(name, driver)
    names.check_options(name, options)
    with engine.database.change() as change:
        volume = store.add(change, name, options=options, labels=labels, anonymous=anonymous)
        store.make(engine.root, volume)
    return volume


def listed(engine: Engine, wanted: Filters = filters.NONE) -> list[Volume]:
    """Those that every filter lets through, by name."""
    filters.check(wanted, _LIST_FILTERS)
    found = store.everyone(engine.database)
    if "dangling" in wanted:
        dangling = {filters.truth("dangling", value) for value in wanted["dangling"]}
        used = {row[0] for row in engine.database.rows("SELECT DISTINCT volume FROM uses")}
        found = [volume for volume in found if (volume.name not in used) in dangling]
    if "driver" in wanted and names.LOCAL not in wanted["driver"]:
        return []
    if "name" in wanted:
        fits = filters.pattern(wanted["name"])
        found = [volume for volume in found if fits(volume.name)]
    return [volume for volume in found if filters.have(volume.labels, wanted.get("label", ()))]


def inspected(engine: Engine, name: str) -> Json:
    """As `volume inspect` shows it, with Docker's fields."""
    return shown(engine, store.get(engine.database, name))


def shown(engine: Engine, volume: Volume) -> Json:
    return {
        "CreatedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(volume.created // 1_000_000_000)),
        "Driver": names.LOCAL,
        "Labels": volume.labels or None,
        "Mountpoint": mountpoint(engine, volume),
        "Name": volume.name,
        "Options": volume.options or None,
        "Scope": "local",
    }


def mountpoint(engine: Engine, volume: Volume) -> str:
    """The directory of the host that containers see."""
    return store.data(engine.root, volume.name)


def size(engine: Engine, volume: Volume) -> int:
    """In bytes. As in Docker, what is mounted from elsewhere has none, -1: to look could take for ever."""
    return -1 if volume.options else usage.size(store.data(engine.root, volume.name))


def users(engine: Engine, volume: Volume) -> list[str]:
    """The ids of the containers that have it, whether they run or not."""
    return store.users(engine.database, volume.name)


def remove(engine: Engine, name: str, *, force: bool = False) -> None:
    """Remove a volume that no container has; with `force`, one that does not exist is no mistake."""
    if force and store.find(engine.database, name) is None:
        return
    with engine.database.change() as change:
        left = store.remove(change, engine.root, store.get(change, name))
    volume_mounts.discard([left])


def prune(engine: Engine, wanted: Filters = filters.NONE) -> tuple[list[str], int]:
    """Remove the volumes that no container has: those without a name, or, with filter `all`, every one.

    As in Docker, those that are mounted from elsewhere stay. Returns their names, and how many bytes that were.
    """
    filters.check(wanted, _PRUNE_FILTERS)
    everyone = any(filters.truth("all", value) for value in wanted.get("all", ()))
    excepted = wanted.get("label!", ())
    removed, freed = [], 0
    for volume in listed(engine, {"dangling": ["true"], "label": wanted.get("label", ())}):
        if volume.options or not (everyone or volume.is_anonymous):
            continue
        if excepted and filters.have(volume.labels, excepted):
            continue
        bytes_ = size(engine, volume)
        if _remove_unused(engine, volume):
            removed.append(volume.name)
            freed += bytes_
    return removed, freed


def _remove_unused(engine: Engine, volume: Volume) -> bool:
    """False if somebody has taken it into use, or removed it, meanwhile."""
    with engine.database.change() as change:
        now = store.find(change, volume.name)
        if now is None or now.created != volume.created or store.users(change, volume.name):
            return False
        left = store.remove(change, engine.root, volume)
    volume_mounts.discard([left])
    return True
