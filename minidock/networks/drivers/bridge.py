"""Bridge: a switch in the kernel, to which each container is connected by a veth pair. bridge(8), veth(4)"""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.networks import devices, naming
from minidock.networks.addresses import V4, V6, is_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from minidock.jsonfile import Json
    from minidock.networks.catalog import Network
    from minidock.networks.drivers import Definition

_BRIDGE = "com.docker.network.bridge."
NAME = devices.BRIDGE_NAME
MASQUERADE = f"{_BRIDGE}enable_ip_masquerade"
ICC = f"{_BRIDGE}enable_icc"
BINDING = f"{_BRIDGE}host_binding_ipv4"
DEFAULT_BRIDGE = f"{_BRIDGE}default_bridge"
MTU = "com.docker.network.driver.mtu"
PREFIX = "com.docker.network.container_iface_prefix"
_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")
_USUAL_MTU = 1500
_SMALLEST_MTU, _LARGEST_MTU = 68, 65535  # ETH_MIN_MTU, ETH_MAX_MTU
_NUMBER_LENGTH = 3  # of a device's number, after its prefix


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
    for name, value in wanted.options.items():
        if name not in _OPTIONS:
            raise MinidockError(
                f"unknown option of driver bridge: {name}", hint=f"it takes {', '.join(sorted(_OPTIONS))}"
            )
        if not _OPTIONS[name](value):
            raise MinidockError(f"invalid value for option {name}: {value!r}")
    for bits in (V4, V6):
        if sum(pool.subnet.bits == bits for pool in wanted.pools) > 1:
            raise MinidockError(
                "bridge driver doesn't support multiple subnets", hint="one of IPv4, and with --ipv6 one of IPv6"
            )


def endpoint(network: Network, root: str) -> Json:
    """What the steps need to know of the network beyond what they need of any."""
    options = network.options
    return {
        "bridge": bridge_name(network, root),
        "bridge_addresses": [pool.with_length(pool.gateway) for pool in network.pools],
        "mtu": int(options.get(MTU, _USUAL_MTU)),
        "icc": options.get(ICC, "true") in _TRUE,
        "masquerade": options.get(MASQUERADE, "true") in _TRUE,
    }


def bridge_name(network: Network, root: str) -> str:
    """The default one follows from the root, whatever is written down: a root may be moved."""
    return devices.default_bridge(root) if network.is_builtin else devices.bridge(network.id, network.options)


def prefix(network: Network) -> str:
    """What a container's device is called, before its number."""
    return network.options.get(PREFIX, "eth")


def _is_truth(value: str) -> bool:
    return value in _TRUE + _FALSE


def _is_mtu(value: str) -> bool:
    return value.isascii() and value.isdecimal() and _SMALLEST_MTU <= int(value[:9]) <= _LARGEST_MTU


_OPTIONS: dict[str, Callable[[str], bool]] = {
    NAME: naming.is_device_name,
    MASQUERADE: _is_truth,
    ICC: _is_truth,
    BINDING: lambda value: is_address(value, V4),
    MTU: _is_mtu,
    PREFIX: lambda value: naming.is_device_name(value + "0" * _NUMBER_LENGTH),
}
