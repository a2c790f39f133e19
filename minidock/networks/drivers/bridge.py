"""Bridge: a switch in the kernel, to which each container is connected by a veth pair. bridge(8), veth(4)"""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.networks import devices, naming
from minidock.networks.addresses import V4, V6, is_address
from minidock.networks.drivers import options
from minidock.networks.drivers.options import MTU, PREFIX, TRUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.jsonfile import Json
    from minidock.networks.catalog import Network
    from minidock.networks.drivers import Definition
    from minidock.networks.drivers.options import Known

_BRIDGE = "com.docker.network.bridge."
NAME = devices.BRIDGE_NAME
MASQUERADE = f"{_BRIDGE}enable_ip_masquerade"
ICC = f"{_BRIDGE}enable_icc"
BINDING = f"{_BRIDGE}host_binding_ipv4"
DEFAULT_BRIDGE = f"{_BRIDGE}default_bridge"
_USUAL_MTU = 1500


def default_options(root: str) -> dict[str, str]:
    """Of the bridge that everybody has, all of them, as Docker shows them."""
    return {
        DEFAULT_BRIDGE: "true",
        ICC: "true",
        MASQUERADE: "true",
        BINDING: "0.0.0.0",
        NAME: devices.default_bridge(root),
        MTU: str(_USUAL_MTU),
    }


def check(wanted: Definition) -> None:
    """Refuse options that it does not take, and values that they cannot have."""
    options.check("bridge", wanted.options, _OPTIONS)
    for bits in (V4, V6):
        if sum(pool.subnet.bits == bits for pool in wanted.pools) > 1:
            raise MinidockError(
                "bridge driver doesn't support multiple subnets", hint="one of IPv4, and with --ipv6 one of IPv6"
            )


def leads_nowhere(_: Definition) -> bool:
    return False


def fit(wanted: Definition, others: Sequence[Network]) -> None:
    """Two networks on one bridge would be one network."""
    name = wanted.options.get(NAME)
    for other in others:
        if name and other.options.get(NAME) == name:
            raise MinidockError(
                f"network {wanted.name} conflicts with network {other.id} ({other.name}): already using bridge {name}"
            )


def endpoint(network: Network, root: str) -> Json:
    """What the steps need to know of the network beyond what they need of any."""
    said = network.options
    return {
        "bridge": bridge_name(network, root),
        "bridge_addresses": [pool.with_length(pool.gateway) for pool in network.pools],
        "mtu": int(said.get(MTU, _USUAL_MTU)),
        "icc": said.get(ICC, "true") in TRUE,
        "masquerade": said.get(MASQUERADE, "true") in TRUE,
    }


def bridge_name(network: Network, root: str) -> str:
    """The default one follows from the root, whatever is written down: a root may be moved."""
    return devices.default_bridge(root) if network.is_builtin else devices.bridge(network.id, network.options)


def prefix(network: Network) -> str:
    """What a container's device is called, before its number."""
    return network.options.get(PREFIX, "eth")


_OPTIONS: Known = {
    NAME: naming.is_device_name,
    MASQUERADE: options.is_truth,
    ICC: options.is_truth,
    BINDING: lambda value: is_address(value, V4),
    MTU: options.is_mtu,
    PREFIX: options.is_prefix,
}
