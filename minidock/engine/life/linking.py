"""`--link` on the default bridge, where no container has a name: another one's address, in /etc/hosts and as variables.

Docker had this before it had networks with names, and programs still look for what it tells: DB_PORT_5432_TCP_ADDR.
In a network that somebody made, a link is one more name, and the DNS server's concern (networks/names).
"""

from __future__ import annotations

from minidock.engine.configuring import program, sharing
from minidock.errors import MinidockError
from minidock.networks import catalog, endpoints
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.engine.engine import Engine
    from minidock.engine.options import Options
    from minidock.state.containers import Row

_RUNNING = (containers.RUNNING, containers.PAUSED)
_NOT_TOLD = ("HOME", "PATH")  # of another's variables
_SHORT = 12


def settle(engine: Engine, options: Options) -> None:
    """For a new container: the others by their names, as which inspect shows them. They must be there."""
    found = []
    for text in options.links:
        word, _, alias = text.partition(":")
        try:
            row = engine.find(word)
        except containers.NoSuchContainer as error:
            raise MinidockError(f"could not get container for {word}: {error.message}", hint=error.hint) from None
        if engine.options(row).network == catalog.HOST:
            raise MinidockError(
                "conflicting options: host type networking can't be used with links. "
                "This would result in undefined behavior"
            )
        found.append(f"{row.name}:{alias or word}")
    options.links = found


class Link:
    """Another container, as one that is linked to it sees it."""

    def __init__(self, row: Row, options: Options, alias: str, address: str) -> None:
        self.row = row
        self.options = options
        self.alias = alias
        self.address = address

    def host_row(self) -> tuple[str, str]:
        """As /etc/hosts has it."""
        names = (self.alias, self.options.hostname or self.row.id[:_SHORT], self.row.name)
        return self.address, " ".join(dict.fromkeys(names))

    def variables(self, parent: str) -> Iterator[str]:
        """Where it is to be found, and what it was told itself. `parent`: who is linked to it."""
        mine = self.alias.upper().replace("-", "_")
        ports = [port.partition("/") for port in self.options.exposed_ports]
        ordered = sorted((int(number), protocol) for number, _, protocol in ports)
        for place, (number, protocol) in enumerate(ordered):
            address = f"{protocol}://{self.address}:{number}"
            if place == 0:
                yield f"{mine}_PORT={address}"
            one = f"{mine}_PORT_{number}_{protocol.upper()}"
            yield f"{one}={address}"
            yield f"{one}_ADDR={self.address}"
            yield f"{one}_PORT={number}"
            yield f"{one}_PROTO={protocol}"
        yield f"{mine}_NAME=/{parent}/{self.alias}"
        for pair in self.options.environment:
            key, equals, value = pair.partition("=")
            if equals and key not in _NOT_TOLD:
                yield f"{mine}_ENV_{key}={value}"


def links(engine: Engine, row: Row, options: Options) -> list[Link]:
    """Whom it is linked to, at a start: each must run, and be on the default bridge."""
    found = []
    for text in options.links:
        name, _, alias = text.partition(":")
        other = containers.find(engine.database, name)
        if other.status not in _RUNNING:
            raise MinidockError(
                f"Cannot link to a non running container: /{name} AS /{row.name}/{alias}", hint=f"minidock start {name}"
            )
        bridge = catalog.find(engine.database, catalog.BRIDGE)
        endpoint = endpoints.find(engine.database, other.id, bridge.id)
        if endpoint is None:
            raise MinidockError(f"Cannot link to /{name}, as it does not belong to the default network")
        found.append(Link(other, engine.options(other), alias, endpoint.ipv4))
    return found


def environment(engine: Engine, row: Row, options: Options, linked: list[Link]) -> list[str]:
    """All variables of a container that is linked to others. What it was told itself is stronger."""
    name = sharing.hostname(options, engine.place(row.id))
    own = program.environment(options.environment, name, terminal=options.terminal)
    known = {pair.partition("=")[0] for pair in own}
    told = [pair for link in linked for pair in link.variables(row.name)]
    return [*own, *(pair for pair in told if pair.partition("=")[0] not in known)]
