"""The options of a network, `-o NAME=VALUE`: which a driver takes, and what each can be."""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.networks import naming

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Known = Mapping[str, Callable[[str], bool]]  # what a value must be, by the option's name

MTU = "com.docker.network.driver.mtu"
PREFIX = "com.docker.network.container_iface_prefix"
TRUE, FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")
_SMALLEST_MTU, _LARGEST_MTU = 68, 65535  # ETH_MIN_MTU, ETH_MAX_MTU
_NUMBER_LENGTH = 3  # of a device's number, after its prefix


def check(driver: str, options: Mapping[str, str], known: Known) -> None:
    """Refuse options that a driver does not take, and values that they cannot have."""
    for name, value in options.items():
        if name not in known:
            takes = ", ".join(sorted(known))
            raise MinidockError(f"unknown option of driver {driver}: {name}", hint=f"it takes {takes}")
        if not known[name](value):
            raise MinidockError(f"invalid value for option {name}: {value!r}")


def is_truth(value: str) -> bool:
    return value in TRUE + FALSE


def is_mtu(value: str) -> bool:
    return value.isascii() and value.isdecimal() and _SMALLEST_MTU <= int(value[:9]) <= _LARGEST_MTU


def is_prefix(value: str) -> bool:
    """Of a device's name."""
    return naming.is_device_name(value + "0" * _NUMBER_LENGTH)
