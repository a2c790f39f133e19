"""The network namespace of a container: links, addresses, routes; and how the networks are wired that it is in.

Which cable leads where is known by engine/looking/wiring.py, as `network xray` draws it. Here it becomes plain data.
"""

from __future__ import annotations

from minidock.engine.looking import wiring
from minidock.engine.looking.ports import Ports
from minidock.errors import MinidockError
from minidock.kernel import survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from minidock.engine.engine import Engine
    from minidock.engine.looking.ports import Port
    from minidock.engine.looking.wiring import Cable, Inhabitant, Rules, Wiring
    from minidock.engine.looking.xray.subject import Subject
    from minidock.jsonfile import Json
    from minidock.kernel.survey import Device, Survey

_NEIGHBOURS = "fe80:"  # routes that every device has, to whoever is on the same cable


def read(subject: Subject) -> Json:
    """What its network namespace has."""
    subject.demand_running()
    found = survey.of_process(subject.pid)
    return {
        "inode": found.inode,
        "devices": [_device(device) for device in found.devices],
        "routes": _routes(found),
        "ports": [_port(port) for port in Ports(subject.engine).of(subject.row) if port.public],
    }


def _device(device: Device) -> Json:
    return {
        "name": device.name,
        "index": device.index,
        "kind": device.kind or ("loopback" if device.name == "lo" else "hardware"),
        "mac": device.mac,
        "mtu": device.mtu,
        "up": device.is_up,
        "addresses": device.addresses,
        "peer": device.peer,
        "peer_is_elsewhere": device.peer_is_elsewhere,
    }


def _routes(found: Survey) -> list[str]:
    return [str(route) for route in found.routes if not route.network.startswith(_NEIGHBOURS)]


def _port(port: Port) -> Json:
    return {"host": port.address, "host_port": port.public, "port": port.private, "protocol": port.protocol}


# Networks -----------------------------------------------------------------------------------------------------


def networks(engine: Engine, names: Iterable[str]) -> list[Json]:
    """How these are wired; one that is removed meanwhile is left out."""
    found = []
    for name in names:
        try:
            found.append(_wiring(wiring.wiring(engine, name)))
        except (MinidockError, OSError):
            continue
    return found


def _wiring(found: Wiring) -> Json:
    network, trunk = found.network, found.trunk
    return {
        "name": network.name,
        "id": network.id,
        "driver": network.driver,
        "internal": network.internal,
        "subnets": [str(pool.subnet) for pool in network.pools],
        "trunk": _device(trunk) if trunk else None,
        "trunk_name": found.trunk_name,
        "forwarding": found.forwarding,
        "ways_out": [{"device": _device(device), "routes": routes} for device, routes in found.ways_out],
        "cables": [_cable(cable) for cable in found.cables],
        "unplugged": [_inhabitant(one) for one in found.unplugged],
        "resting": found.resting,
        "rules": _rules(found.rules) if found.rules else None,
    }


def _rules(rules: Rules) -> Json:
    """What of the firewall has to do with the network, and what of that is missing."""
    chains = [
        {"chain": name, "hook": hook, "rules": [{"rule": rule, "why": why} for rule, why in some]}
        for name, hook, some in rules.chains
    ]
    return {
        "table": rules.table,
        "is_there": rules.is_there,
        "elements": [{"set": name, "element": element, "why": why} for name, element, why in rules.elements],
        "chains": chains,
        "missing": [{"chain": chain, "why": why} for chain, why in rules.missing],
    }


def _cable(cable: Cable) -> Json:
    return {
        "port": _device(cable.port) if cable.port else None,
        "container": _inhabitant(cable.inhabitant) if cable.inhabitant else None,
    }


def _inhabitant(one: Inhabitant) -> Json:
    return {
        "name": one.name,
        "id": one.id,
        "inode": one.inside.inode if one.inside else 0,
        "device": _device(one.device) if one.device else None,
        "names": one.names,
        "has_dns": one.has_dns,
        "ports": [_port(port) for port in one.ports],
    }
