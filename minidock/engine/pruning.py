"""`prune`: remove all that is not in use, as far as filters do not keep it. One that comes into use meanwhile stays."""

from __future__ import annotations

from minidock.engine.life import removing
from minidock.engine.looking import filters
from minidock.errors import MinidockError
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from minidock.engine.engine import Engine
    from minidock.engine.images.removing import Removed
    from minidock.engine.looking.filters import Filters
    from minidock.state.containers import Row

    Moment = Callable[[str], int]  # what people mean by `10m` or a date, in nanoseconds since 1970

_KNOWN = ("label", "label!", "until")


class Pruned:
    """What `system prune` has removed."""

    def __init__(
        self,
        containers: list[str],
        networks: list[str],
        volumes: list[str],
        images: Removed,
        builds: list[str],
        reclaimed: int,
    ) -> None:
        self.builds = builds  # steps that are not remembered any more, by their keys
        self.containers = containers
        self.networks = networks
        self.volumes = volumes
        self.images = images
        self.reclaimed = reclaimed  # bytes


def prune(engine: Engine, wanted: Filters = filters.NONE, *, moment: Moment | None = None) -> tuple[list[str], int]:
    """Remove the containers that rest; their ids, and how many bytes they had written."""
    filters.check(wanted, _KNOWN)
    latest = until(wanted, moment)
    removed, freed = [], 0
    for row in engine.everyone():
        if row.status not in containers.AT_REST or (latest is not None and row.created > latest):
            continue
        if has_labels(row.wishes.get("labels", {}), wanted):
            size = _remove(engine, row)
            if size is not None:
                removed.append(row.id)
                freed += size
    with engine.database.change() as change:
        change.event("container", "prune", "", {"reclaimed": str(freed)})
    return removed, freed


def until(wanted: Filters, moment: Moment | None) -> int | None:
    words = wanted.get("until", ())
    if not words:
        return None
    if len(words) > 1:
        raise MinidockError("more than one until filter specified")
    try:
        return moment(words[0]) if moment else int(words[0])
    except ValueError as error:
        raise MinidockError(str(error)) from None


def has_labels(labels: Mapping[str, str], wanted: Filters) -> bool:
    """All that are wanted, and not all that are unwanted."""
    unwanted = wanted.get("label!", ())
    return filters.have(labels, wanted.get("label", ())) and not (unwanted and filters.have(labels, unwanted))


def _remove(engine: Engine, row: Row) -> int | None:
    """How many bytes it had written; None if somebody started or removed it meanwhile."""
    from minidock.volumes import usage

    size = usage.size(engine.place(row.id).file("upper"))
    try:
        removing.remove(engine, row)
    except MinidockError:
        now = containers.again(engine.database, row.id)
        if now and now.status in containers.AT_REST:
            raise
        return None
    return size


def prune_system(
    engine: Engine,
    wanted: Filters = filters.NONE,
    *,
    everything: bool = False,
    volumes: bool = False,
    moment: Moment | None = None,
    failed: Callable[[MinidockError], object] = bool,
) -> Pruned:
    """Containers first, since what they have is free afterwards. `everything`: all unused images, not only nameless.
    `failed` hears why a network could not be removed."""
    from minidock.engine import builds
    from minidock.engine import networks as all_networks
    from minidock.engine import volumes as all_volumes
    from minidock.engine.images import removing as image_removing

    filters.check(wanted, _KNOWN)
    if volumes and wanted.get("until"):
        raise MinidockError('The "until" filter is not supported with "--volumes"')
    ids, freed = prune(engine, wanted, moment=moment)
    networks = all_networks.prune(engine, wanted, moment=moment, failed=failed)
    names, freed_by_volumes = all_volumes.prune(engine, wanted) if volumes else ([], 0)
    images = image_removing.prune(engine, everything=everything, wanted=wanted, moment=moment)
    steps, freed_by_builds = ([], 0) if wanted else builds.prune(engine)
    freed += freed_by_volumes + images.reclaimed + freed_by_builds
    return Pruned(ids, networks, names, images, steps, freed)
