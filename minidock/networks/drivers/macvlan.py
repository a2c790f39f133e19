"""Macvlan: a container's device is on the host's own wire, with a MAC of its own, as if it were another machine there.

The modes say what containers on one parent are to each other: in `bridge` they reach each other directly; in `private`
not at all; in `vepa` by a switch outside that sends back what came from it; `passthru` gives the parent to one alone.
The host itself is reached in none of them: a frame that leaves by the parent does not come back. ip-link(8)
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

MODE = "macvlan_mode"
_BRIDGE, _PASSTHRU = "bridge", "passthru"
_MODES = (_BRIDGE, "private", "vepa", _PASSTHRU)
_OPTIONS: Known = {
    parents.PARENT: parents.is_parent,
    MODE: lambda _: True,  # refused below, in Docker's words
    MTU: options.is_mtu,
    PREFIX: options.is_prefix,
}


def check(wanted: Definition) -> None:
    """Refuse options that it does not take, and values that they cannot have."""
    options.check("macvlan", wanted.options, _OPTIONS)
    mode = wanted.options.get(MODE) or _BRIDGE
    if mode not in _MODES:
        raise MinidockError(
            f"requested macvlan mode '{mode}' is not valid, 'bridge' mode is the macvlan driver default",
            hint=f"it is one of {', '.join(_MODES)}",
        )
    parents.check(wanted, "macvlan")


def fit(wanted: Definition, others: Sequence[Network]) -> None:
    """Several networks may be on one parent, unless one has it to itself."""
    for other in others:
        if other.driver == "macvlan" and _shares(wanted, other):
            if wanted.options.get(MODE) == _PASSTHRU:
                raise MinidockError(
                    f"cannot use mode passthru, macvlan network {other.name} is already using parent interface "
                    f"{wanted.options[parents.PARENT]}"
                )
            if other.options.get(MODE) == _PASSTHRU:
                raise MinidockError(
                    f"macvlan network {other.name} is already using parent interface "
                    f"{wanted.options[parents.PARENT]} in mode passthru"
                )


def _shares(wanted: Definition, other: Network) -> bool:
    parent = wanted.options.get(parents.PARENT)
    return bool(parent) and other.options.get(parents.PARENT) == parent


def leads_nowhere(wanted: Definition) -> bool:
    return parents.leads_nowhere(wanted)


def endpoint(network: Network, _: str) -> Json:
    """What the steps need to know of the network beyond what they need of any."""
    return {
        **parents.described(network, "dm"),
        "mode": network.options.get(MODE) or _BRIDGE,
        "mtu": int(network.options.get(MTU, "0")),  # 0: the parent's
    }


def prefix(network: Network) -> str:
    """What a container's device is called, before its number."""
    return network.options.get(PREFIX, "eth")
