"""`-p`: which ports of a container are to be had on the host, and by which port there. Docker's grammar.

    80                    this port, by any free port of the host
    8080:80/udp           by that port, on all addresses of the host
    127.0.0.1:8080:80     on one address; [::1]:8080:80 is the same for IPv6
    8000-8002:80-82       one by one
    8000-8010:80          by the first that is free
    target=80,published=8080,protocol=udp

ValueError has Docker's words for what is wrong.
"""

from __future__ import annotations

import _socket

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

PROTOCOLS = ("tcp", "udp", "sctp")
_LAST_PORT = 65535
_LONG_FORM = ("published", "target", "protocol")


class Publication:
    """One port of a container, and the ports of the host one of which is to lead to it. 0: any."""

    def __init__(
        self, port: int, protocol: str, address: str = "", host_port: int = 0, last_host_port: int = 0
    ) -> None:
        self.port = port
        self.protocol = protocol
        self.address = address  # of the host's; "": all of them
        self.host_port = host_port
        self.last_host_port = last_host_port or host_port

    def __str__(self) -> str:
        """As `-p` takes it."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        before = f"{address}:{self.host_ports}:" if self.address else self.host_ports and f"{self.host_ports}:"
        return f"{before}{self.private}"

    @property
    def private(self) -> str:
        return f"{self.port}/{self.protocol}"

    @property
    def host_ports(self) -> str:
        """As it was asked for: a port, a range, or nothing."""
        first, last = self.host_port, self.last_host_port
        return f"{first}-{last}" if last > first else str(first or "")


def publications(text: str) -> list[Publication]:
    """What one `-p` asks for: each port by itself."""
    text = _short_form(text) if "=" in text else text
    address, host, private = _parts(text)
    numbers, _, rest = private.partition("/")
    protocol = rest.partition("/")[0].lower() or PROTOCOLS[0]
    if not numbers:
        raise ValueError(f"no port specified: {text}<empty>")
    if protocol not in PROTOCOLS:
        raise ValueError(f"invalid proto: {protocol}")
    address = _address(address)
    first, last = _span(numbers, "containerPort", least=1)
    host_first, host_last = _span(host, "hostPort") if host else (0, 0)
    if last == first:
        return [Publication(first, protocol, address, host_first, host_last)]
    if host and last - first != host_last - host_first:
        raise ValueError(f"invalid ranges specified for container and host Ports: {numbers} and {host}")
    return [
        Publication(port, protocol, address, host_first and host_first + port - first)
        for port in range(first, last + 1)
    ]


def checked(texts: Iterable[str]) -> list[Publication]:
    """All of them, for whoever gives them without a command line that has looked."""
    try:
        return [each for text in texts for each in publications(text)]
    except ValueError as error:
        raise MinidockError(str(error), hint="a port is written like 8080:80, or 127.0.0.1:8080:80/udp") from None


def bindings(texts: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    """As Docker's API has them: `80/tcp` → each time that it was asked for."""
    found: dict[str, list[dict[str, str]]] = {}
    for each in (each for text in texts for each in publications(text)):
        found.setdefault(each.private, []).append({"HostIp": each.address, "HostPort": each.host_ports})
    return found


def _short_form(text: str) -> str:
    words = {"protocol": PROTOCOLS[0]}
    for field in text.split(","):
        name, equals, value = field.partition("=")
        if not equals:
            raise ValueError(f"invalid publish opts format (should be name=value but got '{field}')")
        words[name] = value
    published, target, protocol = (words.get(name, "") for name in _LONG_FORM)
    return f"{published}:{target}/{protocol}" if published or not target else f"{target}/{protocol}"


def _parts(text: str) -> tuple[str, str, str]:
    """Address, port of the host, port of the container. Colons of an address come before all others."""
    rest, _, private = text.rpartition(":")
    address, _, host = rest.rpartition(":")
    return address, host, private


def _address(text: str) -> str:
    """One of the host's, without brackets."""
    bare = text[1:-1] if text[:1] + text[-1:] == "[]" else text
    if bare and not any(_is_address(bare, family) for family in (_socket.AF_INET, _socket.AF_INET6)):
        raise ValueError(f"invalid IP address: {bare}")
    return bare


def _is_address(text: str, family: int) -> bool:
    try:
        return bool(_socket.inet_pton(family, text))
    except (OSError, ValueError):
        return False


def _span(text: str, what: str, least: int = 0) -> tuple[int, int]:
    """`80` or `80-82`."""
    first, dash, last = text.partition("-")
    numbers = (first, last) if dash else (first, first)
    for number in numbers:
        if not (number.isascii() and number.isdecimal() and len(number) <= 5 and least <= int(number) <= _LAST_PORT):
            raise ValueError(f"invalid {what}: {text}")
    if int(numbers[1]) < int(numbers[0]):
        raise ValueError(f"invalid {what}: {text}")
    return int(numbers[0]), int(numbers[1])
