"""Overlay: a bridge on each host, and between them VXLAN. What it is, and how it is known: networks/overlay/."""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.networks.addresses import V4, V6
from minidock.networks.drivers import options
from minidock.networks.drivers.options import MTU, PREFIX
from minidock.networks.overlay import access, settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.jsonfile import Json
    from minidock.networks.catalog import Network
    from minidock.networks.drivers import Definition
    from minidock.networks.drivers.options import Known

VNI = "com.docker.network.driver.overlay.vxlanid_list"  # chosen when the network is made; Docker's name for it
ENCRYPTED = "encrypted"
_USUAL_MTU = 1450  # of 1500, less what VXLAN puts in front: Ethernet, IPv4, UDP and its own header. RFC 7348 5
_OPTIONS: Known = {
    MTU: options.is_mtu,
    PREFIX: options.is_prefix,
    **dict.fromkeys(settings.OPTIONS, bool),
}


def check(wanted: Definition) -> None:
    """Refuse options that it does not take, and values that they cannot have."""
    if ENCRYPTED in wanted.options:
        raise MinidockError(
            "overlay networks of minidock are not encrypted",
            hint="let the hosts' addresses for VXLAN be those of a WireGuard network: docs/overlay.md",
        )
    options.check("overlay", wanted.options, _OPTIONS)
    for bits in (V4, V6):
        if sum(pool.subnet.bits == bits for pool in wanted.pools) > 1:
            raise MinidockError(
                "overlay driver doesn't support multiple subnets", hint="one of IPv4, and with --ipv6 one of IPv6"
            )


def fit(wanted: Definition, others: Sequence[Network]) -> None:
    """Beside any: its subnet has been compared, and its VNI is etcd's business."""


def leads_nowhere(_: Definition) -> bool:
    return False


def endpoint(network: Network, _: str) -> Json:
    """What the steps need to know of the network beyond what they need of any. To the host it is a bridge like any.
    The gateway's address is the same on each host, and each host's own: it leads out by the host that one is on."""
    return {
        "bridge": f"br-{network.id[:12]}",
        "bridge_addresses": [pool.with_length(pool.gateway) for pool in network.pools],
        "mtu": int(network.options.get(MTU, _USUAL_MTU)),
        "icc": True,
        "masquerade": True,
        "vxlan": device(network.id),
        "vni": int(network.options[VNI]),
        "vtep": network.options[settings.ADDRESS],
        "etcd": access.part(network.options),
    }


def device(network: str) -> str:
    """The VXLAN device on its bridge."""
    return f"vx-{network[:12]}"


def prefix(network: Network) -> str:
    """What a container's device is called, before its number."""
    return network.options.get(PREFIX, "eth")
