"""Devices of the host that networks share with it: a parent, to which containers get a device of their own.

macvlan and ipvlan need no bridge, no routing and no translation: a container is on the wire that the parent is on,
beside the host, with an address of that wire's network. `-o parent=eth0` names it. `eth0.50` is the part of eth0 whose
frames carry the number 50, an 802.1Q VLAN: made where it is missing, and removed with the last network on it. Without a
parent one is made that leads nowhere: the network's containers reach each other, and nobody else. ip-link(8)
"""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.networks import naming

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json
    from minidock.networks.catalog import Network
    from minidock.networks.drivers import Definition

PARENT = "parent"
_MOST_VLANS = 4094  # 12 bits, of which none and all mean something else. IEEE 802.1Q


def check(wanted: Definition, driver: str) -> None:
    """Refuse what can be no parent. Whether it is there is asked when a container needs it: devices come and go."""
    parent = wanted.options.get(PARENT, "")
    if parent == "lo":
        raise MinidockError(f"loopback interface is not a valid {driver} parent link", hint="-o parent=eth0")
    if "." in parent:
        _check_vlan(parent)


def _check_vlan(parent: str) -> None:
    device, _, number = parent.rpartition(".")
    if "." in device or not device:
        raise MinidockError(
            f"required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received {parent}"
        )
    if not (number.isascii() and number.isdecimal()):
        raise MinidockError(f"unable to parse a valid vlan id from: {number} (ex. eth0.10 for vlan 10)")
    if not 1 <= int(number[:9]) <= _MOST_VLANS:
        raise MinidockError(f"vlan id must be between 1-{_MOST_VLANS}, received: {number}")


def is_parent(value: str) -> bool:
    return naming.is_device_name(value)


def leads_nowhere(wanted: Definition) -> bool:
    return not wanted.options.get(PARENT)


def described(network: Network, prefix: str) -> Json:
    """As the steps know it: the parent, and how it is made if it is not there: a VLAN of another device, or a dummy."""
    parent = network.options.get(PARENT) or f"{prefix}-{network.id[:12]}"
    device, dot, number = parent.rpartition(".")
    if network.options.get(PARENT):
        return {"parent": parent, **({"vlan_of": device, "vlan": int(number)} if dot else {})}
    return {"parent": parent, "dummy": True}
