"""The networks of a container that runs become others: cables are plugged in and out while its program goes on.

What it is to be in is written down first, in the state. Then what there is, is made to agree, and that is all: so it
can be done by whoever has changed the state, and again by `system check`, if that one was killed. What there is, the
runtime's own config.json says (runtime/record.py), which follows in an order that leaves nothing behind:

    cables out ─▶ config.json ─▶ cables in ─▶ the default route ─▶ ports of the host
"""

from __future__ import annotations

from minidock import jsonfile
from minidock.engine.life import attachments, stopping
from minidock.errors import MinidockError
from minidock.runtime import container as runtime
from minidock.state import containers
from minidock.steps.annotations import NETWORK
from minidock.steps.live import Live

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.engine.engine import Engine
    from minidock.engine.options import Options
    from minidock.jsonfile import Json
    from minidock.networks.addressing import Attachment
    from minidock.runtime.container import Container
    from minidock.state.containers import Row
    from minidock.state.database import Change, Database
    from minidock.steps.keeper import Keeper

_RUNNING = (containers.RUNNING, containers.PAUSED)


def settle(engine: Engine, row: Row, options: Options) -> None:
    """Make what there is agree with what is written down. To be called by who holds the container."""
    now = containers.again(engine.database, row.id)
    if now is None or now.status not in containers.ACTIVE:
        return
    wanted = current(engine.database, row)
    place = engine.place(row.id)
    before = _told(place.file("config.json"))
    attachments.annotate(place.file("config.json"), attachments.annotation(engine, now, options, wanted))
    _edit_names(engine, now, options, before, wanted)
    if now.status in _RUNNING:
        container = _container(engine, now)
        if container and container.pid:
            _rewire(container, attachments.annotation(engine, now, options, wanted) or {**before, **_NOTHING})
            stopping.wake(now)  # its monitor sees to it that there is a DNS server, if it is in a network with names


_NOTHING: Json = {"endpoints": [], "ports": [], "names": False}


def current(state: Database | Change, row: Row) -> list[Attachment]:
    """What the state says that a container is in."""
    from minidock.networks import catalog, endpoints

    found = [(catalog.by_id(state, one.network), one) for one in endpoints.of(state, row.id)]
    return [(network, endpoint) for network, endpoint in found if network]


def _told(path: str) -> Json:
    text = jsonfile.read(path)["annotations"].get(NETWORK)
    return jsonfile.parse(text) if text else dict(_NOTHING)


def _container(engine: Engine, row: Row) -> Container | None:
    try:
        return runtime.Container.load(engine.run_root, row.id)
    except MinidockError:  # it has just ended
        return None


# Cables ---------------------------------------------------------------------------------------------------


def _rewire(container: Container, wanted: Json) -> None:
    from minidock.steps import network as steps

    path = f"{container.record.path}/config.json"
    had = _told(path)
    live = Live(pid=container.pid)
    live.keeper = steps.Wiring({**had, **wanted}).keeper()
    try:
        for endpoint in _missing(had, wanted):
            _raise_first(steps.endpoint_plan(steps.Wiring(had), endpoint["network"]).undo(live))
        attachments.annotate(path, wanted if wanted["endpoints"] else None)
        unplugged = _unplugged(live.keeper, had["endpoints"])
        for endpoint in wanted["endpoints"]:
            if endpoint not in had["endpoints"] or endpoint in unplugged:
                steps.endpoint_plan(steps.Wiring(wanted), endpoint["network"]).walk(live)
        if wanted["endpoints"]:
            steps.route_plan(steps.Wiring(wanted)).walk(live)
        if wanted["names"]:
            steps.names_plan(steps.Wiring(wanted)).walk(live)
        elif had["names"]:
            _raise_first(steps.names_plan(steps.Wiring(had)).undo(live))
    finally:
        live.let_go()


def _missing(had: Json, wanted: Json) -> list[Json]:
    """The endpoints that are not to be there any more, or not as they are."""
    return [endpoint for endpoint in had["endpoints"] if endpoint not in wanted["endpoints"]]


def _unplugged(keeper: Keeper, endpoints: Sequence[Json]) -> list[Json]:
    """Those whose cable is not on its bridge, or the way to other hosts is not: somebody took away one of them."""
    bridged = [endpoint for endpoint in endpoints if "bridge" in endpoint]
    names = {endpoint["bridge"] for endpoint in bridged}
    members = {name: keeper.ask("members", bridge=name) for name in sorted(names)}
    return [one for one in bridged if not {one["link"], one.get("vxlan", one["link"])} <= set(members[one["bridge"]])]


def _raise_first(failures: Sequence[MinidockError]) -> None:
    for failure in failures:
        raise failure


def agrees(engine: Engine, row: Row, options: Options, keeper: Keeper) -> bool:
    """Whether a container that runs is in the networks that the state says, by all that can be seen from outside."""
    container = _container(engine, row)
    if container is None or not container.pid:
        return True
    wanted = attachments.annotation(engine, row, options, current(engine.database, row)) or _NOTHING
    try:
        had = _told(f"{container.record.path}/config.json")
    except FileNotFoundError:  # it has just ended
        return True
    return had["endpoints"] == wanted["endpoints"] and not _unplugged(keeper, had["endpoints"])


# Ports ----------------------------------------------------------------------------------------------------


def lead_ports(change: Change, row: Row, wanted: Sequence[Attachment]) -> tuple[list[Json], list[Json]]:
    """Ports of the host lead to the network by which the container is reached now; what led elsewhere, and leads now.

    One that leads nowhere stays the container's, without an address: another network may take its place.
    """
    from minidock.networks import wiring

    way = wiring.publishing(wanted)
    old, new = [], []
    for protocol, host, host_port, port, address in change.rows(
        "SELECT protocol, host, host_port, port, address FROM published WHERE container = ?", row.id
    ):
        now = wiring.target(way[1], host) if way else ""
        told = {"protocol": protocol, "host": host, "host_port": host_port, "last_host_port": host_port, "port": port}
        if now != address:
            old += [{**told, "address": address}] if address else []
            new += [{**told, "address": now}] if now else []
            sql = "UPDATE published SET address = ? WHERE container = ? AND protocol = ? AND host = ? AND host_port = ?"
            change.do(sql, now, row.id, protocol, host, host_port)
    return old, new


def move_ports(engine: Engine, row: Row, old: Sequence[Json], new: Sequence[Json]) -> None:
    """The same in the firewall."""
    container = _container(engine, row) if old or new else None
    if container is None or not container.pid:
        return
    from minidock.networks import devices
    from minidock.steps.publishing import Publish
    from minidock.steps.wiring import Wiring

    wiring = {"root": engine.root, "run": engine.run_root, "table": devices.table(engine.root), **_NOTHING}
    live = Live(pid=container.pid)
    try:
        if old:
            Publish(Wiring({**wiring, "ports": list(old)})).undo(live)
        live.published = list(new)
        if new:
            Publish(Wiring({**wiring, "ports": list(new)})).do(live)
    finally:
        live.let_go()


# Names ----------------------------------------------------------------------------------------------------


def _edit_names(engine: Engine, row: Row, options: Options, before: Json, wanted: Sequence[Attachment]) -> None:
    """In /etc/hosts only the lines of addresses that came and went, since the program may have written others."""
    from minidock.networks import resolvers

    place = engine.place(row.id)
    old = [address.partition("/")[0] for endpoint in before["endpoints"] for address in endpoint["addresses"]]
    new = [address for _, endpoint in wanted for address in endpoint.addresses]
    gone = {_line(*line) for line in attachments.own_rows(place, options, [one for one in old if one not in new])}
    come = [_line(*line) for line in attachments.own_rows(place, options, [one for one in new if one not in old])]
    lines = resolvers.read_or_nothing(place.file("hosts")).splitlines(keepends=True)
    attachments.rewrite(place.file("hosts"), "".join([*(line for line in lines if line not in gone), *come]))
    if before["names"] != any(not network.is_builtin for network, _ in wanted):
        attachments.rewrite(place.file("resolv.conf"), attachments.resolv_conf(options, wanted))


def _line(address: str, names: str) -> str:
    return f"{address}\t{names}\n"
