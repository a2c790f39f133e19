"""Ports of containers: what they offer, and where on the host it is to be had.

A port is a matter of a network that a container is in. In no network there is none, and in the host's a program's
ports are the host's. A container at rest has none either: those of the host may be another's meanwhile.
"""

from __future__ import annotations

from minidock import jsonfile
from minidock.engine.configuring.publishing import PROTOCOLS
from minidock.errors import MinidockError
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.engine.engine import Engine
    from minidock.state.containers import Row

_LAST = 65535
_PUBLISHED = f"""
SELECT container, port, protocol, host_port, host FROM published JOIN containers ON id = container
WHERE {containers.IS_ACTIVE} AND host_port > 0 AND address <> ''
"""
# Where no port is exposed, nothing is said of it: the rest of the options need not be read.
_EXPOSED = f"""
SELECT id, json_extract(options, '$.exposed_ports') FROM containers
WHERE {containers.IS_ACTIVE} AND instr(options, '"exposed_ports"')
AND EXISTS (SELECT 1 FROM endpoints WHERE container = containers.id)
"""


class Port:
    """A port of a container, and the one of the host that leads to it, if one does."""

    def __init__(self, private: int, protocol: str, public: int = 0, address: str = "") -> None:
        self.private = private
        self.protocol = protocol
        self.public = public
        self.address = address  # of the host's

    @property
    def order(self) -> tuple[int, str, int, str]:
        """Docker's."""
        return self.private, self.address, self.public, self.protocol


class Ports:
    """The ports of all containers, by two looks at the state, however many are asked for."""

    def __init__(self, engine: Engine) -> None:
        self._found: dict[str, list[Port]] = {}
        for container, private, protocol, public, address in engine.database.rows(_PUBLISHED):
            self._add(container, Port(private, protocol, public, address))
        for container, exposed in engine.database.rows(_EXPOSED):
            published = {(port.private, port.protocol) for port in self._found.get(container, ())}
            for private, protocol in map(_named, jsonfile.parse(exposed)):
                if (private, protocol) not in published:
                    self._add(container, Port(private, protocol))
        for ports in self._found.values():
            ports.sort(key=lambda port: port.order)

    def _add(self, container: str, port: Port) -> None:
        self._found.setdefault(container, []).append(port)

    def of(self, row: Row) -> list[Port]:
        """The ports of a container, in order."""
        return self._found.get(row.id, [])


def published(engine: Engine, row: Row, wanted: str = "") -> list[Port]:
    """Those that are to be had on the host; with `80/tcp` or `80` those that lead to that one, which must be some."""
    found = [port for port in Ports(engine).of(row) if port.public]
    if not wanted:
        return found
    number, _, protocol = wanted.partition("/")
    key = (_number(number, f"invalid port ({number})"), protocol or PROTOCOLS[0])
    found = [port for port in found if (port.private, port.protocol) == key]
    if not found:
        raise MinidockError(f"No public port '{key[0]}/{key[1]}' published for {row.name}")
    return found


def span(name: str, value: str) -> Iterator[tuple[int, str]]:
    """The ports that a filter means by `80`, `80/udp` or `8000-8080/tcp`."""
    numbers, _, protocol = value.partition("/")
    first, dash, last = numbers.partition("-")
    wrong = f"invalid filter '{name}={value}'"
    for number in range(_number(first, wrong), _number(last if dash else first, wrong) + 1):
        yield number, protocol or PROTOCOLS[0]


def _named(text: str) -> tuple[int, str]:
    """`80/tcp`"""
    number, _, protocol = text.partition("/")
    return int(number), protocol


def _number(text: str, wrong: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 5 or int(text) > _LAST:
        raise MinidockError(wrong, hint=f"a port is a number up to {_LAST}, with /tcp, /udp or /sctp, if need be")
    return int(text)
