"""What the steps are told of a container's networks: the annotation `minidock.network` of its config.json.

It says everything that the steps need to know, so that a plan can be made, read and undone by whoever has the
configuration, and nobody else. docs/networks.md has an example of it.
"""

from __future__ import annotations

from minidock.networks import addressing, devices, drivers
from minidock.networks.addresses import V4, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from minidock.jsonfile import Json
    from minidock.networks.addressing import Attachment
    from minidock.networks.catalog import Network
    from minidock.networks.endpoints import Endpoint

DEVICE_NAME = "com.docker.network.endpoint.ifname"  # an option of an endpoint: --network name=…,driver-opt=…
_EVERYWHERE = ("0.0.0.0", "::")
_BINDING = "com.docker.network.bridge.host_binding_ipv4"  # of the bridge: where ports are published by default
_PUBLISHING = ("bridge", "overlay")  # the drivers whose containers are behind the host, not beside it


class Wish:
    """A port that is to be published. `host`: an address of the host, "": all; host_port 0: any free one."""

    def __init__(self, port: int, protocol: str, host: str, host_port: int, last_host_port: int) -> None:
        self.port = port
        self.protocol = protocol
        self.host = host
        self.host_port = host_port
        self.last_host_port = last_host_port


def annotation(
    root: str, run_root: str, name: str, attachments: Sequence[Attachment], wishes: Iterable[Wish], *, ipv6: bool
) -> Json:
    """All of it. `name`: the container's, for people; `ipv6`: the host has addresses of that kind to publish on."""
    return {
        "root": root,
        "run": run_root,
        "table": devices.table(root),
        "id": attachments[0][1].container,
        "container": name,
        "endpoints": [_endpoint(root, network, endpoint) for network, endpoint in attachments],
        "ports": [port for wish in wishes for port in _ports(attachments, wish, ipv6=ipv6)],
        "names": any(not network.is_builtin for network, _ in attachments),
    }


def bare(root: str, run_root: str, network: Network) -> Json:
    """The same of a network without any container: what the host has of it."""
    nobody = {"link": "", "device": "", "mac": "", "addresses": [], "gateways": [], "gw_priority": 0}
    known = {"root": root, "run": run_root, "table": devices.table(root), "container": ""}
    return {**known, "endpoints": [{**_known(root, network, {}), **nobody}], "ports": [], "names": False}


def _endpoint(root: str, network: Network, endpoint: Endpoint) -> Json:
    driver = drivers.load(network.driver)
    options = endpoint.wishes.get("options") or {}
    return {
        **_known(root, network, options),
        "link": devices.link(endpoint.container, endpoint.slot),
        "device": options.get(DEVICE_NAME) or f"{driver.prefix(network)}{endpoint.slot}",
        "mac": endpoint.mac,
        "addresses": addressing.with_lengths(network, endpoint),
        "gateways": addressing.gateways(network, endpoint),
        "gw_priority": endpoint.priority,
    }


def _known(root: str, network: Network, options: Mapping[str, str]) -> Json:
    """What is known of the network, whoever is in it. `options`: the driver's, of an endpoint."""
    return {
        "network": network.id,
        "name": network.name,
        "driver": network.driver,
        "internal": network.internal,
        "options": {**network.options, **options},
        **drivers.load(network.driver).endpoint(network, root),
    }


def ways_out(attachments: Sequence[Attachment]) -> dict[int, Attachment]:
    """By which network a container leaves, for each kind of address: of those that lead out, the one with the highest
    priority; of several, the first by its name, as in Docker."""
    found: dict[int, Attachment] = {}
    for attachment in sorted(attachments, key=lambda one: (-one[1].priority, one[0].name)):
        network, endpoint = attachment
        for gateway in () if network.internal else addressing.gateways(network, endpoint):
            found.setdefault(parse(gateway)[0], attachment)
    return found


# Ports ----------------------------------------------------------------------------------------------------


def publishing(attachments: Sequence[Attachment]) -> Attachment | None:
    """The network by which a container is reached from outside: the one by which it leaves."""
    way = ways_out(attachments).get(V4)
    return way if way and way[0].driver in _PUBLISHING else None


def _ports(attachments: Sequence[Attachment], wish: Wish, *, ipv6: bool) -> list[Json]:
    """One for each kind of address of the host."""
    way = publishing(attachments)
    if way is None:
        return []
    network, endpoint = way
    host = wish.host or network.options.get(_BINDING, _EVERYWHERE[0])
    hosts = _EVERYWHERE if host == _EVERYWHERE[0] and not wish.host and ipv6 else (host,)
    return [
        {
            "protocol": wish.protocol,
            "host": host,
            "host_port": wish.host_port,
            "last_host_port": wish.last_host_port,
            "port": wish.port,
            "address": target(endpoint, host),
        }
        for host in hosts
    ]


def target(endpoint: Endpoint, host: str) -> str:
    """Where a port of an address of the host leads: to an address of its kind, else to what there is."""
    return endpoint.ipv6 if ":" in host and endpoint.ipv6 else endpoint.ipv4
