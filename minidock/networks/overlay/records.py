"""What is written down in etcd, and under which keys.

    /minidock/serial                        changes with each network that is made: so its maker has seen all others
    /minidock/networks/ID                   a network: its name, VNI, subnets, options
    /minidock/hosts/HOST                    a host that lives; the key goes, by a lease, when nothing is heard of it
    /minidock/endpoints/NETWORK/ADDRESS     who has an address: which container, on which host, where that host is

An endpoint has no lease. A container goes on when its host loses etcd, or its keeper, and so do the frames to it and
its right to its address; what goes is its name, since nobody vouches for it. So a broken etcd breaks no connection.
"""

from __future__ import annotations

from minidock import jsonfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


EVERYTHING = "/minidock/"
SERIAL = f"{EVERYTHING}serial"
NETWORKS = f"{EVERYTHING}networks/"
HOSTS = f"{EVERYTHING}hosts/"
ENDPOINTS = f"{EVERYTHING}endpoints/"


def network_key(network: str) -> str:
    return NETWORKS + network


def host_key(host: str) -> str:
    return HOSTS + host


def endpoints_of(network: str) -> str:
    """What the keys of a network's endpoints begin with."""
    return f"{ENDPOINTS}{network}/"


def endpoint_key(network: str, address: str) -> str:
    return endpoints_of(network) + address


class Endpoint:
    """One address of a container."""

    def __init__(
        self,
        network: str,
        address: str,
        *,
        host: str,
        vtep: str,
        container: str,
        mac: str,
        names: Sequence[str],
        owner: str,
    ) -> None:
        self.network = network
        self.address = address
        self.host = host
        self.vtep = vtep  # the host's own address: where VXLAN's packets are sent
        self.container = container
        self.mac = mac
        self.names = list(names)  # by which the others in the network find it
        self.owner = owner  # the process that claimed it, as state/owners.py names one

    @classmethod
    def read(cls, key: str, value: str) -> Endpoint | None:
        """None for what is no endpoint: somebody else may have written it."""
        network, slash, address = key.removeprefix(ENDPOINTS).partition("/")
        try:
            data = jsonfile.parse(value)
            names = [str(name) for name in data["names"]]
            fields = {field: str(data[field]) for field in ("host", "vtep", "container", "mac", "owner")}
        except (ValueError, KeyError, TypeError):
            return None
        return cls(network, address, names=names, **fields) if slash else None

    @property
    def key(self) -> str:
        return endpoint_key(self.network, self.address)

    def written(self) -> str:
        return jsonfile.dump(
            {
                "host": self.host,
                "vtep": self.vtep,
                "container": self.container,
                "mac": self.mac,
                "names": self.names,
                "owner": self.owner,
            }
        )


class Picture:
    """What this host knows of the others: keys and values, as etcd tells them."""

    def __init__(self) -> None:
        self.hosts: set[str] = set()  # those that live
        self.endpoints: dict[str, Endpoint] = {}  # by key
        self.revisions: dict[str, str] = {}  # of these keys

    def put(self, key: str, value: str, revision: str = "0") -> None:
        if key.startswith(HOSTS):
            self.hosts.add(key.removeprefix(HOSTS))
        elif key.startswith(ENDPOINTS) and (endpoint := Endpoint.read(key, value)):
            self.endpoints[key] = endpoint
            self.revisions[key] = revision

    def delete(self, key: str) -> None:
        self.hosts.discard(key.removeprefix(HOSTS))
        self.endpoints.pop(key, None)
        self.revisions.pop(key, None)

    def in_network(self, network: str, *, but_of: str = "") -> list[Endpoint]:
        """Its endpoints, but those of one host."""
        return [found for found in self.endpoints.values() if found.network == network and found.host != but_of]

    def living(self, network: str, *, but_of: str = "") -> list[Endpoint]:
        """Those whose host is heard of: their names are to be had."""
        return [found for found in self.in_network(network, but_of=but_of) if found.host in self.hosts]
