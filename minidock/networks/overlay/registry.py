"""The overlay networks that etcd knows: every host may make one, use it, remove it.

What two networks must not share (a name, a VNI, addresses) can only be decided by looking at all of them. So whoever
makes one reads them all, decides, and writes under the condition that none was made meanwhile; `serial` tells.
"""

from __future__ import annotations

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.networks.addresses import V4, Subnet
from minidock.networks.catalog import NetworkInUse
from minidock.networks.overlay import records
from minidock.networks.overlay.etcd import Transaction
from minidock.networks.subnets import Pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minidock.jsonfile import Json
    from minidock.networks.overlay.etcd import Etcd, Found
    from minidock.networks.overlay.records import Endpoint

_FIRST_VNI, _LAST_VNI = 4097, (1 << 24) - 1  # Docker's first, and all that 24 bits can say
_POOL, _LENGTH = "10.0.0.0/8", 24  # where Docker has its overlay networks, and how large they are


class Record:
    """One network as it is written down in etcd: the same for all hosts."""

    def __init__(self, network: str, data: Json) -> None:
        self.id = network
        self.name: str = data["name"]
        self.vni: int = data["vni"]
        self.created: int = data["created"]
        self.internal: bool = data["internal"]
        self.attachable: bool = data["attachable"]
        self.ipv6: bool = data["ipv6"]
        self.labels: dict[str, str] = data["labels"]
        self.options: dict[str, str] = data["options"]
        self.ipam: Json = data["ipam"]

    @property
    def pools(self) -> list[Pool]:
        return [Pool.from_data(pool) for pool in self.ipam]

    def written(self) -> str:
        return jsonfile.dump({name: value for name, value in vars(self).items() if name != "id"})


def everyone(etcd: Etcd) -> list[Record]:
    return _read(etcd.below(records.NETWORKS))


def find(etcd: Etcd, word: str) -> Record | None:
    """By its id, its name, or the beginning of its id: in this order, as always."""
    known = everyone(etcd)
    by_id = [record for record in known if record.id == word]
    by_name = [record for record in known if record.name == word]
    begins = [record for record in known if record.id.startswith(word)]
    found = by_id or by_name or begins
    return found[0] if len(found) == 1 else None


def create(etcd: Etcd, network: str, name: str, decide: Callable[[Sequence[Record]], Json]) -> Record:
    """`decide` is told of the others, and says what this one is to be: all but its name and VNI."""
    while True:
        found = etcd.below(records.SERIAL, records.NETWORKS)
        others = _read(found)
        if any(other.name == name for other in others):
            raise MinidockError(
                f"network with name {name} already exists",
                hint=f"it was made on another host, and can be used here: minidock run --network {name} …",
            )
        record = Record(network, {**decide(others), "name": name, "vni": _free_vni(others)})
        if etcd.commit(_creation(record, _serial(found))):
            return record


def _creation(record: Record, serial: str) -> Transaction:
    return (
        Transaction()
        .if_unchanged(records.SERIAL, serial)
        .put(records.SERIAL, record.id)
        .put(records.network_key(record.id), record.written())
    )


def _serial(found: Sequence[Found]) -> str:
    return next((pair.revision for pair in found if pair.key == records.SERIAL), "0")


def _free_vni(others: Sequence[Record]) -> int:
    taken = {other.vni for other in others}
    return next(vni for vni in range(_FIRST_VNI, _LAST_VNI) if vni not in taken)


def _read(found: Sequence[Found]) -> list[Record]:
    known = []
    for pair in found:
        if pair.key.startswith(records.NETWORKS):
            try:
                known.append(Record(pair.key.removeprefix(records.NETWORKS), jsonfile.parse(pair.value)))
            except (ValueError, KeyError, TypeError):
                raise MinidockError(
                    f"etcd: what it says of the network in {pair.key} is not what minidock writes there",
                    hint="it was written by somebody else, or by a newer minidock",
                ) from None
    return known


def remove(etcd: Etcd, network: str, *, host: str, is_used: Callable[[Endpoint], bool]) -> None:
    """Forget a network that no container is in, on any host that lives. `is_used`: for what is claimed by this host."""
    prefix = records.endpoints_of(network)
    while True:
        found = etcd.below(records.HOSTS, prefix)
        picture = records.Picture()
        for pair in found:
            picture.put(pair.key, pair.value)
        ends = picture.in_network(network)
        _check_unused(
            [end for end in ends if (is_used(end) if end.host == host else end.host in picture.hosts)], network
        )
        for pair in found:
            if pair.key.startswith(prefix):  # of hosts that are gone, and of what ended here
                etcd.commit(Transaction().if_unchanged(pair.key, pair.revision).delete(pair.key))
        if etcd.commit(Transaction().if_nothing_below(prefix).delete(records.network_key(network))):
            return


def _check_unused(users: Sequence[Endpoint], network: str) -> None:
    if users:
        names = dict.fromkeys(f"{end.names[0] if end.names else end.container[:12]} on {end.vtep}" for end in users)
        raise NetworkInUse(
            f"error while removing network: network {network[:12]} has active endpoints",
            hint=f"stop them first: {', '.join(sorted(names))}",
        )


def chosen(taken: Sequence[Subnet]) -> Pool:
    """The first subnet for an overlay network that overlaps with none of these."""
    whole = Subnet.parse(_POOL)
    for first in whole.pieces(_LENGTH):
        subnet = Subnet((V4, first), _LENGTH)
        if not any(subnet.overlaps(other) for other in taken):
            return Pool(subnet)
    raise MinidockError(f"all of {_POOL} is taken", hint="choose a subnet by --subnet, or remove networks")
