"""What a name means to the container that asks: read from the state, so it is true at the moment of the question.

Nobody tells the DNS server that a container came or went. SQLite has a number that is another one after each change by
another process (PRAGMA data_version), and asking for it takes microseconds: only when it has changed, the state is read
again. So an answer is never older than the last transaction, and there is no notification that could be lost.

The names of a container in a network are Docker's: its own, the first twelve digits of its id, its hostname, and the
aliases it was given there; each of them also with `.NETWORK` behind it. A link gives one container, and no other, one
more name for another. On the default bridge nobody has a name, and what is in no common network does not exist. In an
overlay network the containers of other hosts have names as well: `Elsewhere` knows them.
"""

from __future__ import annotations

import _socket

from minidock import jsonfile
from minidock.networks.names import message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from minidock.networks.names.message import Query
    from minidock.state.database import Database

_SHORT_ID = 12
_HEXADECIMAL = frozenset("0123456789abcdef")
_MOST_TURNS = 10_000
_IPV4_REVERSED, _IPV6_REVERSED = b".in-addr.arpa", b".ip6.arpa"
# Of what is at rest, being removed, or waits to be started again, the addresses are nobody's, or soon another's.
_CONNECTED = """
SELECT e.container, e.network, n.name, n.internal,
    c.name, json_extract(c.options, '$.hostname'), e.wishes, e.ipv4, e.ipv6
FROM endpoints e JOIN containers c ON c.id = e.container JOIN networks n ON n.id = e.network
WHERE c.status IN ('starting', 'running', 'paused') AND NOT n.builtin
ORDER BY e.container, e.slot
"""


class Elsewhere:
    """What others know of containers on other hosts; here: nothing."""

    changes = 0  # another number after each change

    def members(self, network: str) -> Iterable[Member]:  # noqa: ARG002
        return ()


class Member:
    """A container in a network."""

    def __init__(self, container: str, names: Sequence[str], ipv4: str, ipv6: str, links: Iterable[str] = ()) -> None:
        self.container = container
        self.name = names[0]
        self.names = dict.fromkeys(_key(name) for name in names if name)
        self.links = dict(map(_link, links))
        self.addresses = {message.A: _packed(ipv4), message.AAAA: _packed(ipv6)}

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> Member:
        container, _, _, _, name, hostname, wishes, ipv4, ipv6 = row
        wished = jsonfile.parse(wishes)
        names = (name, container[:_SHORT_ID], hostname or "", *wished.get("aliases", ()))
        return cls(container, names, ipv4, ipv6, wished.get("links", ()))

    def address(self, kind: int) -> bytes:
        return self.addresses.get(kind, b"")


def _key(name: str) -> bytes:
    return name.encode().lower()


def _link(words: str) -> tuple[bytes, bytes]:
    """CONTAINER[:ALIAS], as what the alias stands for. A full id is known by its beginning."""
    target, _, alias = words.partition(":")
    is_id = len(target) == 64 and not target.strip("0123456789abcdef")
    return _key(alias or target), _key(target[:_SHORT_ID] if is_id else target)


def _packed(address: str) -> bytes:
    """The bytes of an address; none of none. The state may have the length of the subnet behind it."""
    plain = address.partition("/")[0]
    return _socket.inet_pton(_socket.AF_INET6 if ":" in plain else _socket.AF_INET, plain) if plain else b""


class Network:
    """All that names mean in one network."""

    def __init__(self, name: str, internal: bool) -> None:
        self.name = name
        self.internal = internal
        self.names: dict[bytes, list[Member]] = {}
        self.addresses: dict[bytes, Member] = {}

    def add(self, member: Member) -> None:
        for name in member.names:
            self.names.setdefault(name, []).append(member)
        for address in filter(None, member.addresses.values()):
            self.addresses[address] = member


class Zone:
    """All networks of the state, as they are now."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.elsewhere = Elsewhere()
        self._changes = 0  # elsewhere, when that was last read
        self._version = -1
        self._members: dict[tuple[Any, ...], Member] = {}  # by the rows that they are made of
        self._networks: dict[str, Network] = {}
        self._places: dict[str, list[tuple[Network, Member]]] = {}  # of each container, in their order
        self._turns: dict[tuple[str, bytes, int], int] = {}

    def records(self, container: str, query: Query) -> list[bytes] | None:
        """The answer for a container: records; none, if the name has none of this kind; None, if it is not ours."""
        if query.domain not in (message.IN, message.ANY):
            return None
        places = self._places_of(container)
        if query.kind == message.PTR and (address := reversed_address(query.name)):
            return _who_has(places, address)
        return self._named(places, query.name, query.kind)

    def may_leave(self, container: str) -> bool:
        """Whether a container has any network that leads out."""
        return any(not network.internal for network, _ in self._places_of(container))

    def has_ipv6(self, container: str) -> bool:
        return any(member.address(message.AAAA) for _, member in self._places_of(container))

    def forget(self) -> None:
        """Read all of it the next time: the state may be opened anew, and the number be of another count."""
        self._version = -1
        self._members.clear()
        self._read([])

    def _places_of(self, container: str) -> list[tuple[Network, Member]]:
        self._refresh()
        return self._places.get(container, [])

    def _refresh(self) -> None:
        """Read again what changed. The number is asked for first: what changes meanwhile is seen the next time."""
        version, changes = self._database.version(), self.elsewhere.changes
        if (version, changes) == (self._version, self._changes):
            return
        rows = self._database.rows(_CONNECTED)
        if rows != list(self._members) or changes != self._changes:
            self._read(rows)
        self._version, self._changes = version, changes

    def _read(self, rows: list[tuple[Any, ...]]) -> None:
        """Put together what names mean now; who has not changed need not be read again."""
        self._members = {row: self._members.get(row) or Member.of_row(row) for row in rows}
        self._networks, self._places = {}, {}
        if len(self._turns) > _MOST_TURNS:  # of names that have long been gone
            self._turns.clear()
        for row, member in self._members.items():
            network = self._networks.setdefault(row[1], Network(row[2], bool(row[3])))
            network.add(member)
            self._places.setdefault(member.container, []).append((network, member))
        for network_id, network in self._networks.items():
            for member in self.elsewhere.members(network_id):
                network.add(member)

    def _named(self, places: list[tuple[Network, Member]], name: bytes, kind: int) -> list[bytes] | None:
        """The first network that knows the name has the answer, unless it has no address of this kind. `a.b.c` may be
        that name, `a.b` in the network `c`, or `a` in `b.c`: a name may have dots, and so may a network's.
        """
        known = False
        for host, where in _splits(name):
            for network, asking in places:
                if where in (b"", _key(network.name)) and (members := network.names.get(asking.links.get(host, host))):
                    known = True
                    if found := self._addresses(network, host, members, kind):
                        return found
        return [] if known else None

    def _addresses(self, network: Network, name: bytes, members: list[Member], kind: int) -> list[bytes]:
        """Who has a name alone always answers to it; those who share one take turns at being first."""
        kinds = (message.A, message.AAAA) if kind == message.ANY else (kind,)
        found = [message.record(each, value) for each in kinds for member in members if (value := member.address(each))]
        if len(found) < 2:
            return found
        turn = self._turns[network.name, name, kind] = self._turns.get((network.name, name, kind), -1) + 1
        first = turn % len(found)
        return found[first:] + found[:first]


def _splits(name: bytes) -> Iterator[tuple[bytes, bytes]]:
    """A name as a whole, then as a host and a network, at each of its dots from the last."""
    yield name, b""
    dot = name.rfind(b".")
    while dot > 0:
        yield name[:dot], name[dot + 1 :]
        dot = name.rfind(b".", 0, dot)


def _who_has(places: list[tuple[Network, Member]], address: bytes) -> list[bytes] | None:
    for network, _ in places:
        if member := network.addresses.get(address):
            try:
                return [message.record(message.PTR, message.encoded(f"{member.name}.{network.name}"))]
            except ValueError:  # a name longer than DNS can have
                return []
    return None


def reversed_address(name: bytes) -> bytes:
    """The address that a name below in-addr.arpa or ip6.arpa is about; nothing if it is about none. RFC 1035, 3.5"""
    try:
        if name.endswith(_IPV4_REVERSED):
            words = name.removesuffix(_IPV4_REVERSED).decode("ascii").split(".")
            return _socket.inet_pton(_socket.AF_INET, ".".join(reversed(words)))
        digits = name.removesuffix(_IPV6_REVERSED).decode("ascii").split(".")
        if name.endswith(_IPV6_REVERSED) and len(digits) == 32 and _HEXADECIMAL.issuperset(digits):
            return bytes.fromhex("".join(reversed(digits)))
    except (OSError, ValueError):
        pass
    return b""
