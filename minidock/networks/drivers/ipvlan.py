"""Ipvlan: a container's device is on the host's own wire, with the parent's MAC and an address of its own.

So it works where only one MAC is let onto a wire, as in clouds and on wireless links. In the mode `l2` a container
speaks to its network as any machine there does, ARP and all. In `l3` and `l3s` the parent is its router: it has no
neighbours, needs no gateway, and whoever is to reach it needs a route by way of this host; `l3s` passes the host's
firewall as well.
https://docs.kernel.org/networking/ipvlan.html
"""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.networks.drivers import options, parents
from minidock.networks.drivers.options import MTU, PREFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.jsonfile import Json
    from minidock.networks.catalog import Network
    from minidock.networks.drivers import Definition
    from minidock.networks.drivers.options import Known

MODE, FLAG = "ipvlan_mode", "ipvlan_flag"
_L2 = "l2"
_MODES = (_L2, "l3", "l3s")
_BRIDGE = "bridge"
_FLAGS = (_BRIDGE, "private", "vepa")
_OPTIONS: Known = {
    parents.PARENT: parents.is_parent,
    MODE: lambda _: True,  # refused below, in Docker's words
    FLAG: lambda _: True,
    MTU: options.is_mtu,
    PREFIX: options.is_prefix,
}


def check(wanted: Definition) -> None:
    """Refuse options that it does not take, and values that they cannot have."""
    options.check("ipvlan", wanted.options, _OPTIONS)
    mode, flag = wanted.options.get(MODE) or _L2, wanted.options.get(FLAG) or _BRIDGE
    if mode not in _MODES:
        raise MinidockError(
            f"requested ipvlan mode '{mode}' is not valid, 'l2' mode is the ipvlan driver default",
            hint=f"it is one of {', '.join(_MODES)}",
        )
    if flag not in _FLAGS:
        raise MinidockError(
            f"requested ipvlan flag '{flag}' is not valid, 'bridge' is the ipvlan driver default",
            hint=f"it is one of {', '.join(_FLAGS)}",
        )
    parents.check(wanted, "ipvlan")


def fit(wanted: Definition, others: Sequence[Network]) -> None:
    """All devices on one parent have one mode, and one network: the kernel keeps the mode with the parent."""
    parent = wanted.options.get(parents.PARENT)
    for other in others:
        if parent and other.driver == "ipvlan" and other.options.get(parents.PARENT) == parent:
            raise MinidockError(
                f"network {other.name} is already using parent interface {parent}",
                hint=f"minidock network inspect {other.name} shows it; a VLAN is another parent: -o parent=eth0.50",
            )


def leads_nowhere(wanted: Definition) -> bool:
    return parents.leads_nowhere(wanted)


def endpoint(network: Network, _: str) -> Json:
    """What the steps need to know of the network beyond what they need of any."""
    return {
        **parents.described(network, "di"),
        "mode": network.options.get(MODE) or _L2,
        "flag": network.options.get(FLAG) or _BRIDGE,
        "mtu": int(network.options.get(MTU, "0")),  # 0: the parent's
        "by_device": (network.options.get(MODE) or _L2) != _L2,  # there is no gateway to be asked for
    }


def prefix(network: Network) -> str:
    """What a container's device is called, before its number."""
    return network.options.get(PREFIX, "eth")
