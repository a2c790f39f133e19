"""Networks in the life of a container: connected when it is made, given addresses before each start.

    claim                    when the container is made: part of the transaction that makes it
    ask_for_addresses        before that transaction, for networks of several hosts: they are given out by all together
    give_out ─▶ configure    before each start; the first is part of the transaction that claims the start
    note                     when it runs: which ports of the host it got, part of the transaction that says so
    forget                   at each end: it has no ports any more, part of the transaction that says so

Nothing is given back at the end: an address is taken as long as its container is active (networks/addressing.py).
A module is loaded only if the container is on a network with addresses.
"""

from __future__ import annotations

import os

from minidock import jsonfile
from minidock.engine.configuring.sharing import CONTAINER
from minidock.errors import MinidockError
from minidock.steps.annotations import NETWORK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.engine.directories import Place
    from minidock.engine.engine import Engine
    from minidock.engine.life.linking import Link
    from minidock.engine.options import NetworkRequest, Options
    from minidock.jsonfile import Json
    from minidock.networks.addressing import Attachment, Claimed
    from minidock.networks.catalog import Network
    from minidock.networks.wiring import Wish
    from minidock.state.containers import Row
    from minidock.state.database import Change
    from minidock.steps.keeper import Keeper

_WITHOUT_ADDRESSES = ("none", "host")
_NAMESPACE = "namespace.network"  # the step that gives it a network of its own
_IPV6 = "/proc/net/if_inet6"  # not there where the kernel has no IPv6


def concern(options: Options) -> bool:
    """Whether a container has networks with addresses at all, or could be connected to any."""
    if _NAMESPACE in options.without:  # it is on the host's, where a cable of its own would end in the host
        return False
    return options.network not in _WITHOUT_ADDRESSES and not options.network.startswith(CONTAINER)


class Foreseen:
    """The network keeper: it takes a while to load, and we have other things to do. For a `with` block, in which it
    begins if there is none."""

    def __init__(self, engine: Engine, options: Options) -> None:
        self._keeper: Keeper | None = None
        if concern(options):
            from minidock.networks import devices
            from minidock.steps.keeper import Keeper

            self._keeper = Keeper(engine.root, engine.run_root, devices.table(engine.root))

    def __enter__(self) -> None:
        if self._keeper:
            self._keeper.foresee()

    def __exit__(self, *_: object) -> None:
        if self._keeper:
            self._keeper.close()


# When it is made ------------------------------------------------------------------------------------------


def settle(engine: Engine, options: Options) -> None:
    """For a new container: whom it is linked to on the default bridge, and networks that other hosts have made."""
    if options.links:
        from minidock.engine.life import linking

        linking.settle(engine, options)
    if options.networks or options.network not in ("bridge", "default", *_WITHOUT_ADDRESSES):
        _discover(engine, options)


def _discover(engine: Engine, options: Options) -> None:
    if concern(options):
        from minidock.engine import overlays

        overlays.discover(engine, [request.network for request in requests(options)])


def claim(change: Change, root: str, container_id: str, options: Options) -> None:
    """Connect a new container to the networks that it was asked to be in. They must exist, and be able to."""
    if not concern(options):
        return
    from minidock.networks import endpoints

    for request in requests(options):
        network = find_network(change, root, request.network)
        if endpoints.find(change, container_id, network.id):
            raise MinidockError(f'network "{request.network}" is specified multiple times')
        connect(change, container_id, network, request)


def requests(options: Options) -> list[NetworkRequest]:
    """The networks that a container is to be in. What is said of the container itself is meant for the first."""
    from minidock.engine.options import NetworkRequest

    found = options.networks or [NetworkRequest(options.network)]
    found[0].mac = found[0].mac or options.mac_address
    return found


def find_network(change: Change, root: str, word: str) -> Network:
    from minidock.networks import catalog

    if word in (*catalog.BUILTIN, catalog.DEFAULT):
        catalog.ensure_builtin(change, root)
    network = catalog.find(change, word)
    if network.name in _WITHOUT_ADDRESSES:
        mode = "private (none)" if network.name == catalog.NONE else "host"
        raise MinidockError(
            f"container cannot be connected to multiple networks with one of the networks in {mode} mode",
            hint=f"--network {network.name} alone",
        )
    return network


def connect(change: Change, container_id: str, network: Network, request: NetworkRequest) -> None:
    """Write down that a container is in a network, with its wishes there, which must be such that it can have them."""
    from minidock.networks import addressing, endpoints

    wishes = {**vars(request), "network": network.name}
    addressing.check(network, wishes)
    endpoints.add(change, container_id, network.id, wishes)


# When it starts -------------------------------------------------------------------------------------------


def ask_for_addresses(engine: Engine, row: Row, options: Options) -> Claimed:
    """What it is to have in networks of several hosts, of which most hosts have none."""
    if not concern(options) or not engine.database.rows("SELECT 1 FROM networks WHERE driver = 'overlay' LIMIT 1"):
        return {}
    from minidock.engine import overlays

    return overlays.claim(engine, row, options)


def give_out(change: Change, row: Row, options: Options, claimed: Claimed) -> list[Attachment]:
    """Its addresses in all its networks, for a container whose start has just been claimed in this transaction."""
    if not concern(options):
        return []
    from minidock.networks import addressing

    return addressing.give_out(change, row.id, claimed)


def configure(engine: Engine, row: Row, options: Options, attachments: Sequence[Attachment]) -> None:
    """Write down what the steps need to know, in config.json; and what the program looks at, in /etc."""
    if not concern(options):
        return
    place = engine.place(row.id)
    linked, variables = _links(engine, row, options)
    annotate(place.file("config.json"), annotation(engine, row, options, attachments), variables)
    write_names(engine, row, options, attachments, [link.host_row() for link in linked])


def annotation(engine: Engine, row: Row, options: Options, attachments: Sequence[Attachment]) -> Json:
    """None where there is nothing to say."""
    if not attachments:
        return None
    from minidock.networks import wiring

    ports = wishes(options)
    return wiring.annotation(
        engine.root, engine.run_root, row.name, attachments, ports, ipv6=bool(ports) and host_has_ipv6()
    )


def host_has_ipv6() -> bool:
    return os.path.exists(_IPV6)


def _links(engine: Engine, row: Row, options: Options) -> tuple[list[Link], list[str]]:
    """Whom it is linked to, and its variables, if they are others because of that."""
    if not options.links:
        return [], []
    from minidock.engine.life import linking

    linked = linking.links(engine, row, options)
    return linked, linking.environment(engine, row, options, linked)


def annotate(path: str, told: Json, variables: Sequence[str] = ()) -> None:
    """Write it into a config.json; whoever reads that sees the old one or the new. So are variables, if there are."""
    document = jsonfile.read(path)
    if variables:
        document["process"]["env"] = list(variables)
    document["annotations"].pop(NETWORK, None)
    if told is not None:
        document["annotations"][NETWORK] = jsonfile.dump(told)
    jsonfile.write(path, document)
    os.chmod(path, 0o600)


def wishes(options: Options) -> list[Wish]:
    """The ports that are to be published: those asked for, and with -P one for each further one that it offers."""
    if not (options.ports or options.publish_all):
        return []
    from minidock.engine.configuring.publishing import checked
    from minidock.networks.wiring import Wish

    asked = checked(options.ports)
    named = {one.private for one in asked}
    others = [port for port in options.exposed_ports if options.publish_all and port not in named]
    return [
        Wish(one.port, one.protocol, one.address, one.host_port, one.last_host_port)
        for one in (*asked, *checked(sorted(others)))
    ]


def write_names(
    engine: Engine,
    row: Row,
    options: Options,
    attachments: Sequence[Attachment],
    linked: Sequence[tuple[str, str]],
) -> None:
    """/etc/hosts and /etc/resolv.conf. Who is killed in between leaves what the next start writes again."""
    from minidock.engine.configuring import network_files

    place = engine.place(row.id)
    addresses = [address for _, endpoint in attachments for address in endpoint.addresses]
    rows = [*linked, *own_rows(place, options, addresses)]
    rewrite(place.file("hosts"), network_files.hosts(options, rows, gateway=host_gateway(attachments)))
    rewrite(place.file("resolv.conf"), resolv_conf(options, attachments))


def own_rows(place: Place, options: Options, addresses: Sequence[str]) -> list[tuple[str, str]]:
    """What /etc/hosts says of the container itself: each of its addresses, and its name."""
    from minidock.engine.configuring import sharing

    name = sharing.hostname(options, place)
    names = f"{name}.{options.domainname} {name}" if options.domainname else name
    return [(address, names) for address in addresses]


def resolv_conf(options: Options, attachments: Sequence[Attachment]) -> str:
    """Networks that somebody made have names; so the container asks its own server for them."""
    from minidock.engine.configuring import network_files

    if any(not network.is_builtin for network, _ in attachments):
        return network_files.embedded_resolv_conf(options)
    return network_files.resolv_conf(options)


def host_gateway(attachments: Sequence[Attachment]) -> str:
    """The host as the container sees it: its end of the network by which it leaves; else, of any."""
    from minidock.networks import addressing, wiring

    ways = [*wiring.ways_out(attachments).values(), *attachments]
    return next((gateway for way in ways for gateway in addressing.gateways(*way)), "")


def rewrite(path: str, text: str) -> None:
    """The file stays the same one: while the container runs, it is mounted there."""
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(fd, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)


# When it runs, and ends -----------------------------------------------------------------------------------


def note(change: Change, row: Row, options: Options, published: Sequence[Json]) -> None:
    """It runs: which ports of the host it got."""
    if not concern(options):
        return
    forget(change, row, options)
    for port in published:
        change.do(
            "INSERT INTO published (container, protocol, host, host_port, port, address) VALUES (?, ?, ?, ?, ?, ?)",
            *(row.id, port["protocol"], port["host"], port["host_port"], port["port"], port["address"]),
        )


def forget(change: Change, row: Row, options: Options) -> None:
    """It runs no more, so no port of the host is its any longer."""
    if concern(options):
        change.do("DELETE FROM published WHERE container = ?", row.id)


def tell(change: Change, row: Row, options: Options, action: str) -> None:
    """The events `network connect` and `network disconnect`, which belong to the start and the end of a container."""
    if not concern(options):
        return
    from minidock.networks import catalog, endpoints

    for endpoint in endpoints.of(change, row.id):
        network = catalog.by_id(change, endpoint.network)
        if network:
            catalog.tell(change, network, action, container=row.id)
