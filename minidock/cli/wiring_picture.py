"""A network as a picture of text: the host as a tree, its containers as boxes, cables between them, and the rules.

    HOST
    ├── eth0              the way out
    └── br-1f0c2a9d4e11   the bridge
        ├── veth4f1c0a2b-0
        │   ║  ┌─ web ────────────────┐
        │   ╚══╪═ eth0  172.18.0.2/16 │
        │      └──────────────────────┘

Pure functions, from what engine/looking/wiring.py has found to lines of at most WIDTH characters.
"""

from __future__ import annotations

from minidock.cli.drawing import DOT, INDENT, WIDTH, labelled, tree, wrapped
from minidock.cli.port_texts import joined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.engine.looking.wiring import Cable, Inhabitant, Rules, Wiring
    from minidock.kernel.survey import Device

_INNER_LABEL = 14  # the column of names in a box, before what there is to say of them
_MOST_NAME = 30  # of a container's name that a box has room for
_PLUG, _NO_CABLE, _NOTHING = "╚══╪═ ", "┄┄┄┼┄ ", "   │  "  # how a cable comes through the wall of a box


def picture(wiring: Wiring) -> list[str]:
    """All of it."""
    lines = [*_title(wiring), "", _apart(f"HOST {wiring.host_name}", _namespace(wiring.host.inode)), "│"]
    branches = [*_ways_out(wiring), _router(wiring), _trunk(wiring)]
    lines += tree([branch for branch in branches if branch])
    if wiring.rules:
        lines += ["", *_rules(wiring.rules, wiring.network.name)]
    return lines


def _title(wiring: Wiring) -> list[str]:
    network = wiring.network
    subnets = [f"{pool.subnet}, gateway {pool.gateway}" if pool.gateway else str(pool.subnet) for pool in network.pools]
    traits = ["internal: no way out, and none in"] if network.internal else []
    return wrapped([f"NETWORK {network.name}", f"{network.driver} {network.id[:12]}", *subnets, *traits], WIDTH)


# The host ----------------------------------------------------------------------------------------------------


def _ways_out(wiring: Wiring) -> list[list[str]]:
    return [
        labelled(device.name, [["a way to the world", *ways], _of_device(device)]) for device, ways in wiring.ways_out
    ] or [["no way to the world: no device has a default route"]]


def _router(wiring: Wiring) -> list[str]:
    states = [f"{family} is passed on" if is_on else f"{family} is not" for family, is_on in wiring.forwarding.items()]
    return labelled("the kernel", [["the router between the devices", *states]])


def _trunk(wiring: Wiring) -> list[str]:
    """What the containers hang on, and they."""
    if not wiring.trunk_name:
        return _without_trunk(wiring)
    trunk = wiring.trunk
    if trunk is None:
        head = labelled(wiring.trunk_name, [["not there: it is made when the first container comes"]])
    else:
        what = "the bridge" if trunk.kind == "bridge" else f"what the containers hang on, {trunk.kind or 'hardware'}"
        state = "up" if trunk.is_up else "down"
        head = labelled(trunk.name, [[what, state], _of_device(trunk), wiring.routes_to_it])
    branches = [_cable(cable) for cable in wiring.cables] + [_unplugged(one) for one in wiring.unplugged]
    if wiring.resting:
        branches.append(labelled("at rest", [sorted(wiring.resting)]))
    return [*head, *(["│"] if branches else []), *tree(branches)]


def _without_trunk(wiring: Wiring) -> list[str]:
    """The host's own network, and none."""
    is_host = wiring.network.driver == "host"
    head = ["containers here have the host's devices" if is_host else "containers here have lo, and no cable"]
    branches = [_box(one, None, joint=_NOTHING) for one in wiring.unplugged]
    branches += [labelled("at rest", [sorted(wiring.resting)])] if wiring.resting else []
    return [*head, *(["│"] if branches else []), *tree(branches)]


# A cable, and who is at its other end ------------------------------------------------------------------------


def _cable(cable: Cable) -> list[str]:
    port, inhabitant = cable.port, cable.inhabitant
    if port is None:
        assert inhabitant
        return _box(inhabitant, inhabitant.device, joint=_NO_CABLE)
    head = labelled(_numbered(port), [_of_port(port), _of_device(port)])
    if inhabitant is None:
        return [*head, *_stranger(port)]
    return [*head, "║", *_box(inhabitant, inhabitant.device, joint=_PLUG)]


def _of_port(port: Device) -> list[str]:
    apart = ["apart: not to the other containers"] if port.is_isolated else []
    number = f" {port.number}" if port.number else ""
    return [f"{port.kind or 'hardware'}{number}", f"a port of the bridge, {port.port_state}", *apart]


def _stranger(port: Device) -> list[str]:
    if port.kind == "vxlan":
        return ["╚══▷ the bridges of the same network on other hosts"]
    where = "in another namespace" if port.peer_is_elsewhere else "in this namespace"
    other_end = f"; its other end is device {port.peer} {where}" if port.peer else ""
    return [f"╚══▷ to no container of this network{other_end}"]


def _unplugged(inhabitant: Inhabitant) -> list[str]:
    said = f"{inhabitant.name}: the state has {', '.join(inhabitant.address_wanted)} for it, the kernel no cable"
    return [f"✗ {said}", *_box(inhabitant, inhabitant.device, joint=_NOTHING)]


def _box(inhabitant: Inhabitant, plugged: Device | None, joint: str) -> list[str]:
    """A container. The cable comes through the wall at the device that it is plugged into, which is the first."""
    inner = WIDTH - INDENT - len(joint) - len(" │")
    lines = [line for device in _devices(inhabitant, plugged) for line in _of_inside(device, inner)]
    lines += _beside(inhabitant, inner)
    walls = [joint if plugged else _NOTHING, *[_NOTHING] * (len(lines) - 1)]
    left = f"─ {inhabitant.name[:_MOST_NAME]}{DOT}{inhabitant.id[:12]}{DOT}pid {inhabitant.pid} "
    right = f" {_namespace(inhabitant.inside.inode)} ─" if inhabitant.inside else " it has ended ─"
    edge = "─" * (len("  ") + inner + len(" "))
    above = f"{joint[0].replace('╚', '║').replace('┄', ' ')}  "
    top = f"{above}┌{left}{edge[len(left) + len(right) :]}{right}┐"
    return [top, *(f"{wall}{line:{inner}} │" for wall, line in zip(walls, lines, strict=True)), f"   └{edge}┘"]


def _devices(inhabitant: Inhabitant, plugged: Device | None) -> list[Device]:
    """The one that matters first."""
    found = inhabitant.inside.devices if inhabitant.inside else []
    return sorted(found, key=lambda device: (device is not plugged, device.name == "lo", device.index))


def _of_inside(device: Device, width: int) -> list[str]:
    return labelled(_numbered(device), [_of_device(device)], width, _INNER_LABEL)


def _beside(inhabitant: Inhabitant, width: int) -> list[str]:
    inside = inhabitant.inside
    routes = [str(route) for route in inside.routes if not route.network.startswith("fe80:")] if inside else []
    asked = "answered at 127.0.0.11" if inhabitant.has_dns else "nobody answers for them at 127.0.0.11"
    names = [*inhabitant.names, asked] if inhabitant.names else []
    ports = [f"{joined(port.address, port.public)} → {port.private}/{port.protocol}" for port in inhabitant.ports]
    parts = {"routes": routes, "names": names, "ports": ports}
    return [
        line for label, pieces in parts.items() if pieces for line in labelled(label, [pieces], width, _INNER_LABEL)
    ]


# Rules -------------------------------------------------------------------------------------------------------


def _rules(rules: Rules, name: str) -> list[str]:
    if not rules.is_there:
        return [f"FIREWALL the table inet {rules.table} is not there: it is made when the first container comes"]
    lines = [f"FIREWALL table inet {rules.table}: what of it concerns {name}", "│"]
    branches = [_elements(rules)] if rules.elements else []
    branches += [_chain(chain, hook, some) for chain, hook, some in rules.chains]
    branches += [[f"✗ chain {chain} has lost the rule: {why}"] for chain, why in rules.missing]
    return lines + tree(branches)


def _elements(rules: Rules) -> list[str]:
    """What the rules look up, in which sets and maps."""
    lines = ["what the rules look up"]
    for name, element, why in rules.elements:
        lines += labelled(f"  @{name}", [[element, why]])
    return lines


def _chain(chain: str, hook: str, rules: Sequence[tuple[str, str]]) -> list[str]:
    lines = [f"chain {chain}{DOT}{hook}" if hook else f"chain {chain}{DOT}other chains jump to it"]
    return lines + [line for rule, why in rules for line in (f"  # {why}", f"  {rule}")]


# Text --------------------------------------------------------------------------------------------------------


def _of_device(device: Device) -> list[str]:
    mac = [device.mac] if device.mac.strip("0:") else []
    return [*device.addresses, *mac, f"mtu {device.mtu}", *([] if device.is_up else ["down"])]


def _numbered(device: Device) -> str:
    return f"{device.name} #{device.index}"


def _namespace(inode: int) -> str:
    return f"net:[{inode}]"


def _apart(left: str, right: str) -> str:
    return f"{left}{right:>{WIDTH - len(left)}}"
