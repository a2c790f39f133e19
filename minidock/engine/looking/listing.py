"""Which containers there are: `ps`, with its filters. A filter becomes a function that is asked of each container.

Most of what is remembered of a container is its options, as JSON. They are read only where a filter asks for them:
with hundreds of containers that is most of the time.
"""

from __future__ import annotations

from minidock import jsonfile
from minidock.engine.looking import filters, ports
from minidock.errors import MinidockError
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minidock.engine.engine import Engine
    from minidock.engine.looking.filters import Filters
    from minidock.state.containers import Row

    Fits = Callable[[Row], bool]

STATES = (
    *(containers.CREATED, containers.RUNNING, containers.PAUSED, containers.RESTARTING),
    *(containers.REMOVING, containers.EXITED, containers.DEAD),
)
NO_CHECK = "none"
# A network that is gone has the name that the container was put into it by.
_NETWORKS = """
SELECT container, coalesce(name, json_extract(wishes, '$.network')), network
FROM endpoints LEFT JOIN networks ON networks.id = network ORDER BY container, slot
"""
_HEALTH = (NO_CHECK, "starting", "healthy", "unhealthy")


def chosen(engine: Engine, *, everything: bool, newest: int, wanted: Filters) -> list[Row]:
    """The newest first. `everything`: also those that do not run; so do `newest`, if it is a number, and a status."""
    filters.check(wanted, _FILTERS)
    conditions = [_FILTERS[name](engine, values) for name, values in wanted.items()]
    if not everything and newest <= 0 and "status" not in wanted:
        conditions.insert(0, lambda row: row.status in containers.ALIVE)
    found = [row for row in engine.everyone() if all(fits(row) for fits in conditions)]
    return found[:newest] if newest > 0 else found


def state(row: Row) -> str:
    """The state in Docker's words. One that is being started has not left its old one yet."""
    if row.status == containers.STARTING:
        return containers.EXITED if row.started else containers.CREATED
    return row.status


def command(row: Row) -> str:
    """The command line, words with spaces in them in quotes: to be read, not to be typed."""
    path, *arguments = row.arguments
    return " ".join([path, *(f"'{word}'" if " " in word else word for word in arguments)])


def health(row: Row) -> str:
    """What its health checks say: starting, healthy, unhealthy; none if there are no checks."""
    return str(jsonfile.parse(row.health)["Status"]) if row.health else NO_CHECK


class Networks:
    """Which networks all containers are in, by one look at the state."""

    def __init__(self, engine: Engine) -> None:
        self._found: dict[str, list[tuple[str, str]]] = {}
        for container, name, network_id in engine.database.rows(_NETWORKS):
            self._found.setdefault(container, []).append((name, network_id))

    def of(self, row: Row) -> list[tuple[str, str]]:
        """Names and ids. One that shares another container's has none of its own."""
        mode = str(row.wishes.get("network", "none"))
        return self._found.get(row.id) or ([] if mode.startswith("container:") else [(mode, "")])


# Filters ------------------------------------------------------------------------------------------------


def _by_id(engine: Engine, values: Sequence[str]) -> Fits:
    """The beginning of an id, if it is that of one container alone."""
    found: list[str] = []
    for value in filter(None, values):
        rows = engine.database.rows("SELECT id FROM containers WHERE substr(id, 1, length(?1)) = ?1 LIMIT 2", value)
        found += [rows[0][0]] if len(rows) == 1 else []
    return lambda row: row.id in found


def _by_name(_: Engine, values: Sequence[str]) -> Fits:
    """Names are known with a slash before them and without one, since old Docker had links in them."""
    matches = filters.pattern(values)
    return lambda row: matches(f"/{row.name}") or matches(row.name)


def _by_label(_: Engine, values: Sequence[str]) -> Fits:
    return lambda row: filters.have(row.wishes.get("labels", {}), values)


def _by_status(_: Engine, values: Sequence[str]) -> Fits:
    _check("status", values, STATES)
    return lambda row: state(row) in values


def _by_health(_: Engine, values: Sequence[str]) -> Fits:
    _check("health", values, _HEALTH)
    return lambda row: health(row) in values


def _check(name: str, values: Sequence[str], known: Sequence[str]) -> None:
    for value in values:
        if value not in known:
            raise MinidockError(f"invalid filter '{name}={value}'", hint=f"it is one of {', '.join(known)}")


def _by_exit_code(_: Engine, values: Sequence[str]) -> Fits:
    codes = [_number(value) for value in values]
    return lambda row: row.started > 0 and row.status not in containers.ALIVE and row.exit_code in codes


def _number(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise MinidockError(f"invalid filter 'exited={value}'", hint="it is an exit code, such as 0 or 137") from None


def _before(engine: Engine, values: Sequence[str]) -> Fits:
    limit = min(containers.find(engine.database, value).created for value in values)
    return lambda row: row.created < limit


def _since(engine: Engine, values: Sequence[str]) -> Fits:
    limit = max(containers.find(engine.database, value).created for value in values)
    return lambda row: row.created > limit


def _by_ancestor(engine: Engine, values: Sequence[str]) -> Fits:
    from minidock.engine.looking import origins

    images = origins.descendants(engine, values)
    return lambda row: row.image_id in images


def _by_network(engine: Engine, values: Sequence[str]) -> Fits:
    """By name or id."""
    networks = Networks(engine)
    return lambda row: any(not set(values).isdisjoint(names) for names in networks.of(row))


def _by_volume(engine: Engine, values: Sequence[str]) -> Fits:
    """What is mounted: a volume by its name, anything by its source on the host, or its place in the container."""

    def fits(row: Row) -> bool:
        places = [
            place for point in engine.options(row).mount_points for place in (point.name or point.source, point.target)
        ]
        return not set(values).isdisjoint(places)

    return fits


def _by_task(_: Engine, values: Sequence[str]) -> Fits:
    """Whether it belongs to a swarm's service. There are none here."""
    wanted = [filters.truth("is-task", value) for value in values]
    return lambda _: False in wanted


def _by_published_port(engine: Engine, values: Sequence[str]) -> Fits:
    wanted = {port for value in values for port in ports.span("publish", value)}
    known = ports.Ports(engine)
    return lambda row: any((port.public, port.protocol) in wanted for port in known.of(row))


def _by_exposed_port(engine: Engine, values: Sequence[str]) -> Fits:
    wanted = {port for value in values for port in ports.span("expose", value)}
    known = ports.Ports(engine)
    return lambda row: any((port.private, port.protocol) in wanted for port in known.of(row))


_FILTERS: dict[str, Callable[[Engine, Sequence[str]], Fits]] = {
    "ancestor": _by_ancestor,
    "before": _before,
    "exited": _by_exit_code,
    "expose": _by_exposed_port,
    "health": _by_health,
    "id": _by_id,
    "is-task": _by_task,
    "label": _by_label,
    "name": _by_name,
    "network": _by_network,
    "publish": _by_published_port,
    "since": _since,
    "status": _by_status,
    "volume": _by_volume,
}
