"""The subnets of a network: what was asked for, checked; or, where nothing was, some that nobody uses.

Two networks must not share addresses, or the host would not know which of them a packet is for. The same is true of
what the host reaches otherwise: a network that takes 192.168.1.0/24 takes the way to the printer. So what minidock
chooses by itself overlaps neither with another network nor with a route that the host has at that moment. What a
person asks for may overlap with a route: macvlan is for that.
"""

from __future__ import annotations

import os

from minidock.errors import MinidockError
from minidock.networks.addresses import V4, V6, Subnet, parse, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from minidock.jsonfile import Json
    from minidock.networks.addresses import Address

# Docker's: for each, the size of the subnets that it is divided into.
DEFAULT_POOLS = (*((f"172.{number}.0.0/16", 16) for number in range(17, 32)), ("192.168.0.0/16", 20))
_ROUTES, _ROUTES6 = "/proc/net/route", "/proc/net/ipv6_route"
_ULA = 64  # the bits of one IPv6 network
_INVALID = "invalid network config: "


class Pool:
    """One subnet of a network, and who has which of its addresses from the beginning."""

    def __init__(
        self,
        subnet: Subnet,
        *,
        gateway: str = "",
        ip_range: Subnet | None = None,
        aux: Mapping[str, str] | None = None,
        given: bool = False,
    ) -> None:
        self.subnet = subnet
        self.gateway = gateway  # the bridge's address; "": none
        self.ip_range = ip_range  # where addresses are given out, if not in the whole subnet
        self.aux = dict(aux or {})  # what somebody else in the network has, by name
        self.given = given  # a person has asked for it: then containers may ask for addresses in it

    @classmethod
    def from_data(cls, data: Json) -> Pool:
        ip_range = Subnet.parse(data["ip_range"]) if data["ip_range"] else None
        return cls(
            Subnet.parse(data["subnet"]),
            gateway=data["gateway"],
            ip_range=ip_range,
            aux=data["aux"],
            given=data["given"],
        )

    def as_data(self) -> Json:
        return {
            "subnet": str(self.subnet),
            "gateway": self.gateway,
            "ip_range": str(self.ip_range or ""),
            "aux": self.aux,
            "given": self.given,
        }

    @property
    def reserved(self) -> set[int]:
        """What no container gets."""
        return {parse(text)[1] for text in (self.gateway, *self.aux.values()) if text}

    def with_length(self, address: str) -> str:
        """An address as a device has it: with the length of its subnet."""
        return f"{address}/{self.subnet.length}"


# What was asked for ---------------------------------------------------------------------------------------


def wanted(
    subnets: Sequence[str],
    gateways: Sequence[str] = (),
    ip_ranges: Sequence[str] = (),
    aux_addresses: Mapping[str, str] | None = None,
) -> list[Pool]:
    """The pools that the flags of `network create` mean: each thing in the subnet that it belongs to."""
    pools: list[Pool] = []
    for text in subnets:
        pool = Pool(_exact(text, "subnet"), given=True)
        if any(pool.subnet.overlaps(other.subnet) for other in pools):
            raise MinidockError(
                "multiple overlapping subnet configuration is not supported",
                hint=f"{pool.subnet} is, in part, in another one",
            )
        pools.append(pool)
    if not pools and (gateways or ip_ranges or aux_addresses):
        raise MinidockError(
            "every ip-range or gateway must have a corresponding subnet", hint="say which by --subnet 10.20.0.0/16"
        )
    _place_ranges(pools, ip_ranges)
    _place_gateways(pools, gateways)
    _place_others(pools, aux_addresses or {})
    return pools


def _exact(text: str, what: str) -> Subnet:
    try:
        subnet = Subnet.parse(text)
    except ValueError:
        raise MinidockError(
            f"{_INVALID}invalid {what} {text}: invalid CIDR block notation",
            hint="it is an address and the number of bits that all in it share: 10.20.0.0/16",
        ) from None
    if parse(text.partition("/")[0])[1] != subnet.first:
        raise MinidockError(f"{_INVALID}invalid {what} {text}: it should be {subnet}")
    return subnet


def _place_ranges(pools: Sequence[Pool], ip_ranges: Iterable[str]) -> None:
    for text in ip_ranges:
        ip_range = _exact(text, "ip-range")
        pool = next((pool for pool in pools if pool.subnet.covers(ip_range)), None)
        if pool is None:
            raise MinidockError(f"no matching subnet for range {text}", hint=_subnets_are(pools))
        if pool.ip_range:
            both = f"({pool.ip_range}, {text}) on the same subnet ({pool.subnet})"
            raise MinidockError(f"cannot configure multiple ranges {both}")
        pool.ip_range = ip_range


def _place_gateways(pools: Sequence[Pool], gateways: Iterable[str]) -> None:
    for text in gateways:
        pool, address = _home(pools, text, f"no matching subnet for gateway {text}")
        if pool.gateway:
            both = f"({pool.gateway}, {text}) for the same subnet ({pool.subnet})"
            raise MinidockError(f"cannot configure multiple gateways {both}")
        _check_usable(pool, address, f"gateway {text}")
        pool.gateway = shown(address)


def _place_others(pools: Sequence[Pool], aux_addresses: Mapping[str, str]) -> None:
    for name, text in aux_addresses.items():
        pool, address = _home(pools, text, f"no matching subnet for aux-address {text}")
        if address[1] in pool.reserved:
            raise MinidockError("Address already in use", hint=f"{text} is another's in this network already")
        pool.aux[name] = shown(address)


def _home(pools: Iterable[Pool], text: str, complaint: str) -> tuple[Pool, Address]:
    """The pool that an address is in."""
    try:
        address = parse(text)
    except ValueError:
        raise MinidockError(f"invalid IP address: {text}", hint="it is one like 10.20.0.1 or fd00::1") from None
    for pool in pools:
        if address in pool.subnet:
            return pool, address
    raise MinidockError(complaint, hint=_subnets_are(pools))


def _subnets_are(pools: Iterable[Pool]) -> str:
    return f"the subnets are {', '.join(str(pool.subnet) for pool in pools)}"


def _check_usable(pool: Pool, address: Address, what: str) -> None:
    if address[1] not in pool.subnet.usable:
        raise MinidockError(
            f"{_INVALID}invalid {what}: no device can have this address",
            hint=f"the first and the last address of {pool.subnet} mean the subnet itself, and all in it",
        )


def choose_gateway(pool: Pool) -> None:
    """The first address that is nobody's, if nothing was said: of the range, where there is one, as in Docker."""
    if not pool.gateway:
        reserved = pool.reserved
        free = (value for value in candidates(pool) if value not in reserved)
        value = next(free, None)
        if value is None:
            raise MinidockError(f"no address of {pool.subnet} is left for the gateway")
        pool.gateway = shown((pool.subnet.bits, value))


def candidates(pool: Pool) -> range:
    """The addresses that are given out, in order."""
    usable = pool.subnet.usable
    if pool.ip_range is None:
        return usable
    return range(max(usable.start, pool.ip_range.first), min(usable.stop, pool.ip_range.last + 1))


# What is taken --------------------------------------------------------------------------------------------


def check_free(pools: Iterable[Pool], taken: Mapping[str, Sequence[Pool]]) -> None:
    """Refuse what overlaps with another network. `taken`: by the network's name."""
    for pool in pools:
        for name, others in taken.items():
            for other in others:
                if pool.subnet.overlaps(other.subnet):
                    raise MinidockError(
                        "invalid pool request: Pool overlaps with other one on this address space: "
                        f"{pool.subnet} with {other.subnet} of network {name}",
                        hint=f"choose another --subnet, or remove it: minidock network rm {name}",
                    )


def host_routes() -> list[Subnet]:
    """What the host reaches without asking a router for everything: its routes but the default ones. proc(5)"""
    return [*_routes(_ROUTES, _ipv4_route), *_routes(_ROUTES6, _ipv6_route)]


def _routes(path: str, read: Callable[[list[str]], Subnet | None]) -> list[Subnet]:
    try:
        with open(path) as file:
            rows = [line.split() for line in file]
    except FileNotFoundError:  # no IPv6 here
        return []
    return [route for row in rows if (route := read(row)) and route.length]


def _ipv4_route(row: list[str]) -> Subnet | None:
    """Address and mask are written as the numbers they are in memory: on most machines, the wrong way round."""
    if not row or row[0] == "Iface":
        return None
    destination, mask = (int.from_bytes(bytes.fromhex(row[index]), _ORDER) for index in (1, 7))
    return Subnet((V4, destination), mask.bit_count())


def _ipv6_route(row: list[str]) -> Subnet:
    return Subnet((V6, int(row[0], 16)), int(row[1], 16))


_ORDER: Endianness = "little" if memoryview(b"\1\0").cast("H")[0] == 1 else "big"


# What is chosen -------------------------------------------------------------------------------------------


def chosen(taken: Sequence[Subnet]) -> Pool:
    """The first of the default pools' subnets that overlaps with nothing."""
    for text, length in DEFAULT_POOLS:
        whole = Subnet.parse(text)
        for first in whole.pieces(length):
            subnet = Subnet((V4, first), length)
            if not any(subnet.overlaps(other) for other in taken):
                return Pool(subnet)
    raise MinidockError(
        "all predefined address pools have been fully subnetted",
        hint="choose one by --subnet, or remove what is not needed: minidock network prune",
    )


def chosen6(taken: Sequence[Subnet]) -> Pool:
    """A network of unique local addresses: a prefix that nobody else is likely to have, by chance. RFC 4193"""
    while True:
        prefix = int.from_bytes(b"\xfd" + os.urandom(7), "big") << _ULA
        subnet = Subnet((V6, prefix), _ULA)
        if not any(subnet.overlaps(other) for other in taken):
            return Pool(subnet)


if TYPE_CHECKING:
    from typing import Literal

    Endianness = Literal["little", "big"]
