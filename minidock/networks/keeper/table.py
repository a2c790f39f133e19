"""The firewall's table, kept as it should be.

The kernel counts each change to any table of the host. As long as the count is what our last change made it, our table
is as we left it; else somebody may have flushed it, and it is looked at.
"""

from __future__ import annotations

import errno

from minidock.kernel.firewall import Firewall
from minidock.networks import ruleset
from minidock.steps.ruleset import Port, Segment, addition, removal, table_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from minidock.networks.keeper.tools import Attended
    from minidock.networks.ruleset import Wanted


class Table:
    """Our table."""

    def __init__(self, root: str, name: str, attended: Mapping[int, Attended]) -> None:
        self.name = name
        self._root = root
        self._attended = attended
        self._firewall = Firewall()
        self._generation = -1  # after our last change; -1: we do not know

    def add(self, *several: Segment | Port) -> None:
        self._right()
        self._run(addition(self.name, *several))

    def publish(self, ports: Sequence[Port]) -> None:
        """Who asks for this has bound the ports, so one that leads elsewhere is of somebody who was killed."""
        try:
            self.add(*ports)
        except FileExistsError:
            had = ruleset.listed_ports(self._firewall.listing(self.name))
            stale = [one for one in had if any(one.is_at(port) for port in ports)]
            self._run(removal(self.name, *stale) + addition(self.name, *ports))

    def remove(self, *several: Segment | Port) -> None:
        """One by one where all at once fails: what is another's by now, stays."""
        try:
            self._run(removal(self.name, *several))
        except OSError as error:
            if error.errno == errno.ENOENT:  # there is no table: somebody flushed it
                return
            if error.errno != errno.EEXIST:
                raise
            for one in several if len(several) > 1 else ():
                self.remove(one)

    def withdraw(self, addresses: Collection[str]) -> list[Port]:
        """No port leads to these addresses any more; those that did."""
        try:
            listing = self._firewall.listing(self.name)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            return []
        ports = [port for port in ruleset.listed_ports(listing) if port.address in addresses]
        self.remove(*ports)
        return ports

    def faults(self) -> list[str]:
        """What is not as it should be, in words; also what is there that nobody wants."""
        missing, needless = self._compared()
        return [*missing, *needless]

    def strict(self) -> dict[str, list[str]]:
        """Chains of others that drop what goes to containers, or comes from there; with the commands that help."""
        bridges = {segment.bridge for segment in self._wanted().segments if not segment.internal}
        chains = ruleset.strict(self._firewall.everything(), self.name, bridges)
        return {chain: ruleset.admission(chain, bridges) for chain in chains}

    def rebuild(self) -> None:
        """Put the whole table in place, in one moment: no packet sees half of it. Connections stay: the kernel
        remembers where it has sent their first packet.
        """
        wanted = self._wanted()
        self._generation = self._firewall.generation()
        self._run(table_text(self.name, wanted.segments, wanted.ports))

    def _right(self) -> None:
        """Nothing, if nobody has changed anything since we did. What is there and not wanted may be of a container
        that is just being started, which the keeper before us knew: it is left alone.
        """
        now = self._firewall.generation()
        if now == self._generation:
            return
        if self._compared()[0]:
            self.rebuild()
        else:
            self._generation = now

    def _compared(self) -> tuple[list[str], list[str]]:
        try:
            listing = self._firewall.listing(self.name)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            return [f"there is no table inet {self.name}"], []
        return ruleset.compared(listing, self._wanted())

    def _wanted(self) -> Wanted:
        """What the state says, and what is just being started, of which the state knows nothing yet."""
        wanted = ruleset.Wanted(self._root)
        for attended in self._attended.values():
            wanted.segments += attended.segments.values()
            wanted.ports += attended.ports
        return wanted

    def _run(self, script: str) -> None:
        if not script:
            return
        before = self._firewall.generation()
        self._firewall.run(script)
        after = self._firewall.generation()
        alone = before == self._generation and after in (before, before + 1)
        self._generation = after if alone else -1
