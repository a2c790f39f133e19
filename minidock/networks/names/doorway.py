"""The DNS server's way into a container: two sockets in its network namespace, and port 53 of 127.0.0.11 led to them.

A container's program asks 127.0.0.11, port 53. But that port must stay free for it: a DNS server in a container binds
port 53 of all addresses, 127.0.0.11 among them. So ours listens elsewhere, and a rule in the container's own network
namespace changes where what is sent to 127.0.0.11:53 goes, on the way there; connection tracking changes it back in
the answers. nft(8), "NAT statements"

    container's program ──▶ 127.0.0.11:53 ──[output hook: dnat]──▶ 127.0.0.11:61234, device lo ──▶ the keeper

The sockets take only what comes in by the device `lo` (SO_BINDTODEVICE, socket(7)): the kernel drops what comes for
127.0.0.0/8 from elsewhere, unless somebody sets route_localnet, and then it still does not come to us.
"""

from __future__ import annotations

import _socket
import errno

from minidock.kernel.firewall import Firewall
from minidock.kernel.namespaces import Visit
from minidock.networks.resolvers import EMBEDDED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json

PORT = 53
TABLE = "minidock_names"
# Above the ports that the kernel gives to who does not choose (ip_local_port_range), and that services like to have.
_FIRST_PORT, _PORTS = 61_000, 4_000
_MOST_WAITING = 64  # connections that nobody has accepted yet
_RULES = """create table inet {table}
table inet {table} {{
    chain output {{
        type nat hook output priority -100; policy accept;
        ip daddr {address} udp dport {port} dnat ip to {address}:{udp}
        ip daddr {address} tcp dport {port} dnat ip to {address}:{tcp}
    }}
}}
"""


class Doorway:
    """The sockets of one container."""

    def __init__(self, container: str, netns_fd: int) -> None:
        with Visit("network", netns_fd):
            self.datagrams = _bound(_socket.SOCK_DGRAM, container)
            try:
                self.connections = _bound(_socket.SOCK_STREAM, container)
                self.connections.listen(_MOST_WAITING)
                _lead_here(self.datagrams.getsockname()[1], self.connections.getsockname()[1])
            except OSError:
                self.close()
                raise

    def close(self) -> None:
        """The rules may stay: they end with the namespace, and until then lead to a port that nobody has."""
        self.datagrams.close()
        if connections := getattr(self, "connections", None):
            connections.close()


def _bound(kind: int, container: str) -> _socket.socket:
    """A socket of the server's. Its port follows from the container: whoever takes over after a kill has the same one,
    so that a client that has been talking from one port all the time, of which connection tracking remembers where
    that leads, goes on being heard.
    """
    made = _socket.socket(_socket.AF_INET, kind)
    try:
        made.setblocking(False)
        made.setsockopt(_socket.SOL_SOCKET, _socket.SO_BINDTODEVICE, b"lo")
        if kind == _socket.SOCK_STREAM:  # of the one before us connections may still be closing. tcp(7)
            made.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        _bind(made, _FIRST_PORT + int(container[:8], 16) % _PORTS)
    except OSError:
        made.close()
        raise
    return made


def _bind(made: _socket.socket, port: int) -> None:
    try:
        made.bind((EMBEDDED, port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        made.bind((EMBEDDED, 0))  # the container's program was there first: any other will do


def _lead_here(udp: int, tcp: int) -> None:
    """Load the rules, in the place of those that a server before us has left. Those lead to the same ports most often,
    and then they stay: to delete a table takes the kernel 20 ms, and whoever takes over has many to see to.
    """
    firewall = Firewall()
    try:
        there = _rules_there(firewall)
        if there != [_rule("udp", udp), _rule("tcp", tcp)]:
            remove = "" if there is None else f"delete table inet {TABLE}\n"
            firewall.run(remove + _RULES.format(table=TABLE, address=EMBEDDED, port=PORT, udp=udp, tcp=tcp))
    finally:
        firewall.close()


def _rules_there(firewall: Firewall) -> list[Json] | None:
    try:
        return [item["rule"]["expr"] for item in firewall.listing(TABLE) if "rule" in item]
    except FileNotFoundError:
        return None


def _rule(protocol: str, port: int) -> Json:
    """One of the rules as nft lists it. libnftables-json(5)"""
    return [
        _is("ip", "daddr", EMBEDDED),
        _is(protocol, "dport", PORT),
        {"dnat": {"family": "ip", "addr": EMBEDDED, "port": port}},
    ]


def _is(protocol: str, field: str, value: Json) -> Json:
    return {"match": {"op": "==", "left": {"payload": {"protocol": protocol, "field": field}}, "right": value}}
