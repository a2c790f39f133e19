"""What the keeper holds: a netlink connection, the handle of the firewall, and whom it attends."""

from __future__ import annotations

import os
import time

from minidock.kernel import namespaces
from minidock.kernel.links import Links
from minidock.kernel.netlink import opened
from minidock.networks.keeper.table import Table
from minidock.networks.names.server import Names
from minidock.state import glance
from minidock.state.database import Database

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from minidock.kernel.watching import Watched
    from minidock.networks.overlay.keeping import Overlays
    from minidock.steps.ruleset import Port, Segment

_GRACE = 1.0  # seconds that a link is given to go by itself, with its container's namespace


class Attended:
    """A container that runs, as far as the keeper has to do with it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.segments: dict[str, Segment] = {}  # by bridge
        self.ports: list[Port] = []
        self.container = ""  # its id, if it has the DNS server
        self.shared: dict[str, int] = {}  # its devices on wires of the host, and the namespace that they are in


class Tools:
    """Whatever an operation may need."""

    def __init__(self, root: str, table: str) -> None:
        self._root = root
        self._home = namespaces.open_own("network")
        self.links = Links()
        self.attended: dict[int, Attended] = {}  # by the pidfd of the container's first process
        self.table = Table(root, table, self.attended)
        self.names = Names(Database(root))
        self._overlays: Overlays | None = None
        self._going: dict[str, float] = {}  # links that should be gone by then

    # Namespaces ---------------------------------------------------------------------------------------

    def inside(self, namespace: int) -> Links:
        """Netlink in the namespace behind a descriptor: a socket stays where it was made."""
        namespaces.enter("network", namespace)
        try:
            netlink = opened()
        finally:
            namespaces.enter("network", self._home)
        return Links(netlink)

    def write_inside(self, namespace: int, path: str, text: str) -> None:
        """/proc/sys/net shows each process the settings of the namespace that it is in. sysfs(5), proc(5)"""
        namespaces.enter("network", namespace)
        try:
            if os.path.exists(path):  # a kernel without IPv6 has no settings for it
                namespaces.write(path, text)
        finally:
            namespaces.enter("network", self._home)

    # Containers ---------------------------------------------------------------------------------------

    def attend(self, pid: int) -> Attended:
        """Stay as long as this process lives."""
        for attended in self.attended.values():
            if attended.pid == pid:
                return attended
        made = Attended(pid)
        self.attended[os.pidfd_open(pid)] = made
        return made

    def hold_shared(self, pid: int, device: str, namespace: int) -> None:
        """A device on a wire of the host goes at once when its container ends, not when the kernel comes to take its
        namespace apart, or nobody shares that any more: the next container may want the same address, or the wire."""
        shared = self.attend(pid).shared
        if device not in shared:
            shared[device] = os.dup(namespace)

    def forget_bridge(self, name: str) -> None:
        """A network is gone that a container was in."""
        for attended in self.attended.values():
            attended.segments.pop(name, None)

    def forget_ports(self, is_meant: Callable[[Port], bool]) -> None:
        """They lead to a container no more."""
        for attended in self.attended.values():
            attended.ports = [port for port in attended.ports if not is_meant(port)]

    def part(self, pidfd: int) -> None:
        """It has ended. Its ports are closed by whoever undoes its steps."""
        attended = self.attended.pop(pidfd, None)
        if attended:
            os.close(pidfd)
            self._remove_shared(attended.shared)
            if attended.container:
                self.names.close(attended.container)
            if self._overlays:
                self._overlays.look_soon()

    def _remove_shared(self, shared: Mapping[str, int]) -> None:
        for device, namespace in shared.items():
            try:
                with self.inside(namespace) as links:
                    links.delete(device)
            except OSError:  # nobody waits to hear it; the kernel will see to it
                pass
            os.close(namespace)

    def name(self, attended: Attended, container: str) -> None:
        """It has the DNS server. Who had it as the same container ended before, and we are only about to see that."""
        for other in self.attended.values():
            if other.container == container:
                other.container = ""
        attended.container = container

    # Other hosts --------------------------------------------------------------------------------------

    @property
    def overlays(self) -> Overlays:
        """The networks of several hosts; most hosts are in none."""
        if self._overlays is None:
            from minidock.networks.overlay.keeping import Overlays

            self._overlays = Overlays(self._root, self.links)
            self.names.know(self._overlays)
        return self._overlays

    def resume(self) -> None:
        """Take over from a keeper that was killed."""
        if glance.rows(self._root, "SELECT 1 FROM networks WHERE driver = 'overlay' LIMIT 1"):
            self.overlays.resume()

    def watched(self) -> Iterator[Watched]:
        if self._overlays:
            yield from self._overlays.watched()

    # What goes by itself -------------------------------------------------------------------------------

    def let_go(self, link: str) -> None:
        """A link's other end is in a namespace that ends with its container, and the kernel takes both away, in its
        own time. But another may share that namespace, and then it stays: look again in a moment.
        """
        self._going[link] = time.monotonic() + _GRACE

    def keep(self, link: str) -> None:
        """It is to be there again."""
        self._going.pop(link, None)

    def deadline(self) -> float | None:
        """Seconds until something is due; what is due already is done now."""
        now = time.monotonic()
        for link in [link for link, when in self._going.items() if when <= now]:
            del self._going[link]
            self._delete(link)
        moments = [*self._going.values(), *filter(None, [self.names.deadline()])]
        times = [moment - now for moment in moments]
        due = self._overlays.deadline() if self._overlays else None
        return min(times if due is None else [*times, due], default=None)

    def _delete(self, link: str) -> None:
        """Nobody waits to hear how it went; the next start of its container tries again."""
        try:
            self.links.delete(link)
        except OSError:
            pass
