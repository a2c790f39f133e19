"""Proxies, as the environment names them: HTTP_PROXY, HTTPS_PROXY, NO_PROXY, in capitals or not.

The rules are those of Go's programs, so of Docker: NO_PROXY is a list of names, which stand for all below them too,
addresses, networks such as 10.0.0.0/8, and `*`; each but the last may have a port. This host itself is never reached
by a proxy.
"""

from __future__ import annotations

import os
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

_DEFAULT_PORT = 80


class Proxy:
    def __init__(self, host: str, port: int, user: str = "", password: str = "") -> None:
        self.host = host
        self.port = port
        self.user = user
        self.password = password

    def headers(self) -> dict[str, str]:
        if not self.user:
            return {}
        from base64 import b64encode

        return {"Proxy-Authorization": "Basic " + b64encode(f"{self.user}:{self.password}".encode()).decode()}


def proxy_for(scheme: str, host: str, port: int) -> Proxy | None:
    """The proxy between us and a server, if there is one."""
    text = _environment(f"{scheme}_proxy")
    if not text or not _is_proxied(host, port):
        return None
    from urllib.parse import unquote

    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        number = parts.port or _DEFAULT_PORT
    except ValueError:
        number = 0
    if parts.scheme != "http" or not parts.hostname or not number:
        raise MinidockError(
            f"{scheme.upper()}_PROXY: '{_without_password(text)}' is no proxy that minidock can use",
            hint="a proxy is written like http://user:password@proxy.example:3128",
        )
    return Proxy(parts.hostname, number, unquote(parts.username or ""), unquote(parts.password or ""))


def _without_password(text: str) -> str:
    before, at, after = text.rpartition("@")
    return f"{before.partition('://')[0]}://…@{after}" if at else text


def _environment(name: str) -> str:
    return os.environ.get(name.upper()) or os.environ.get(name) or ""


def is_loopback(host: str) -> bool:
    """Whether a name is this host's own, by the look of it."""
    address = as_address(host)
    return address.is_loopback if address else host.lower().rstrip(".") == "localhost"


def as_address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_proxied(host: str, port: int) -> bool:
    if is_loopback(host):
        return False
    return not any(_fits(word.strip().lower(), host.lower(), port) for word in _environment("no_proxy").split(","))


def _fits(pattern: str, host: str, port: int) -> bool:
    if pattern == "*":
        return True
    if is_in_network(host, pattern):
        return True
    name, colon, number = pattern.rpartition(":")
    if colon and number.isdecimal() and as_address(pattern) is None:
        if int(number) != port:
            return False
        pattern = name.strip("[]")
    if pattern.startswith("*."):
        pattern = pattern[1:]
    if not pattern:
        return False
    return host == pattern or host.endswith(pattern if pattern.startswith(".") else f".{pattern}")


def is_in_network(host: str, network: str) -> bool:
    """Whether a host is an address in a network such as 10.0.0.0/8."""
    address = as_address(host)
    if address is None or "/" not in network:
        return False
    try:
        return address in ip_network(network, strict=False)
    except ValueError:
        return False
