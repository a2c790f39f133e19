"""Addresses in overlay networks: each is claimed, in etcd, by one container of one host.

A claim is a transaction: "if nobody has this address, it is mine". Of two hosts that want the same one, etcd lets one
have it, and the other looks for the next. The claim names the process that made it, so that the keeper, which gives
back what no container has any more, leaves alone what a command has claimed a moment ago for one that is not there yet.

Only a host that lives claims. The first container of a host comes before its keeper, which will say so from then on; so
whoever claims says it too, for the time that it takes to begin.
"""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.networks import subnets
from minidock.networks.addresses import V4, V6, parse, shown
from minidock.networks.addressing import mac_of
from minidock.networks.overlay import records
from minidock.networks.overlay.etcd import Transaction
from minidock.networks.overlay.records import Endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from minidock.jsonfile import Json
    from minidock.networks.catalog import Network
    from minidock.networks.overlay.etcd import Etcd, Found
    from minidock.networks.subnets import Pool

LEASE = 10  # seconds that a host is believed to live after it was last heard
_FIELDS = {V4: "ipv4", V6: "ipv6"}


class Claimant:
    """A container that wants addresses, and where it is."""

    def __init__(self, *, host: str, vtep: str, container: str, names: Sequence[str], owner: str) -> None:
        self.host = host
        self.vtep = vtep
        self.container = container
        self.names = names
        self.owner = owner

    def endpoint(self, network: str, address: str, mac: str) -> Endpoint:
        return Endpoint(
            network,
            address,
            host=self.host,
            vtep=self.vtep,
            container=self.container,
            mac=mac,
            names=self.names,
            owner=self.owner,
        )


def claim(
    etcd: Etcd,
    network: Network,
    who: Claimant,
    wishes: Json,
    *,
    last: Sequence[str] = (),
    is_used: Callable[[Endpoint], bool] = bool,
) -> list[Endpoint]:
    """One address of each kind that the network has: the one wished for, or had last, or the first free one.

    `is_used`: whether a container of this host really has what is claimed for it.
    """
    claimed: list[Endpoint] = []
    mac = wishes.get("mac") or ""
    try:
        for bits, field in _FIELDS.items():
            if pools := [pool for pool in network.pools if pool.subnet.bits == bits]:
                search = _Search(etcd, network, pools, who, is_used)
                claimed.append(search.claim(wishes.get(field) or "", last, mac))
                mac = claimed[0].mac
    except MinidockError:
        release(etcd, claimed)
        raise
    return claimed


def live(etcd: Etcd, host: str) -> None:
    """Say that this host lives, for some seconds from now."""
    lease = etcd.ask("lease/grant", {"TTL": str(LEASE)})["ID"]
    etcd.commit(Transaction().put(records.host_key(host), "", lease))


def release(etcd: Etcd, claimed: Sequence[Endpoint]) -> None:
    """Give addresses back, those that are still held as they were claimed."""
    for endpoint in claimed:
        found = etcd.get(endpoint.key)
        if found and is_same(Endpoint.read(found.key, found.value), endpoint):
            etcd.commit(Transaction().if_unchanged(found.key, found.revision).delete(found.key))


def is_same(found: Endpoint | None, endpoint: Endpoint) -> bool:
    """Whether an address is held for the same container of the same host."""
    return found is not None and (found.host, found.container) == (endpoint.host, endpoint.container)


class _Search:
    """For one address, of one kind."""

    def __init__(
        self, etcd: Etcd, network: Network, pools: list[Pool], who: Claimant, is_used: Callable[[Endpoint], bool]
    ) -> None:
        self._etcd = etcd
        self._network = network
        self._pools = pools
        self._who = who
        self._is_used = is_used
        self._found: dict[str, Found] = {}
        self._picture = records.Picture()

    def claim(self, wish: str, last: Sequence[str], mac: str) -> Endpoint:
        """Try until it is done: each attempt that fails is somebody else's success."""
        while True:
            self._look()
            if self._who.host not in self._picture.hosts:
                live(self._etcd, self._who.host)
            address = self._wished(wish) if wish else self._choice(last)
            endpoint = self._who.endpoint(self._network.id, address, mac or mac_of(address))
            if self._etcd.commit(self._transaction(endpoint)):
                return endpoint

    def _look(self) -> None:
        """At who lives, and who has which address."""
        network = self._network
        found = self._etcd.below(records.network_key(network.id), records.HOSTS, records.endpoints_of(network.id))
        self._found = {pair.key: pair for pair in found}
        if records.network_key(network.id) not in self._found:
            raise MinidockError(
                f"network {network.name} not found in etcd",
                hint=f"another host has removed it; minidock network rm {network.name} forgets it here as well",
            )
        self._picture = records.Picture()
        for pair in found:
            self._picture.put(pair.key, pair.value)

    def _transaction(self, endpoint: Endpoint) -> Transaction:
        """What a host that is gone had is taken only if it is still gone."""
        found = self._found.get(endpoint.key)
        wanted = Transaction().if_present(records.network_key(endpoint.network))
        wanted.if_unchanged(endpoint.key, found.revision if found else "0").put(endpoint.key, endpoint.written())
        holder = self._holder(endpoint.address)
        if holder and holder.host != self._who.host:
            wanted.if_absent(records.host_key(holder.host))
        return wanted

    def _holder(self, address: str) -> Endpoint | None:
        return self._picture.endpoints.get(records.endpoint_key(self._network.id, address))

    def _is_free(self, address: str) -> bool:
        """What this host's own containers left behind is free as well."""
        holder = self._holder(address)
        if holder is None:
            return records.endpoint_key(self._network.id, address) not in self._found
        if holder.host != self._who.host:
            return False
        return holder.container == self._who.container or not self._is_used(holder)

    def _is_abandoned(self, address: str) -> bool:
        holder = self._holder(address)
        return holder is not None and holder.host not in {*self._picture.hosts, self._who.host}

    def _wished(self, wish: str) -> str:
        address = shown(parse(wish))
        if self._is_free(address) or self._is_abandoned(address):
            return address
        holder = self._holder(address)
        whose = f"{holder.names[0]} on {holder.vtep}" if holder and holder.names else "somebody else"
        raise MinidockError("Address already in use", hint=f"{address} is that of {whose}")

    def _choice(self, last: Sequence[str]) -> str:
        """What a host that is gone had comes last: it may come back. Of IPv6 there are too many to make a list."""
        for address in last:
            if self._is_offered(address) and self._is_free(address):
                return address
        for address in self._candidates():
            if self._is_free(address):
                return address
        for holder in self._picture.in_network(self._network.id):
            if self._is_offered(holder.address) and self._is_abandoned(holder.address):
                return holder.address
        name, version = self._network.name, 4 if self._pools[0].subnet.bits == V4 else 6
        raise MinidockError(
            f"no available IPv{version} addresses on this network's address pools: {name} ({self._network.id})",
            hint="stop containers in it, on any host, or make a larger network",
        )

    def _candidates(self) -> Iterator[str]:
        for pool in self._pools:
            reserved = pool.reserved
            for value in subnets.candidates(pool):
                if value not in reserved:
                    yield shown((pool.subnet.bits, value))

    def _is_offered(self, address: str) -> bool:
        parsed = parse(address)
        return any(
            parsed in pool.subnet and parsed[1] in subnets.candidates(pool) and parsed[1] not in pool.reserved
            for pool in self._pools
        )
