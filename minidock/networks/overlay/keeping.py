"""The keeper's part in overlay networks: follow etcd, tell the kernel where the others are, and how they are called.

What is to be there follows from two sources, and from nothing that is remembered: the claims in etcd say who is on
other hosts, the state says who is on this one. Both are compared with what is there, and the difference is made good,
whenever either has changed. So it does not matter which change was missed, or who made it.
"""

from __future__ import annotations

import time

from minidock import jsonfile
from minidock.networks.keeper.later import Later
from minidock.networks.names.zone import Elsewhere, Member
from minidock.networks.overlay import forwarding, ours, settings
from minidock.networks.overlay.follower import Follower
from minidock.networks.overlay.forwarding import FORWARD
from minidock.state import owners
from minidock.state.database import Database

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from minidock.kernel.links import Links
    from minidock.kernel.watching import Watched
    from minidock.networks.overlay.forwarding import Entry
    from minidock.networks.overlay.records import Endpoint

_LOOK = 1.0  # seconds between two looks at the state, for what nobody tells the keeper of, such as a new name
_SOON, _HURRY = 0.05, 2.0  # the same, for so long after a container has ended: its monitor writes that down in a moment
_PATIENCE = 5.0  # that a start waits for the others to be known


class Followed:
    """An overlay network that is on this host."""

    def __init__(self, network: str, device: str, etcd: str) -> None:
        self.network = network
        self.device = device  # the VXLAN device
        self.etcd = etcd
        self.entries: set[Entry] = set()  # what it has been told


class Knowing(Later):
    """That the others in a network are known here: true at last, or when there is no use in waiting any longer."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._until = time.monotonic() + _PATIENCE

    @property
    def is_ready(self) -> bool:
        return self._follower.is_current or time.monotonic() >= self._until


class Overlays(Elsewhere):
    """All of them."""

    def __init__(self, root: str, links: Links) -> None:
        self._root = root
        self._links = links
        self._database = Database(root)
        self._host = ""
        self._followers: dict[str, Follower] = {}  # by their etcd
        self._networks: dict[str, Followed] = {}
        self._said: dict[str, dict[str, Endpoint]] = {}  # of this host: what the others are told
        self._answering: dict[str, str] = {}  # for the containers of this host
        self._version = -1  # of the state, when these were read
        self._next_look = 0.0
        self._hurry_until = 0.0
        self.changes = 0

    # Coming and going ---------------------------------------------------------------------------------

    def follow(self, network: str, device: str, options: Mapping[str, str]) -> Knowing:
        """From now on, know who is in a network on other hosts. `options`: of the network, that say how to ask etcd."""
        self._host = self._host or settings.host_id(self._root)
        etcd = ours.name_of(options)
        if etcd not in self._followers:
            self._followers[etcd] = Follower(options, self._host, self._apply)
        if network not in self._networks:
            followed = self._networks[network] = Followed(network, device, etcd)
            followed.entries = self._told(device)
        self._version = -1
        self._apply()
        return Knowing(self._followers[etcd])

    def leave(self, network: str) -> None:
        """It is not on this host any more."""
        self._networks.pop(network, None)
        for etcd in [etcd for etcd in self._followers if all(one.etcd != etcd for one in self._networks.values())]:
            self._followers.pop(etcd).close()

    def resume(self) -> None:
        """Take over from a keeper that was killed: what the state has, and the kernel."""
        from minidock.networks.drivers.overlay import device

        for etcd, endpoints in self._ours().items():
            for endpoint in endpoints.values():
                if self._links.find(device(endpoint.network)):
                    self.follow(endpoint.network, device(endpoint.network), jsonfile.parse(etcd))

    # For the keeper's loop ----------------------------------------------------------------------------

    def watched(self) -> Iterator[Watched]:
        for follower in list(self._followers.values()):
            yield from follower.watched()

    def deadline(self) -> float | None:
        """Seconds until something is due; what is due already is done now."""
        if not self._followers:
            return None
        if time.monotonic() >= self._next_look:
            now = time.monotonic()
            self._next_look = now + (_SOON if now < self._hurry_until else _LOOK)
            self._tell()
        return min(self._next_look - time.monotonic(), *(one.deadline() for one in self._followers.values()))

    def look_soon(self) -> None:
        """A container of this host has ended."""
        self._next_look = 0.0
        self._hurry_until = time.monotonic() + _HURRY

    # Names --------------------------------------------------------------------------------------------

    def members(self, network: str) -> list[Member]:
        """The containers in a network whose names are to be had, on other hosts: one for each of their addresses."""
        followed = self._networks.get(network)
        if followed is None:
            return []
        living = self._followers[followed.etcd].picture.living(network, but_of=self._host)
        return [_member(endpoint) for endpoint in living if endpoint.names]

    # What has changed -----------------------------------------------------------------------------------

    def _apply(self) -> None:
        """Something is new in etcd, or was never told to the kernel."""
        self.changes += 1
        for followed in list(self._networks.values()):
            picture = self._followers[followed.etcd].picture
            if self._followers[followed.etcd].is_current:
                self._program(followed, forwarding.entries(picture.in_network(followed.network, but_of=self._host)))

    def _program(self, followed: Followed, wanted: set[Entry]) -> None:
        gone, new = forwarding.changes(followed.entries, wanted)
        if (gone or new) and not self._links.find(
            followed.device
        ):  # somebody has removed it: it is made anew at a start
            self.leave(followed.network)
            return
        for entry in gone:
            self._forget(followed.device, entry)
        for entry in new:
            self._say(followed.device, entry)
        followed.entries = wanted

    def _say(self, device: str, entry: Entry) -> None:
        kind, what, where = entry
        say = self._links.forward if kind == FORWARD else self._links.neighbour
        say(device, what, where)

    def _forget(self, device: str, entry: Entry) -> None:
        kind, what, where = entry
        forget = self._links.stop_forwarding if kind == FORWARD else self._links.forget_neighbour
        forget(device, what, where)

    def _told(self, device: str) -> set[Entry]:
        """What a device knows already, from a keeper before this one."""
        forwards = {(FORWARD, mac, host) for mac, host in self._links.forwarded(device)}
        return forwards | {(forwarding.NEIGHBOUR, address, mac) for address, mac in self._links.neighbours(device)}

    def _ours(self) -> dict[str, dict[str, Endpoint]]:
        self._host = self._host or settings.host_id(self._root)
        return ours.everything(self._database, self._host)

    def _tell(self) -> None:
        """What is new on this host, to the others. What etcd has of us may be wrong while the state does not change: a
        claim whose process ended. So that is compared each time, and the state read again only when it has changed."""
        version = self._database.version()
        if version != self._version:
            self._said, self._answering = self._ours(), ours.answering(self._database)
            self._version = version
        for etcd, follower in self._followers.items():
            follower.tell(self._said.get(etcd, {}), self._is_pending)

    def _is_pending(self, endpoint: Endpoint) -> bool:
        """Claimed by a process that lives, for what the state does not have yet. Who answers for the container has
        written down all that it has: what is not there, it has no more."""
        return owners.lives(endpoint.owner) and self._answering.get(endpoint.container) != endpoint.owner


def _member(endpoint: Endpoint) -> Member:
    address = endpoint.address
    ipv4, ipv6 = ("", address) if ":" in address else (address, "")
    return Member(endpoint.container, endpoint.names, ipv4, ipv6)
