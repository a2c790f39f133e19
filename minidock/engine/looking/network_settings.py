"""`NetworkSettings` of Docker's `inspect`: the networks of a container, and what it has in each as long as it runs."""

from __future__ import annotations

from minidock.engine.configuring import sharing
from minidock.engine.life import attachments
from minidock.engine.looking.ports import Ports
from minidock.networks import catalog, endpoints
from minidock.networks.addresses import parse
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.engine.options import Options
    from minidock.jsonfile import Json
    from minidock.networks.catalog import Network
    from minidock.networks.endpoints import Endpoint
    from minidock.state.containers import Row

_NO_ADDRESSES = {
    "EndpointID": "",
    "Gateway": "",
    "GlobalIPv6Address": "",
    "GlobalIPv6PrefixLen": 0,
    "IPAddress": "",
    "IPPrefixLen": 0,
    "IPv6Gateway": "",
    "MacAddress": "",
}
_NOTHING = {
    "IPAMConfig": None,
    "Links": None,
    "Aliases": None,
    "MacAddress": "",
    "DriverOpts": None,
    "GwPriority": 0,
    "NetworkID": "",
    "EndpointID": "",
    "Gateway": "",
    "IPAddress": "",
    "IPPrefixLen": 0,
    "IPv6Gateway": "",
    "GlobalIPv6Address": "",
    "GlobalIPv6PrefixLen": 0,
    "DNSNames": None,
}
_WISHED = {"ipv4": "IPv4Address", "ipv6": "IPv6Address", "link_local": "LinkLocalIPs"}
_SHORT = 12


def settings(engine: Engine, row: Row, options: Options) -> Json:
    """All of it. The addresses beside the list of networks are those on the default bridge, as it was there first."""
    networks = _networks(engine, row, options)
    first = networks.get(catalog.BRIDGE, _NO_ADDRESSES)
    own = options.network != catalog.HOST and not sharing.others(options).get("network")
    return {
        "Bridge": "",
        "SandboxID": "",
        "SandboxKey": f"/proc/{row.pid}/ns/net" if own and row.status in containers.ALIVE else "",
        "Ports": _ports(engine, row),
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        **{name: first[name] for name in _NO_ADDRESSES},
        "Networks": networks,
    }


def _networks(engine: Engine, row: Row, options: Options) -> dict[str, Json]:
    if sharing.others(options).get("network"):
        return {}
    if not attachments.concern(options):
        return {options.network: _NOTHING}
    found = {}
    for endpoint in endpoints.of(engine.database, row.id):
        network = catalog.by_id(engine.database, endpoint.network)
        found[network.name if network else endpoint.name] = _endpoint(row, options, network, endpoint)
    return found


def _endpoint(row: Row, options: Options, network: Network | None, endpoint: Endpoint) -> Json:
    wishes = endpoint.wishes
    named = network is not None and not network.is_builtin
    known = {
        **_NOTHING,
        "IPAMConfig": {name: wishes[key] for key, name in _WISHED.items() if wishes.get(key)} or None,
        "Links": wishes.get("links") or None,
        "Aliases": wishes.get("aliases") or None,
        "MacAddress": wishes.get("mac", ""),
        "DriverOpts": wishes.get("options") or None,
        "GwPriority": endpoint.priority,
        "NetworkID": endpoint.network,
        "DNSNames": _names(row, options, endpoint) if named else None,
    }
    if row.status in containers.ALIVE and network:
        known |= {"EndpointID": endpoint.id, "MacAddress": endpoint.mac, **_addresses(network, endpoint)}
    return known


def _names(row: Row, options: Options, endpoint: Endpoint) -> list[str]:
    names = [row.name, *(endpoint.wishes.get("aliases") or ()), row.id[:_SHORT], options.hostname]
    return list(dict.fromkeys(filter(None, names)))


def _addresses(network: Network, endpoint: Endpoint) -> Json:
    found: dict[str, Json] = {}
    for address in endpoint.addresses:
        pool = next((pool for pool in network.pools if parse(address) in pool.subnet), None)
        if pool is None:
            continue
        gateway = "" if network.internal else pool.gateway
        if ":" in address:
            found |= {"GlobalIPv6Address": address, "GlobalIPv6PrefixLen": pool.subnet.length, "IPv6Gateway": gateway}
        else:
            found |= {"IPAddress": address, "IPPrefixLen": pool.subnet.length, "Gateway": gateway}
    return found


def _ports(engine: Engine, row: Row) -> Json:
    """Each that it offers, with the ports of the host that lead there; null is none."""
    found: dict[str, list[Json] | None] = {}
    for port in Ports(engine).of(row):
        key = f"{port.private}/{port.protocol}"
        found.setdefault(key, None)
        if port.public:
            found[key] = [*(found[key] or []), {"HostIp": port.address, "HostPort": str(port.public)}]
    return found
