"""Devices of the host that networks share with it: a parent, to which containers get a device of their own.

macvlan and ipvlan need no bridge, no routing and no translation: a container is on the wire that the parent is on,
beside the host, with an address of that wire's network. `-o parent=eth0` names it. `eth0.50` is the part of eth0 whose
frames carry the number 50, an 802.1Q VLAN: made where it is missing, and removed with the last network on it. Without a
parent one is made that leads nowhere: the network's containers reach each other, and nobody else. ip-link(8)
"""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.kernel import interfaces
from minidock.networks import naming

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from minidock.jsonfile import Json
    from minidock.networks.catalog import Network
    from minidock.networks.drivers import Definition

PARENT = "parent"
_LOOK = "ip link shows the devices that it has"
_MOST_VLANS = 4094  # 12 bits, of which none and all mean something else. IEEE 802.1Q


def check(wanted: Definition, driver: str) -> None:
    """Refuse what can be no parent, or is not there."""
    parent = wanted.options.get(PARENT, "")
    if parent == "lo":
        raise MinidockError(f"loopback interface is not a valid {driver} parent link", hint="-o parent=eth0")
    if parent and not interfaces.exists(parent):
        _check_vlan(parent)


def _check_vlan(parent: str) -> None:
    """What is not there must be one that can be made."""
    device, dot, number = parent.rpartition(".")
    if not dot:
        raise MinidockError(f"-o parent interface was not found on the host: {parent}", hint=_LOOK)
    if "." in device or not device:
        raise MinidockError(
            f"required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received {parent}"
        )
    if not (number.isascii() and number.isdecimal()):
        raise MinidockError(f"unable to parse a valid vlan id from: {number} (ex. eth0.10 for vlan 10)")
    if not 1 <= int(number[:9]) <= _MOST_VLANS:
        raise MinidockError(f"vlan id must be between 1-{_MOST_VLANS}, received: {number}")
    if not interfaces.exists(device):
        raise MinidockError(f"-o parent interface was not found on the host: {device}", hint=_LOOK)


def is_parent(value: str) -> bool:
    return naming.is_device_name(value)


def leads_nowhere(wanted: Definition) -> bool:
    return not wanted.options.get(PARENT)


def described(network: Network, prefix: str) -> Json:
    """As the steps know it: the parent, and how it is made if it is not there: a VLAN of another device, or a dummy."""
    parent = network.options.get(PARENT) or f"{prefix}-{network.id[:12]}"
    device, _, number = parent.rpartition(".")
    if network.options.get(PARENT):
        return {"parent": parent, **({"vlan_of": device, "vlan": int(number)} if device and number.isdecimal() else {})}
    return {"parent": parent, "dummy": True}


def is_shared(network: Network, others: Iterable[Network]) -> bool:
    """Whether another network is on the same parent."""
    parent = network.options.get(PARENT)
    return bool(parent) and any(other.id != network.id and other.options.get(PARENT) == parent for other in others)
