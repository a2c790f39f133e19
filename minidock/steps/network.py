"""The steps that connect a container: a cable from its network namespace to a bridge of the host, addresses, a way out,
and ports of the host that lead in. docs/networks.md has the picture.

They are asked for by the annotation `minidock.network`, which whoever gives out addresses writes. What needs netlink or
nftables the network keeper does on a step's behalf (steps/keeper.py). All of them are the host's side: the
container's namespace is entered by its file, /proc/PID/ns/net, so that it works for one of a user namespace too.
"""

from __future__ import annotations

import _socket
import errno
import os

from minidock.errors import MinidockError
from minidock.kernel import interfaces, namespaces
from minidock.steps.ruleset import Segment, addition, removal
from minidock.steps.step import HOST, Plan, Step
from minidock.steps.wiring import Endpoint as Endpoint
from minidock.steps.wiring import Wiring as Wiring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.jsonfile import Json
    from minidock.steps.keeper import Keeper
    from minidock.steps.live import Live

_INSIDE = "nsenter --target $PID --net"


# Plans --------------------------------------------------------------------------------------------------


def reservation(wiring: Wiring) -> list[Step]:
    """What comes before all else: a port that is taken is told before anything is made."""
    if not wiring.ports:
        return []
    from minidock.steps.publishing import Reserve

    return [Reserve(wiring)]


def connection(wiring: Wiring) -> list[Step]:
    """What connects a container, once its network namespace exists."""
    return [
        *_ground(wiring, wiring.endpoints),
        *(step for endpoint in wiring.endpoints for step in _cable(wiring, endpoint)),
        *_route(wiring),
        *_publication(wiring),
        *([Names(wiring)] if wiring.names else []),
    ]


def _publication(wiring: Wiring) -> list[Step]:
    if not wiring.ports:
        return []
    from minidock.steps.publishing import Publish

    return [Publish(wiring)]


def endpoint_plan(wiring: Wiring, network: str) -> Plan:
    """One more network for a container that runs; undone, it is out of it. `wiring`: with all its networks."""
    endpoints = [endpoint for endpoint in wiring.endpoints if endpoint.network == network]
    cables = [step for endpoint in endpoints for step in _cable(wiring, endpoint, prompt=True)]
    return Plan([*_ground(wiring, endpoints), *cables, *_route(wiring)])


def route_plan(wiring: Wiring) -> Plan:
    """The default route of a container that runs, when its networks are others than before."""
    return Plan(_route(wiring))


def names_plan(wiring: Wiring) -> Plan:
    """The DNS server of a container that runs, when it comes into its first network with names, or leaves its last."""
    return Plan([Names(wiring)])


def network_plan(wiring: Wiring) -> Plan:
    """What a network is on the host without any container; undone, nothing is left of it."""
    return Plan(step for endpoint in wiring.endpoints for step in _base(wiring, endpoint, lasting=False))


def _bridged(endpoints: list[Endpoint]) -> list[Endpoint]:
    return [endpoint for endpoint in endpoints if endpoint.driver in ("bridge", "overlay")]


def _base(wiring: Wiring, endpoint: Endpoint, *, lasting: bool = True) -> list[Step]:
    """What a network is on the host; what few have is loaded for those alone."""
    if endpoint.driver in ("macvlan", "ipvlan"):
        from minidock.steps import sharing

        return sharing.parent(wiring, endpoint, lasting=lasting)
    bridge: list[Step] = [Bridge(wiring, endpoint, lasting=lasting)]
    if endpoint.driver == "overlay":
        from minidock.steps.overlay import Tunnel

        return [*bridge, Tunnel(wiring, endpoint, lasting=lasting)]
    return bridge


def _ground(wiring: Wiring, endpoints: list[Endpoint]) -> Iterator[Step]:
    """What the host needs, whoever is in those networks."""
    bridged = _bridged(endpoints)
    if any(not endpoint.internal for endpoint in bridged):
        yield Forwarding(ipv6=any(endpoint.has_ipv6 for endpoint in bridged))
    for endpoint in endpoints:
        yield from _base(wiring, endpoint)
    if bridged:
        yield Firewall(wiring, bridged)


def _cable(wiring: Wiring, endpoint: Endpoint, *, prompt: bool = False) -> list[Step]:
    if endpoint.driver == "bridge":
        return [Veth(wiring, endpoint, prompt=prompt), Address(wiring, endpoint)]
    if endpoint.driver == "overlay":
        from minidock.steps.overlay import Peers

        return [Veth(wiring, endpoint, prompt=prompt), Address(wiring, endpoint), Peers(wiring, endpoint)]
    if endpoint.driver in ("macvlan", "ipvlan"):
        from minidock.steps.sharing import Shared, SharedAddress

        return [Shared(wiring, endpoint, prompt=prompt), SharedAddress(wiring, endpoint)]
    raise MinidockError(f"network {endpoint.name}: nobody knows the driver {endpoint.driver}")


def _route(wiring: Wiring) -> list[Step]:
    ways = wiring.ways_out()
    return [Route(wiring, ways)] if ways else []


# On the host ----------------------------------------------------------------------------------------------


class Forwarding(Step):
    """The host as a router."""

    name = "network.forwarding"
    side = HOST
    man = "ip(7)"
    why = "a host takes only packets for itself; a container's are on their way through, and would be dropped"

    def __init__(self, *, ipv6: bool) -> None:
        self.paths = ["/proc/sys/net/ipv4/ip_forward"]
        self.paths += ["/proc/sys/net/ipv6/conf/all/forwarding"] if ipv6 else []

    def says(self) -> str:
        return (
            f"let the host pass on packets{' of IPv4 and IPv6' if len(self.paths) > 1 else ''}, if it does not already"
        )

    def shell(self) -> str:
        """It stays so, as with minidock: others may count on it by then."""
        return "\n".join(f"echo 1 > {path}" for path in self.paths)

    def do(self, live: Live) -> None:  # noqa: ARG002
        for path in self.paths:
            with open(path) as file:
                is_on = file.read().strip() != "0"
            if not is_on:
                namespaces.write(path, "1")


class Kept(Step):
    """A step that the keeper does on our behalf."""

    side = HOST

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring

    def line(self, live: Live) -> Keeper:
        """To the keeper: one for all steps."""
        if live.keeper is None:
            live.keeper = self.wiring.keeper()
        return live.keeper

    def ask(self, live: Live, operation: str, *descriptors: int, **arguments: Json) -> Json:
        return self.line(live).ask(operation, *descriptors, **arguments)

    def ask_inside(self, live: Live, operation: str, **arguments: Json) -> Json:
        """The same, about the container's network namespace."""
        namespace = os.open(namespaces.file_of(live.pid, "network"), os.O_RDONLY | os.O_CLOEXEC)
        try:
            return self.ask(live, operation, namespace, **arguments)
        finally:
            os.close(namespace)


class Bridge(Kept):
    """The switch that all containers of a network are on; its address is their gateway."""

    man = "bridge(8)"
    why = "without it the containers' cables would end nowhere: a bridge passes frames on between what is on it"

    def __init__(self, wiring: Wiring, endpoint: Endpoint, *, lasting: bool = True) -> None:
        super().__init__(wiring)
        self.name = f"network.bridge.{endpoint.name}"
        self.endpoint = endpoint
        self.bridge: str = endpoint.data["bridge"]
        self.addresses: list[str] = endpoint.data["bridge_addresses"]
        self.lasting = lasting  # it outlives the containers on it

    def says(self) -> str:
        addresses = f", with the address {' and '.join(self.addresses)}" if self.addresses else ""
        return f"make sure that there is the bridge {self.bridge}{addresses}"

    def shell(self) -> str:
        mtu = f" mtu {self.endpoint.mtu}" if self.endpoint.mtu else ""
        make = [f"ip link add {self.bridge} address {self._mac()}{mtu} type bridge"]
        make += [f"ip address add {_with_broadcast(address)} dev {self.bridge}" for address in self.addresses]
        make += [f"echo 1 > /proc/sys/net/ipv4/conf/{self.bridge}/route_localnet", f"ip link set {self.bridge} up"]
        make += [f"NEW_BRIDGES+=({self.bridge})"]
        return f"ip link show {self.bridge} up 2>/dev/null | grep -q . || {{ {'; '.join(make)}; }}"

    def unshell(self) -> str:
        """Only one that was made here, and that nobody else is on by now."""
        return f"if {_was_made_here(self.bridge)}; then ip link delete {self.bridge}; fi"

    def do(self, live: Live) -> None:
        if not self._is_whole():
            asked = {"bridge": self.bridge, "addresses": self.addresses, "mac": self._mac(), "mtu": self.endpoint.mtu}
            self.ask(live, "bridge", **asked)

    def undo(self, live: Live) -> None:
        """Somebody may have taken the bridge away, and left what the firewall's table says of it."""
        if not self.lasting and (interfaces.exists(self.bridge) or self.line(live).is_there()):
            self.ask(live, "remove.bridge", **_segment(self.endpoint))

    def _is_whole(self) -> bool:
        """Most often it is, and nobody has to be asked: it is switched on when all else is done."""
        if not interfaces.is_up(self.bridge):
            return False
        wanted = [address.partition("/")[0] for address in self.addresses if ":" not in address]
        return not wanted or interfaces.address(self.bridge) in wanted

    def _mac(self) -> str:
        """It follows from the address, as the containers' do. Where each host has one with the same address, from the
        host's own: a bridge that gets frames from its own MAC takes them for a loop."""
        hosts = [self.endpoint.data["vtep"]] if "vtep" in self.endpoint.data else []
        for address in (*hosts, *sorted(self.addresses, key=lambda one: ":" in one)):
            host = address.partition("/")[0]
            family = _socket.AF_INET6 if ":" in host else _socket.AF_INET
            return ":".join(f"{byte:02x}" for byte in b"\x02\x42" + _socket.inet_pton(family, host)[-4:])
        return "02:42:00:00:00:01"


class Firewall(Kept):
    """Who may talk to whom."""

    name = "network.firewall"
    man = "nft(8)"
    why = (
        "without it other networks reach the container's, and its packets leave with an address that nobody can answer"
    )

    def __init__(self, wiring: Wiring, endpoints: list[Endpoint]) -> None:
        super().__init__(wiring)
        self.endpoints = endpoints

    def says(self) -> str:
        names = " and ".join(endpoint.name for endpoint in self.endpoints)
        return f"note {names} in the firewall's table {self.wiring.table}, which is made anew if it is damaged"

    def shell(self) -> str:
        from minidock.steps.ruleset import table_text

        segments = [Segment.from_data(endpoint.data) for endpoint in self.endpoints]
        table = self.wiring.table
        look = f"nft list table inet {table} >/dev/null 2>&1 || {{ NEW_TABLE={table}; nft -f - <<'END'"
        make = f"{look}\n{table_text(table, (), ())}END\n}}"
        return f"{make}\nnft -f - <<'END'\n{addition(table, *segments)}END"

    def unshell(self) -> str:
        """Only a table that was made here, and that no other container needs by now; else what was noted in it of
        bridges that go with us."""
        table = self.wiring.table
        bridges = [endpoint.data["bridge"] for endpoint in self.endpoints]
        others = "; ".join(f"ip -o link show master {bridge}" for bridge in bridges)
        lines = [f'if [ -n "$NEW_TABLE" ] && [ -z "$({others})" ]; then nft delete table inet "$NEW_TABLE"; else']
        for endpoint in self.endpoints:
            text = removal(table, Segment.from_data(endpoint.data))
            lines.append(f"if {_was_made_here(endpoint.data['bridge'])}; then nft -f - <<'END'\n{text}END\nfi")
        return "\n".join([*lines, "fi"])

    def do(self, live: Live) -> None:
        self.ask(live, "firewall", pid=live.pid, networks=[_segment(endpoint) for endpoint in self.endpoints])


def _was_made_here(bridge: str) -> str:
    """A shell's condition: and nobody else is on it by now."""
    return f'[[ " ${{NEW_BRIDGES[*]}} " == *" {bridge} "* ]] && [ -z "$(ip -o link show master {bridge})" ]'


def _with_broadcast(address: str) -> str:
    """IPv6 has none, but asks first whether somebody has the address: nobody can have one that was given out here."""
    return f"{address} nodad" if ":" in address else f"{address} brd +"


def _segment(endpoint: Endpoint) -> Json:
    return {key: endpoint.data[key] for key in ("bridge", "internal", "icc", "masquerade")}


# The container's cable ----------------------------------------------------------------------------------


class Veth(Kept):
    """Two devices, and the cable between them."""

    man = "veth(4)"
    why = "a network namespace is an empty machine: this is the cable that is plugged into it"

    def __init__(self, wiring: Wiring, endpoint: Endpoint, *, prompt: bool) -> None:
        super().__init__(wiring)
        self.name = f"network.veth.{endpoint.name}"
        self.needs = ("namespace.network", f"network.bridge.{endpoint.name}")
        self.endpoint = endpoint
        self.link: str = endpoint.data["link"]
        self.bridge: str = endpoint.data["bridge"]
        self.icc = bool(endpoint.data["icc"])
        self.hairpin = any(port["address"] in endpoint.hosts for port in wiring.ports)  # it may call its own port
        self.prompt = prompt  # undone, it is gone at once; else the kernel takes it away with the namespace

    def says(self) -> str:
        device, mac = self.endpoint.device, self.endpoint.mac
        return f"plug a cable from {self.link} on the bridge {self.bridge} to {device} ({mac}) in the container"

    def shell(self) -> str:
        mtu = f" mtu {self.endpoint.mtu}" if self.endpoint.mtu else ""
        peer = f"name {self.endpoint.device}{mtu} address {self.endpoint.mac} netns $PID"
        line = f"ip link add {self.link}{mtu} master {self.bridge} up type veth peer {peer}"
        flags = ("" if self.icc else " isolated on") + (" hairpin on" if self.hairpin else "")
        return f"{line}\nbridge link set dev {self.link}{flags}" if flags else line

    def unshell(self) -> str:
        """The kernel would do it, some time after the namespace is gone."""
        return f"ip link delete {self.link} 2>/dev/null"

    def do(self, live: Live) -> None:
        asked = {"link": self.link, "bridge": self.bridge, "icc": self.icc, "hairpin": self.hairpin}
        asked |= {"device": self.endpoint.device}
        self.ask_inside(live, "veth", **asked, mac=self.endpoint.mac, mtu=self.endpoint.mtu, pid=live.pid)

    def undo(self, live: Live) -> None:
        if interfaces.exists(self.link):
            self.ask(live, "unplug", link=self.link, now=self.prompt)


class Address(Kept):
    """The container's end of the cable."""

    man = "ip-address(8)"
    why = "a device without an address hears only what is for everybody, and nobody can answer it"

    def __init__(self, wiring: Wiring, endpoint: Endpoint) -> None:
        super().__init__(wiring)
        self.name = f"network.address.{endpoint.name}"
        self.needs = (f"network.veth.{endpoint.name}", f"network.{endpoint.driver}.{endpoint.name}")
        self.device = endpoint.device
        self.addresses = endpoint.addresses

    def says(self) -> str:
        return f"give {self.device} in the container the address {' and '.join(self.addresses)}, and switch it on"

    def shell(self) -> str:
        add = [f"{_INSIDE} ip address add {_with_broadcast(address)} dev {self.device}" for address in self.addresses]
        return "\n".join([*add, f"{_INSIDE} ip link set {self.device} up"])

    def do(self, live: Live) -> None:
        self.ask_inside(live, "address", device=self.device, addresses=self.addresses)


class Route(Kept):
    """The way to all the rest."""

    man = "ip-route(8)"
    why = "without it the container reaches its neighbours on the bridge, and nobody else"
    hints = {errno.ENETUNREACH: "is the gateway in the network's subnet?"}

    def __init__(self, wiring: Wiring, ways: list[tuple[Endpoint, str]]) -> None:
        super().__init__(wiring)
        self.name = f"network.route.{ways[0][0].name}"
        self.needs = tuple(f"network.address.{endpoint.name}" for endpoint, _ in ways)
        self.gateways = [gateway for _, gateway in ways]
        self.devices = {gateway: endpoint.device for endpoint, gateway in ways if endpoint.data.get("by_device")}

    def says(self) -> str:
        ways = [f"out by {self.devices[each]}" if each in self.devices else f"to {each}" for each in self.gateways]
        return f"send what is for elsewhere {' and '.join(ways)}"

    def shell(self) -> str:
        lines = []
        for gateway in self.gateways:
            way = f"dev {self.devices[gateway]}" if gateway in self.devices else f"via {gateway}"
            lines.append(f"{_INSIDE} ip {'-6 ' if ':' in gateway else ''}route replace default {way}")
        return "\n".join(lines)

    def do(self, live: Live) -> None:
        self.ask_inside(live, "route", gateways=self.gateways, devices=self.devices)


class Names(Kept):
    """Where the container asks for others by their names."""

    name = "network.names"
    man = "resolv.conf(5)"
    why = "the others' addresses are given out anew at each start: without it nobody in there knows where they are"
    needs = ("namespace.network",)  # it would answer on the host

    def says(self) -> str:
        return "answer at 127.0.0.11 in the container for the names in its networks, and pass on questions about others"

    def shell(self) -> str:
        """A shell has no DNS server, and none that is installed looks into our state."""
        return "# No command answers questions about names: by hand, names are lines in the container's /etc/hosts"

    def do(self, live: Live) -> None:
        self.ask_inside(live, "names", pid=live.pid, container=self.wiring.id)

    def undo(self, live: Live) -> None:
        """When the container ends, the keeper sees that for itself; there may be none."""
        if live.pid and self.line(live).is_there():
            self.ask(live, "no.names", container=self.wiring.id)
