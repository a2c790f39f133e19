"""Which networks there are: definitions, found by id, name, or the beginning of an id.

Three are there for everybody: `bridge`, which containers are on that ask for nothing else, `host` and `none`. They are
written down when somebody first asks for one, since a container without addresses has no need for any of them.
"""

from __future__ import annotations

import time

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.networks import naming, subnets
from minidock.networks.addresses import V4, V6
from minidock.networks.subnets import Pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from minidock.networks.addresses import Subnet
    from minidock.state.database import Change, Database

OVERLAY = "overlay"  # the one driver whose networks other hosts have as well
BRIDGE, HOST, NONE = "bridge", "host", "none"
BUILTIN = {BRIDGE: "bridge", HOST: "host", NONE: "null"}  # each with its driver
DEFAULT = "default"  # Docker's other name for the first of them
_COLUMNS = "id, name, driver, created, builtin, internal, attachable, ipv6, labels, options, ipam"
_SELECT = f"SELECT {_COLUMNS} FROM networks"
_NOTHING: dict[str, str] = {}


class Network:
    """One network as it is written down."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.id: str = values[0]
        self.name: str = values[1]
        self.driver: str = values[2]
        self.created: int = values[3]  # nanoseconds since 1970
        self.is_builtin = bool(values[4])
        self.internal = bool(values[5])  # no way out, and none in
        self.attachable = bool(values[6])
        self.ipv6 = bool(values[7])
        self.labels: dict[str, str] = jsonfile.parse(values[8])
        self.options: dict[str, str] = jsonfile.parse(values[9])  # the driver's
        self.pools = [Pool.from_data(pool) for pool in jsonfile.parse(values[10])]

    @property
    def scope(self) -> str:
        """How far it reaches: `swarm` is what Docker calls a network of several hosts."""
        return "swarm" if self.driver == OVERLAY else "local"

    def pool(self, bits: int) -> Pool | None:
        """Where its addresses of this length come from: the first subnet of that kind."""
        return next((pool for pool in self.pools if pool.subnet.bits == bits), None)


# Found ----------------------------------------------------------------------------------------------------


def everyone(state: Database | Change) -> list[Network]:
    return [Network(values) for values in state.rows(f"{_SELECT} ORDER BY name")]


def by_id(state: Database | Change, network_id: str) -> Network | None:
    found = state.rows(f"{_SELECT} WHERE id = ?", network_id)
    return Network(found[0]) if found else None


def search(state: Database | Change, word: str) -> Network | None:
    """By full id, else by name, else by the beginning of an id: Docker's order."""
    exact = f"{_SELECT} WHERE id = ?1 OR name = ?1 ORDER BY id = ?1 DESC LIMIT 1"
    found = state.rows(exact, BRIDGE if word == DEFAULT else word)
    if not found and word and not word.strip("0123456789abcdef"):
        found = state.rows(f"{_SELECT} WHERE id >= ?1 AND id < ?1 || 'g' LIMIT 2", word)
    if len(found) > 1:
        raise MinidockError(f"network {word} is ambiguous (2 matches found on ID prefix)", hint="give more of it")
    return Network(found[0]) if found else None


class NoSuchNetwork(MinidockError):
    """It is gone, or never was."""


class NetworkInUse(MinidockError):
    """It cannot be removed, since containers are in it."""


def find(state: Database | Change, word: str) -> Network:
    found = search(state, word)
    if found is None:
        raise NoSuchNetwork(f"network {word} not found", hint="minidock network ls lists them")
    return found


def glimpsed(root: str) -> list[Network]:
    """All that may be seen without any privilege; none, if there is nothing to see."""
    from minidock.state import glance

    return [Network(values) for values in glance.rows(root, _SELECT)]


# Changed --------------------------------------------------------------------------------------------------


def ensure_builtin(change: Change, root: str) -> None:
    """See that the three are there."""
    if change.rows("SELECT 1 FROM networks WHERE builtin LIMIT 1"):
        return
    from minidock.networks.drivers import bridge

    for name, driver in BUILTIN.items():
        own = name == BRIDGE
        pools = complete(change, [], ipv6=False) if own else []
        add(change, name, driver, pools, options=bridge.default_options(root) if own else {}, builtin=True)


def imagined_bridge(root: str, known: Sequence[Network], name: str = BRIDGE) -> Network:
    """The default network as it would be if somebody asked for it now; or one of which no more can be seen than its
    name."""
    from minidock.networks.drivers import bridge

    pool = subnets.chosen([pool.subnet for network in known for pool in network.pools] + subnets.host_routes())
    subnets.choose_gateway(pool)
    texts = ("{}", jsonfile.dump(bridge.default_options(root)), jsonfile.dump([pool.as_data()]))
    return Network(("0" * 64, name, BUILTIN[BRIDGE], 0, int(name == BRIDGE), 0, 0, 0, *texts))


def complete(change: Change, pools: list[Pool], *, ipv6: bool) -> list[Pool]:
    """What was asked for, and what was not: a subnet that nobody has, an address for the gateway."""
    return completed(pools, taken(change), ipv6=ipv6)


def taken(state: Database | Change) -> dict[str, list[Pool]]:
    """The subnets of all networks, by their names."""
    return {network.name: network.pools for network in everyone(state)}


def completed(
    pools: list[Pool],
    taken: Mapping[str, Sequence[Pool]],
    *,
    ipv6: bool,
    choose: Callable[[Sequence[Subnet]], Pool] = subnets.chosen,
) -> list[Pool]:
    """The same, with other networks than those of this host, and other subnets to choose from."""
    subnets.check_free(pools, taken)
    if not any(pool.subnet.bits == V4 for pool in pools):
        pools = [choose(_in_use(taken)), *pools]
    if ipv6 and not any(pool.subnet.bits == V6 for pool in pools):
        pools = [*pools, subnets.chosen6(_in_use(taken))]
    for pool in pools:
        subnets.choose_gateway(pool)
    return pools


def _in_use(taken: Mapping[str, Sequence[Pool]]) -> list[Subnet]:
    return [pool.subnet for pools in taken.values() for pool in pools] + subnets.host_routes()


def add(
    change: Change,
    name: str,
    driver: str,
    pools: Sequence[Pool],
    *,
    internal: bool = False,
    attachable: bool = False,
    ipv6: bool = False,
    labels: Mapping[str, str] = _NOTHING,
    options: Mapping[str, str] = _NOTHING,
    builtin: bool = False,
    network_id: str = "",
    created: int = 0,
) -> Network:
    """A new network, or one that was made elsewhere (`network_id`, `created`). Its name must be nobody's."""
    if change.rows("SELECT 1 FROM networks WHERE name = ?", name):
        raise MinidockError(
            f"network with name {name} already exists", hint=f"minidock network inspect {name} shows what it is"
        )
    network_id = network_id or naming.new_id()
    flags = (int(builtin), int(internal), int(attachable), int(ipv6))
    texts = (jsonfile.dump(dict(labels)), jsonfile.dump(dict(options)))
    ipam = jsonfile.dump([pool.as_data() for pool in pools])
    marks = ", ".join("?" * len(_COLUMNS.split(", ")))
    values = (network_id, name, driver, created or time.time_ns(), *flags, *texts, ipam)
    change.do(f"INSERT INTO networks ({_COLUMNS}) VALUES ({marks})", *values)
    network = find(change, network_id)
    if not builtin:
        tell(change, network, "create")
    return network


def set_options(change: Change, network: Network, options: Mapping[str, str]) -> None:
    change.do("UPDATE networks SET options = ? WHERE id = ?", jsonfile.dump(dict(options)), network.id)


def forget(change: Change, network: Network) -> None:
    change.do("DELETE FROM networks WHERE id = ?", network.id)
    tell(change, network, "destroy")


def tell(change: Change, network: Network, action: str, **more: str) -> None:
    """What happened to a network, with what Docker tells of it."""
    change.event("network", action, network.id, {**more, "name": network.name, "type": network.driver})
