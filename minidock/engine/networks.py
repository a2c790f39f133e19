"""The verbs of networks: made, listed, looked at, removed."""

from __future__ import annotations

from minidock.engine import overlays
from minidock.engine.looking import filters
from minidock.errors import MinidockError
from minidock.networks import catalog, drivers, endpoints, naming
from minidock.networks.addresses import V4
from minidock.networks.addressing import with_lengths
from minidock.networks.catalog import BUILTIN
from minidock.state import containers
from minidock.times import stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from minidock.engine.engine import Engine
    from minidock.engine.looking.filters import Filters
    from minidock.engine.pruning import Moment
    from minidock.jsonfile import Json
    from minidock.networks.catalog import Network
    from minidock.networks.endpoints import Endpoint
    from minidock.networks.subnets import Pool
    from minidock.state.database import Change

_LIST_FILTERS = ("dangling", "driver", "id", "label", "name", "scope", "type")
_PRUNE_FILTERS = ("label", "label!", "until")
_TYPES = ("builtin", "custom")
_SHORT = 12
_NOTHING: dict[str, str] = {}


def create(
    engine: Engine,
    name: str,
    pools: list[Pool],
    *,
    driver: str = "bridge",
    internal: bool = False,
    ipv6: bool = False,
    attachable: bool = False,
    labels: Mapping[str, str] = _NOTHING,
    options: Mapping[str, str] = _NOTHING,
) -> str:
    """A new network; its id. Nothing of it is on the host before the first container is in it."""
    naming.check_name(name)
    if name in (*BUILTIN, catalog.DEFAULT):
        raise MinidockError(f"operation is not permitted on predefined {name} network", hint="choose another name")
    kind = drivers.load(driver)
    wanted = drivers.Definition(name, options, pools, internal=internal)
    kind.check(wanted)
    internal = internal or kind.leads_nowhere(wanted)
    ipv6 = ipv6 or any(pool.subnet.bits != V4 for pool in pools)
    if driver == catalog.OVERLAY:
        flags = {"internal": internal, "attachable": attachable, "ipv6": ipv6}
        return overlays.create(engine, name, pools, flags, labels=labels, options=options)
    with engine.database.change() as change:
        catalog.ensure_builtin(change, engine.root)
        kind.fit(wanted, catalog.everyone(change))
        network = catalog.add(
            change,
            name,
            driver,
            catalog.complete(change, pools, ipv6=ipv6),
            internal=internal,
            attachable=attachable,
            ipv6=ipv6,
            labels=labels,
            options=options,
        )
    return network.id


# Looked at ------------------------------------------------------------------------------------------------


def everyone(engine: Engine) -> list[Network]:
    """All of them, by name; also the three that everybody has, and those that other hosts have made."""
    overlays.meet(engine)
    found = catalog.everyone(engine.database)
    if any(network.is_builtin for network in found):
        return found
    with engine.database.change() as change:
        catalog.ensure_builtin(change, engine.root)
    return catalog.everyone(engine.database)


def find(engine: Engine, word: str) -> Network:
    if word in (*BUILTIN, catalog.DEFAULT):
        everyone(engine)
    overlays.discover(engine, [word])
    return catalog.find(engine.database, word)


def listed(engine: Engine, wanted: Filters = filters.NONE) -> list[Network]:
    """Those that every filter lets through, by name."""
    filters.check(wanted, _LIST_FILTERS)
    return [network for network in everyone(engine) if _passes(engine, network, wanted)]


def _passes(engine: Engine, network: Network, wanted: Filters) -> bool:
    plain = {"driver": network.driver, "scope": network.scope, "type": _type(network)}
    for value in wanted.get("type", ()):
        if value not in _TYPES:
            raise MinidockError(f"invalid filter: 'type'='{value}'", hint=f"it is one of {', '.join(_TYPES)}")
    if any(value not in wanted[name] for name, value in plain.items() if name in wanted):
        return False
    if "dangling" in wanted:
        dangling = {filters.truth("dangling", value) for value in wanted["dangling"]}
        if network.is_builtin or (not endpoints.active(engine.database, network.id)) not in dangling:
            return False
    if "name" in wanted and not filters.pattern(wanted["name"])(network.name):
        return False
    if "id" in wanted and not any(network.id.startswith(value) for value in wanted["id"]):
        return False
    return filters.have(network.labels, wanted.get("label", ()))


def _type(network: Network) -> str:
    return "builtin" if network.is_builtin else "custom"


def inspected(engine: Engine, word: str) -> Json:
    return shown(engine, find(engine, word))


def shown(engine: Engine, network: Network) -> Json:
    """As `network inspect` shows it, with Docker's fields."""
    return {
        "Name": network.name,
        "Id": network.id,
        "Created": stamp(network.created),
        "Scope": network.scope,
        "Driver": network.driver,
        "EnableIPv4": True,
        "EnableIPv6": network.ipv6,
        "IPAM": {
            "Driver": "default",
            "Options": None if network.is_builtin else {},
            "Config": [_pool(pool) for pool in network.pools] or None,
        },
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": _containers(engine, network),
        "Options": network.options,
        "Labels": network.labels,
    }


def _pool(pool: Pool) -> Json:
    shown = {"Subnet": str(pool.subnet)}
    shown |= {"IPRange": str(pool.ip_range)} if pool.ip_range else {}
    shown |= {"Gateway": pool.gateway} if pool.gateway else {}
    return {**shown, **({"AuxiliaryAddresses": pool.aux} if pool.aux else {})}


def _containers(engine: Engine, network: Network) -> Json:
    """Those that have addresses in it. On the host's network, and in none, nobody has any."""
    rows = engine.everyone()
    if not network.pools:
        alone = [row for row in rows if row.status in containers.ALIVE and engine.options(row).network == network.name]
        return {row.id: _member(row.name) for row in alone}
    names = {row.id: row.name for row in rows}
    return {
        endpoint.container: _member(names[endpoint.container], network, endpoint)
        for endpoint in endpoints.active(engine.database, network.id)
        if endpoint.container in names
    }


def _member(name: str, network: Network | None = None, endpoint: Endpoint | None = None) -> Json:
    lengths = with_lengths(network, endpoint) if network and endpoint else []
    return {
        "Name": name,
        "EndpointID": endpoint.id if endpoint else "",
        "MacAddress": endpoint.mac if endpoint else "",
        "IPv4Address": next((text for text in lengths if ":" not in text), ""),
        "IPv6Address": next((text for text in lengths if ":" in text), ""),
    }


# Removed --------------------------------------------------------------------------------------------------


def remove(engine: Engine, word: str, *, force: bool = False) -> bool:
    """Remove a network that no active container is in. Containers at rest do not count, as in Docker: they say so when
    they are started, unless there is a network of this name again. With `force`, False if there is none."""
    try:
        network = find(engine, word)
    except catalog.NoSuchNetwork:
        if force:
            return False
        raise
    _refuse_builtin(network)
    engine.everyone()  # who was abandoned has no addresses any more
    with engine.database.change() as change:
        now = catalog.find(change, network.id)
        if users := endpoints.active(change, now.id):
            raise _in_use(change, now, users)
        if network.driver != catalog.OVERLAY:
            catalog.forget(change, now)
            dismantle(engine, now)
    if network.driver == catalog.OVERLAY:
        _remove_everywhere(engine, network)
    return True


def _remove_everywhere(engine: Engine, network: Network) -> None:
    """First where all hosts look: what is left here after a kill is forgotten when somebody looks."""
    overlays.remove(engine, network)
    with engine.database.change() as change:
        if catalog.by_id(change, network.id):
            catalog.forget(change, network)
        dismantle(engine, network)


def _refuse_builtin(network: Network) -> None:
    if network.is_builtin:
        raise MinidockError(f"{network.name} is a pre-defined network and cannot be removed")


def _in_use(change: Change, network: Network, users: Sequence[Endpoint]) -> catalog.NetworkInUse:
    rows = [containers.again(change, endpoint.container) for endpoint in users]
    who = ", ".join(f'name:"{row.name}" id:"{row.id[:_SHORT]}"' for row in rows if row)
    return catalog.NetworkInUse(
        f"error while removing network: network {network.name} has active endpoints ({who})",
        hint=f"stop these containers, or take them out of it: minidock network disconnect {network.name} CONTAINER",
    )


def dismantle(engine: Engine, network: Network) -> None:
    """Take away what the host has of a network, before its removal is committed: nobody can come into it meanwhile, and
    if we are killed it still exists, and is put up again for the next who does."""
    from minidock.networks import wiring
    from minidock.networks.drivers import parents
    from minidock.steps import network as steps
    from minidock.steps.live import Live

    if parents.is_shared(network, catalog.everyone(engine.database)):
        return
    live = Live()
    try:
        for failure in steps.network_plan(steps.Wiring(wiring.bare(engine.root, engine.run_root, network))).undo(live):
            raise failure
    finally:
        live.let_go()


def prune(
    engine: Engine,
    wanted: Filters = filters.NONE,
    *,
    moment: Moment | None = None,
    failed: Callable[[MinidockError], object] = bool,
) -> list[str]:
    """Remove the networks that no active container is in; their names. One that cannot be removed does not keep the
    others from it: `failed` hears why."""
    from minidock.engine import pruning

    filters.check(wanted, _PRUNE_FILTERS)
    latest = pruning.until(wanted, moment)
    engine.everyone()
    removed = []
    for network in catalog.everyone(engine.database):
        if network.is_builtin or (latest is not None and network.created > latest):
            continue
        try:
            if pruning.has_labels(network.labels, wanted) and _remove_unused(engine, network):
                removed.append(network.name)
        except MinidockError as error:
            failed(MinidockError(f"could not remove network {network.name}: {error.message}", hint=error.hint))
    with engine.database.change() as change:
        change.event("network", "prune", "", {"reclaimed": "0"})
    return removed


def _remove_unused(engine: Engine, network: Network) -> bool:
    """False if somebody has come into it, or removed it, meanwhile; or is in it on another host."""
    with engine.database.change() as change:
        now = catalog.by_id(change, network.id)
        if now is None or endpoints.active(change, now.id):
            return False
        if network.driver != catalog.OVERLAY:
            catalog.forget(change, now)
            dismantle(engine, now)
    if network.driver == catalog.OVERLAY:
        try:
            _remove_everywhere(engine, network)
        except catalog.NetworkInUse:
            return False
    return True
