"""Whom to ask about names that are not ours: the container's --dns, else the servers of the host.

A server on the host's loopback, as resolvers for one machine have it, can only be reached from the host's network, and
so does an address that only means something there (fe80::1%eth0), or an IPv6 address for a container without IPv6. All
others are asked from the container's own network, so that they see the question come from where a program's own would,
and a container cannot have asked for it what it could not ask itself. An address given by --dns is always meant as the
container sees it.
"""

from __future__ import annotations

from minidock import jsonfile
from minidock.networks import resolvers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.state.database import Database

_MOST_SERVERS = 3  # resolv.conf(5), MAXNS
_ASKED_FOR = """
SELECT json_extract(options, '$.dns'), json_extract(options, '$.dns_options') FROM containers WHERE id = ?
"""


class Server:
    """An address to ask, and whether from the host's network."""

    def __init__(self, address: str, *, from_host: bool = False) -> None:
        self.address = address
        self.from_host = from_host


class Upstream:
    """The servers of one container. What it asked for cannot change; what the host has may, and is read each time."""

    def __init__(self, database: Database, container: str) -> None:
        asked = (database.rows(_ASKED_FOR, container) or [("", "")])[0]
        dns, self._options = ([str(word) for word in jsonfile.parse(words or "[]")] for words in asked)
        self._dns = [
            address for address in dns if address != resolvers.EMBEDDED
        ]  # or a question would go round for ever

    def keeps_plain_names(self) -> bool:
        """Whether a number of dots that make a name complete was chosen: names without any are not for the world."""
        options = self._options or resolvers.options(resolvers.host_file())
        return any(option.startswith("ndots:") for option in options)

    def servers(self, *, has_ipv6: bool) -> list[Server]:
        if self._dns:
            return [Server(address) for address in self._dns[:_MOST_SERVERS]]
        found = resolvers.servers(resolvers.host_file_behind_stub()) or resolvers.LAST_RESORT
        return [Server(address, from_host=_is_hosts(address, has_ipv6)) for address in found[:_MOST_SERVERS]]


def _is_hosts(address: str, has_ipv6: bool) -> bool:
    return resolvers.is_loopback(address) or "%" in address or (":" in address and not has_ipv6)
