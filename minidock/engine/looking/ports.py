"""Ports of containers: what they offer, and where on the host it is to be had.

A port is a matter of a network that a container is in. In no network there is none, and in the host's a program's
ports are the host's. So containers without a network of their own have nothing to tell.
"""

from __future__ import annotations

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.state.containers import Row

PROTOCOLS = ("tcp", "udp", "sctp")
_LAST = 65535


class Port:
    """A port of a container, and the one of the host that leads to it, if one does."""

    def __init__(self, private: int, protocol: str, public: int = 0, address: str = "") -> None:
        self.private = private
        self.protocol = protocol
        self.public = public
        self.address = address  # of the host's


def of(_: Row) -> list[Port]:
    """The ports of a container, in order."""
    return []


def published(row: Row, wanted: str = "") -> list[Port]:
    """Those that are to be had on the host; with `80/tcp` or `80` those that lead to that one, which must be some."""
    found = [port for port in of(row) if port.public]
    if not wanted:
        return found
    number, _, protocol = wanted.partition("/")
    key = (_number(number, f"invalid port ({number})"), protocol or PROTOCOLS[0])
    found = [port for port in found if (port.private, port.protocol) == key]
    if not found:
        raise MinidockError(f"No public port '{wanted}' published for {row.name}")
    return found


def span(name: str, value: str) -> Iterator[tuple[int, str]]:
    """The ports that a filter means by `80`, `80/udp` or `8000-8080/tcp`."""
    numbers, _, protocol = value.partition("/")
    first, dash, last = numbers.partition("-")
    wrong = f"invalid filter '{name}={value}'"
    for number in range(_number(first, wrong), _number(last if dash else first, wrong) + 1):
        yield number, protocol or PROTOCOLS[0]


def _number(text: str, wrong: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 5 or int(text) > _LAST:
        raise MinidockError(wrong, hint=f"a port is a number up to {_LAST}, with /tcp, /udp or /sctp, if need be")
    return int(text)
