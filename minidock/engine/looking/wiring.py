"""How a network is wired at this moment: devices, cables, addresses, routes and rules, as the kernel has them.

The state says who should be in it, and what things are called. All else is asked of the kernel: the namespaces of the
host and of each container for their devices (kernel/survey.py), nftables for its rules. Where the two differ, both are
told. Nothing is changed.
"""

from __future__ import annotations

import os

from minidock.engine import networks
from minidock.engine.looking.ports import Ports
from minidock.kernel import survey
from minidock.networks import devices, drivers, endpoints
from minidock.networks.addressing import with_lengths
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.engine.looking.ports import Port
    from minidock.jsonfile import Json
    from minidock.kernel.survey import Device, Survey
    from minidock.networks.catalog import Network
    from minidock.networks.endpoints import Endpoint
    from minidock.state.containers import Row

_FORWARDING = {"IPv4": "/proc/sys/net/ipv4/ip_forward", "IPv6": "/proc/sys/net/ipv6/conf/all/forwarding"}
_DNS_IN_HEX = "0B00007F:"  # as /proc/net/udp has it, the last byte first
_SHORT = 12
_WITHOUT_DEVICES = ("host", "null")


class Inhabitant:
    """A container that is in the network."""

    def __init__(self, row: Row, endpoint: Endpoint | None, inside: Survey | None) -> None:
        self.name = row.name
        self.id = row.id
        self.pid = row.pid
        self.inside = inside  # its network namespace; None: it has ended meanwhile
        self.address_wanted: list[str] = []  # by the state
        self.names: list[str] = []  # by which the others find it
        self.has_dns = inside is not None and _answers_names(row.pid)
        self.ports: list[Port] = []
        self.mac = endpoint.mac if endpoint else ""

    @property
    def device(self) -> Device | None:
        """Its end of the cable to this network: by its address; by its MAC, if somebody has taken the address away."""
        found = self.inside.devices if self.inside else []
        by_address = (device for device in found if not set(self.address_wanted).isdisjoint(device.addresses))
        by_mac = (device for device in found if self.mac and device.mac == self.mac)
        return next(by_address, None) or next(by_mac, None)


class Cable:
    """What hangs on the bridge, or on another device of the host: a port, and what its other end is in."""

    def __init__(self, port: Device | None, inhabitant: Inhabitant | None = None) -> None:
        self.port = port  # the host's end; None: the device inside hangs on the host's without a cable
        self.inhabitant = inhabitant


class Rules:
    """What a table of the firewall has that concerns the network."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.is_there = False
        self.elements: list[tuple[str, str, str]] = []  # set or map, the element, what the set is for
        self.chains: list[tuple[str, str, list[tuple[str, str]]]] = []  # name, hook, rules, each with its reason
        self.missing: list[tuple[str, str]] = []  # chain and reason of rules that should be there


class Wiring:
    """One network, and all that it is made of."""

    def __init__(self, network: Network, host: Survey) -> None:
        self.network = network
        self.host = host
        self.host_name = os.uname().nodename
        self.forwarding = {family: _is_on(path) for family, path in _FORWARDING.items()}
        self.trunk_name = ""  # the bridge, or the device of the host that the containers' hang on
        self.cables: list[Cable] = []
        self.unplugged: list[Inhabitant] = []  # containers that should be on it, but are not
        self.resting: list[str] = []  # names of containers that are in it and do not run
        self.rules: Rules | None = None

    @property
    def trunk(self) -> Device | None:
        return self.host.find(self.trunk_name)

    @property
    def ways_out(self) -> list[tuple[Device, list[str]]]:
        """The devices of the host by which packets leave it, and the routes that say so."""
        routes = [route for route in self.host.routes if route.network == "default"]
        found = ((device, [str(each) for each in routes if each.device == device.name]) for device in self.host.devices)
        return [(device, ways) for device, ways in found if ways]

    @property
    def routes_to_it(self) -> list[str]:
        routes = (route for route in self.host.routes if route.device == self.trunk_name)
        return [str(route) for route in routes if not route.network.startswith("fe80:")]


def wiring(engine: Engine, word: str) -> Wiring:
    """All of a network."""
    network = networks.find(engine, word)
    found = Wiring(network, survey.here())
    shape = {} if network.driver in _WITHOUT_DEVICES else drivers.load(network.driver).endpoint(network, engine.root)
    found.trunk_name = str(shape.get("bridge") or shape.get("parent") or "")
    inhabitants = _inhabitants(engine, found)
    plug(found, inhabitants)
    if "bridge" in shape:  # what goes by no bridge of ours passes by our rules
        found.rules = _rules(engine, found, inhabitants)
    return found


def _inhabitants(engine: Engine, found: Wiring) -> list[Inhabitant]:
    rows = {row.id: row for row in engine.everyone()}
    network, ports = found.network, Ports(engine)
    members: list[tuple[Row, Endpoint | None]]
    if network.driver in _WITHOUT_DEVICES:
        members = [(row, None) for row in rows.values() if engine.options(row).network == network.name]
    else:
        members = [(rows[one.container], one) for one in endpoints.all_of(engine.database, network.id)]
    inhabitants = []
    for row, endpoint in members:
        if row.status not in containers.ALIVE:
            found.resting.append(row.name)
            continue
        inhabitant = Inhabitant(row, endpoint, _inside(row))
        inhabitant.ports = [port for port in ports.of(row) if port.public]
        if endpoint:
            inhabitant.address_wanted = with_lengths(network, endpoint)
            inhabitant.names = _names(row, endpoint, network, engine.options(row).hostname)
        inhabitants.append(inhabitant)
    return inhabitants


def _names(row: Row, endpoint: Endpoint, network: Network, hostname: str) -> list[str]:
    """On the default bridge nobody has a name."""
    if network.is_builtin:
        return []
    names = [row.name, row.id[:_SHORT], hostname, *(endpoint.wishes.get("aliases") or ())]
    return [name for name in dict.fromkeys(names) if name]


def _inside(row: Row) -> Survey | None:
    try:
        return survey.of_process(row.pid) if row.pid else None
    except (FileNotFoundError, ProcessLookupError):
        return None


def _answers_names(pid: int) -> bool:
    """Whether somebody listens where the container's resolv.conf sends its questions."""
    try:
        with open(f"/proc/{pid}/net/udp") as file:
            return any(_DNS_IN_HEX in line for line in file)
    except OSError:
        return False


def _is_on(path: str) -> bool:
    try:
        with open(path) as file:
            return file.read().strip() != "0"
    except OSError:  # the kernel has no IPv6
        return False


# Which cable leads to whom -----------------------------------------------------------------------------------


def plug(found: Wiring, inhabitants: list[Inhabitant]) -> None:
    """Note who is at the other end of each port, and who is at none."""
    trunk = found.trunk
    ports = [device for device in found.host.devices if trunk and device.master == trunk.index]
    left = {inhabitant.id: inhabitant for inhabitant in inhabitants}
    for port in ports:
        owner = next((one for one in left.values() if _is_other_end(port, one)), None)
        found.cables.append(Cable(port, left.pop(owner.id) if owner else None))
    for inhabitant in left.values():
        device = inhabitant.device
        if device and trunk and device.peer == trunk.index and device.peer_is_elsewhere:  # macvlan, ipvlan: no cable
            found.cables.append(Cable(None, inhabitant))
        else:
            found.unplugged.append(inhabitant)


def _is_other_end(port: Device, inhabitant: Inhabitant) -> bool:
    """The two ends of a veth pair have each other's numbers, each in its own namespace."""
    device = inhabitant.device
    return device is not None and (port.peer, port.index) == (device.index, device.peer)


# Rules -----------------------------------------------------------------------------------------------------


def _rules(engine: Engine, found: Wiring, inhabitants: list[Inhabitant]) -> Rules:
    from minidock.kernel.firewall import Firewall

    rules = Rules(devices.table(engine.root))
    firewall = Firewall()
    try:
        listing = firewall.listing(rules.table)
    except FileNotFoundError:
        return rules
    finally:
        firewall.close()
    rules.is_there = True
    addresses = {text.partition("/")[0] for one in inhabitants for text in one.address_wanted}
    read(rules, listing, found.trunk_name, addresses)
    return rules


def read(rules: Rules, listing: list[Json], bridge: str, addresses: set[str]) -> None:
    """Of all that a table has, what has to do with a bridge, or with the addresses on it."""
    from minidock.steps.ruleset import CHAINS, MAPS, SETS

    concerned: set[str] = set()
    for name, (_, why) in {**SETS, **MAPS}.items():
        for element in _elements(listing, name):
            if {bridge, *addresses} & {*_words(element)}:
                rules.elements.append((name, _shown(element), why))
                concerned.add(f"@{name}")
    known = {(item["rule"]["chain"], item["rule"].get("comment", "")) for item in listing if "rule" in item}
    for chain, (hook, wanted) in CHAINS.items():
        fitting = [(rule, why) for rule, why in wanted if _concerns(rule, concerned)]
        rules.missing += [(chain, why) for _, why in fitting if (chain, why) not in known]
        there = [(rule, why) for rule, why in fitting if (chain, why) in known]
        if there:
            rules.chains.append((chain, hook.partition(";")[0], there))


def _concerns(rule: str, concerned: set[str]) -> bool:
    """A rule that asks sets concerns who is in all of them; one that asks none concerns everybody."""
    return {word for word in rule.split() if word.startswith("@")} <= concerned


def _elements(listing: list[Json], name: str) -> list[Json]:
    for item in listing:
        table = item.get("set") or item.get("map")
        if table and table["name"] == name:
            return list(table.get("elem", ()))
    return []


def _words(element: Json) -> list[str]:
    """What stands in an element: `eth0`, {"concat": [a, b]}, or a pair of such of a map."""
    if isinstance(element, list):
        return [word for part in element for word in _words(part)]
    if isinstance(element, dict):
        return [word for part in element.values() for word in _words(part)]
    return [str(element)]


def _shown(element: Json) -> str:
    """As nft(8) has it."""
    if isinstance(element, list):
        return " → ".join(map(_shown, element))
    return " . ".join(_words(element))
