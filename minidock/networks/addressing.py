"""Giving out addresses: to each container that starts those it asked for, or the first that are nobody's.

This is part of the transaction that claims the start. So of many starts at once each sees what those before it got.
An address is taken while its container is active, which is a question to the state: nobody gives one back, and so
nobody, killed at the wrong moment, can fail to.
"""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.networks import catalog, endpoints, subnets
from minidock.networks.addresses import V4, V6, is_address, parse, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

    from minidock.jsonfile import Json
    from minidock.networks.catalog import Network
    from minidock.networks.endpoints import Endpoint
    from minidock.networks.subnets import Pool
    from minidock.state.database import Change

    Attachment = tuple[Network, Endpoint]
    Claimed = Mapping[str, Sequence[str]]  # addresses, by the network

_NOTHING: dict[str, Sequence[str]] = {}
_FIELDS = {V4: "ipv4", V6: "ipv6"}
_LINK_LOCAL = {V4: 16, V6: 64}  # the lengths of 169.254.0.0/16 and of fe80::/64
_LOCAL_MAC = "02:42"  # administered by whoever made it up, and Docker's beginning of all


def give_out(change: Change, container_id: str, claimed: Claimed = _NOTHING) -> list[Attachment]:
    """For a container that has just been claimed for its start: its networks, and what it has in each. `claimed`: what
    it was given before, in networks of several hosts."""
    found = []
    for slot, endpoint in enumerate(endpoints.of(change, container_id)):
        network = _network(change, endpoint)
        endpoint.slot = slot
        assign(change, network, endpoint, claimed)
        found.append((network, endpoint))
    return found


def _network(change: Change, endpoint: Endpoint) -> Network:
    """By its id; if that is gone, the one that has its name now."""
    return catalog.by_id(change, endpoint.network) or catalog.find(change, endpoint.name)


def assign(change: Change, network: Network, endpoint: Endpoint, claimed: Claimed = _NOTHING) -> None:
    """What an endpoint has in its network, from now on."""
    check(network, endpoint.wishes)
    if network.driver == "overlay":
        _note(network, endpoint, claimed)
    else:
        _choose(change, network, endpoint)
    endpoint.mac = endpoint.wishes.get("mac") or mac_of(endpoint.addresses[0])
    endpoints.save(change, endpoint, network.id)


def _note(network: Network, endpoint: Endpoint, claimed: Claimed) -> None:
    """It was given out before the transaction, which must not wait for another host."""
    if network.id not in claimed:
        raise MinidockError(f"network {network.name} was removed, and made again, a moment ago", hint="try again")
    found = {parse(address)[0]: address for address in claimed[network.id]}
    endpoint.ipv4, endpoint.ipv6 = found.get(V4, ""), found.get(V6, "")


def _choose(change: Change, network: Network, endpoint: Endpoint) -> None:
    taken = _taken(change, network, endpoint)
    for bits, field in _FIELDS.items():
        pools = [pool for pool in network.pools if pool.subnet.bits == bits]
        address = _address(change, network, endpoint, field, pools, taken) if pools else ""
        setattr(endpoint, field, address)


def imagine(root: str, network: Network, endpoint: Endpoint) -> None:
    """What it would be given now. Nothing is written down, and nobody asked."""
    from minidock.state import glance

    taken = {address for row in glance.rows(root, endpoints.TAKEN) if row[0] == network.id for address in row[1:]}
    for pool in network.pools:
        field = _FIELDS[pool.subnet.bits]
        numbers = {parse(address)[1] for address in taken if address}
        wish = endpoint.wishes.get(field)
        if not getattr(endpoint, field):
            setattr(endpoint, field, wish or _first_free(pool, numbers))
    endpoint.mac = endpoint.wishes.get("mac") or mac_of(endpoint.addresses[0])


def _taken(change: Change, network: Network, endpoint: Endpoint) -> Set[str]:
    others = (other for other in endpoints.active(change, network.id) if other.container != endpoint.container)
    return {address for other in others for address in other.addresses}


def _address(
    change: Change, network: Network, endpoint: Endpoint, field: str, pools: list[Pool], taken: Set[str]
) -> str:
    """The one that was asked for, else the one it had last, if that is free, else the first free one."""
    wish = endpoint.wishes.get(field)
    if wish:
        address = shown(parse(wish))
        if address in taken or any(parse(address)[1] in pool.reserved for pool in pools):
            raise MinidockError("Address already in use", hint=_whose(change, network, endpoint, address))
        return address
    last = getattr(endpoint, field)
    if last and last not in taken and any(_may_give(pool, last) for pool in pools):
        return str(last)
    numbers = {parse(address)[1] for address in taken}
    for pool in pools:
        if found := _first_free(pool, numbers):
            return found
    raise MinidockError(
        f"no available IPv{field[-1]} addresses on this network's address pools: {network.name} ({network.id})",
        hint="stop containers in it, or make a larger network",
    )


def _may_give(pool: Pool, address: str) -> bool:
    parsed = parse(address)
    return parsed in pool.subnet and parsed[1] in subnets.candidates(pool) and parsed[1] not in pool.reserved


def _first_free(pool: Pool, taken: Set[int]) -> str:
    reserved = pool.reserved
    for value in subnets.candidates(pool):
        if value not in taken and value not in reserved:
            return shown((pool.subnet.bits, value))
    return ""


def _whose(change: Change, network: Network, endpoint: Endpoint, address: str) -> str:
    for other in endpoints.active(change, network.id):
        if address in other.addresses and other.container != endpoint.container:  # which had it last, perhaps
            rows = change.rows("SELECT name FROM containers WHERE id = ?", other.container)
            return f"{address} is that of container {rows[0][0]}"
    return f"{address} is the gateway's of network {network.name}, or kept for somebody else"


# What may be asked for ------------------------------------------------------------------------------------


def check(network: Network, wishes: Json) -> None:
    """Refuse what this network cannot give: when a container is made or connected, so before anything exists."""
    for bits, field in _FIELDS.items():
        if wish := wishes.get(field):
            _check_address(network, bits, wish)
    if wishes.get("aliases") and network.is_builtin:
        raise _invalid(network, "network-scoped alias is supported only for containers in user defined networks")
    for text in wishes.get("link_local") or ():
        if not is_address(text):
            raise _invalid(network, f"invalid link-local IP address: {text}")
    if wishes.get("mac"):
        check_mac(wishes["mac"])


def _check_address(network: Network, bits: int, wish: str) -> None:
    if not is_address(wish, bits):
        raise _invalid(network, f"invalid IPv{4 if bits == V4 else 6} address: {wish}")
    if network.is_builtin:
        raise _invalid(network, "user specified IP address is supported on user defined networks only")
    pools = [pool for pool in network.pools if pool.given and pool.subnet.bits == bits]
    if not pools:
        raise _invalid(
            network,
            "user specified IP address is supported only when connecting to networks with user configured subnets",
        )
    address = parse(wish)
    if not any(address in pool.subnet and address[1] in pool.subnet.usable for pool in pools):
        which = ", ".join(str(pool.subnet) for pool in pools)
        raise _invalid(
            network, f"no configured subnet or ip-range contain the IP address {wish}", f"its addresses are in {which}"
        )


def _invalid(network: Network, why: str, hint: str = "minidock network create --subnet makes one") -> MinidockError:
    return MinidockError(f"invalid config for network {network.name}: invalid endpoint settings: {why}", hint=hint)


def check_mac(text: str) -> None:
    """Six bytes. One whose first is odd stands for many devices, and none can have it. IEEE 802"""
    parts = text.split(":")
    if [len(part) for part in parts] != [2] * 6 or any(part.strip("0123456789abcdefABCDEF") for part in parts):
        raise MinidockError(f"invalid MAC address: {text}", hint="it is one like 02:42:ac:11:00:02")
    if int(parts[0], 16) & 1 or not any(int(part, 16) for part in parts):
        raise MinidockError(f"invalid MAC address: {text}: no single device can have it", hint="its first byte is even")


# What follows from it -------------------------------------------------------------------------------------


def mac_of(address: str) -> str:
    """From the address, so that neighbours who remember who had it remember right also when another has it."""
    value = parse(address)[1]
    return ":".join([_LOCAL_MAC, *(f"{byte:02x}" for byte in (value & 0xFFFFFFFF).to_bytes(4, "big"))])


def with_lengths(network: Network, endpoint: Endpoint) -> list[str]:
    """Its addresses as its device has them."""
    found = [_with_length(network, address) for address in endpoint.addresses]
    return found + [f"{text}/{_LINK_LOCAL[parse(text)[0]]}" for text in endpoint.wishes.get("link_local") or ()]


def _with_length(network: Network, address: str) -> str:
    return next(pool.with_length(address) for pool in network.pools if parse(address) in pool.subnet)


def gateways(network: Network, endpoint: Endpoint) -> list[str]:
    """The ways out of its network: one for each kind of address that it has."""
    found = []
    for address in endpoint.addresses:
        pool = next(pool for pool in network.pools if parse(address) in pool.subnet)
        found += [pool.gateway] if pool.gateway else []
    return found
