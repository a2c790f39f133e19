"""The steps of a container that shares a device of the host: macvlan and ipvlan. networks/drivers/ says what they are.

Such a container has no cable to a bridge: its device is made on the parent, and put into its network namespace. It is
on the parent's wire from then on, and the host's firewall and address translation have no part in it.
"""

from __future__ import annotations

import errno
import time

from minidock.kernel import interfaces
from minidock.steps.network import Address, Kept

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from minidock.steps.live import Live
    from minidock.steps.network import Endpoint, Wiring
    from minidock.steps.step import Step

_ONE_ALONE = "passthru"
_PATIENCE = 2.0  # seconds for the kernel to take a device away whose namespace has just ended
_PAUSE = 0.02


def parent(wiring: Wiring, endpoint: Endpoint, *, lasting: bool = True) -> list[Step]:
    """What the host needs, if it is not there already."""
    return [Parent(wiring, endpoint, lasting=lasting)] if {"vlan", "dummy"} & set(endpoint.data) else []


def group(table: str) -> int:
    """The number of the group of devices that this minidock has made, by which it knows them again. ip-link(8)"""
    from zlib import crc32

    return crc32(table.encode()) | 1  # all others are in group 0


class Parent(Kept):
    """A device of the host that containers share: a VLAN of another one, or one that leads nowhere."""

    man = "ip-link(8)"
    hints = {
        errno.ENODEV: "-o parent= names a device that this host does not have: ip link shows those it has",
    }

    def __init__(self, wiring: Wiring, endpoint: Endpoint, *, lasting: bool) -> None:
        super().__init__(wiring)
        self.name = f"network.parent.{endpoint.name}"
        self.parent: str = endpoint.data["parent"]
        self.of: str = endpoint.data.get("vlan_of", "")
        self.number: int = endpoint.data.get("vlan", 0)
        self.lasting = lasting  # it outlives the containers on it
        self.why = (
            f"the frames of VLAN {self.number} carry its number: without a device that takes it off they are nobody's"
            if self.of
            else "a shared device needs one to share: this has no wire, so that the network is its containers' alone"
        )

    def says(self) -> str:
        what = f"VLAN {self.number} of {self.of}" if self.of else "a device without a wire"
        return f"make sure that there is {self.parent}, {what}"

    def shell(self) -> str:
        of = f"link {self.of} " if self.of else ""
        kind = f"vlan id {self.number}" if self.of else "dummy"
        make = f"ip link add {of}name {self.parent} up group {group(self.wiring.table)} type {kind}"
        return f"ip link show {self.parent} 2>/dev/null | grep -q . || {{ {make}; NEW_PARENT={self.parent}; }}"

    def unshell(self) -> str:
        """With it would go all that others have put on it by now."""
        is_used = f'ip -o link | grep -q "@{self.parent}:"'
        return f'[ "$NEW_PARENT" != {self.parent} ] || {is_used} || ip link delete {self.parent}'

    def do(self, live: Live) -> None:
        if not interfaces.exists(self.parent):
            marked = group(self.wiring.table)
            self.ask(live, "parent", parent=self.parent, of=self.of, number=self.number, group=marked)

    def undo(self, live: Live) -> None:
        """Only what was made here: a VLAN that somebody else has set up is theirs."""
        if not self.lasting and interfaces.exists(self.parent):
            self.ask(live, "remove.parent", parent=self.parent, group=group(self.wiring.table))


class Shared(Kept):
    """The container's device on its parent."""

    man = "ip-link(8)"
    why = "a network namespace is an empty machine: this puts it on the wire that the parent is on"
    hints = {
        errno.ENODEV: "-o parent= names a device that this host does not have: ip link shows those it has",
        errno.EBUSY: "the parent is shared in another way already: by macvlan, by ipvlan, or as a port of a bridge",
    }

    def __init__(self, wiring: Wiring, endpoint: Endpoint, *, prompt: bool) -> None:
        super().__init__(wiring)
        self.name = f"network.{endpoint.driver}.{endpoint.name}"
        self.needs = ("namespace.network", f"network.parent.{endpoint.name}")
        self.endpoint = endpoint
        self.driver = endpoint.driver
        self.parent: str = endpoint.data["parent"]
        self.mode: str = endpoint.data["mode"]
        self.flag: str = endpoint.data.get("flag", "")
        self.prompt = prompt  # undone, it is gone at once; else it goes with the container's namespace

    def says(self) -> str:
        mac = f" ({self.endpoint.mac})" if self.driver == "macvlan" else ", with its MAC"
        return f"put {self.endpoint.device}{mac} beside {self.parent}, in mode {self.mode}, for the container"

    def shell(self) -> str:
        mac = f" address {self.endpoint.mac}" if self.driver == "macvlan" else ""
        mtu = f" mtu {self.endpoint.mtu}" if self.endpoint.mtu else ""
        what = f"name {self.endpoint.device}{mac}{mtu} netns $PID"
        mode = f"mode {self.mode} {self.flag}".strip()
        return f"ip link add link {self.parent} {what} type {self.driver} {mode}"

    def do(self, live: Live) -> None:
        """Who had the parent to itself may be on its way out."""
        _patiently(lambda: self._make(live), errno.EINVAL if self.mode == _ONE_ALONE else 0)

    def _make(self, live: Live) -> None:
        end = self.endpoint
        asked = {"parent": self.parent, "mode": self.mode, "device": end.device, "mtu": end.mtu, "pid": live.pid}
        more = {"mac": end.mac} if self.driver == "macvlan" else {"flag": self.flag}
        self.ask_inside(live, self.driver, **asked, **more)

    def undo(self, live: Live) -> None:
        if self.prompt and live.pid:
            self.ask_inside(live, "remove.inside", device=self.endpoint.device)


class SharedAddress(Address):
    """The kernel lets nobody else have the addresses of a device on the same parent, also not while that goes."""

    def do(self, live: Live) -> None:
        _patiently(lambda: super(SharedAddress, self).do(live), errno.EADDRINUSE)


def _patiently(act: Callable[[], object], passing: int) -> None:
    """Try again for a while what the kernel refuses with this number. When a container ends, the keeper takes its
    devices away at once; if that has been killed, the kernel does, in its own time."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            act()
            return
        except OSError as error:
            if error.errno != passing or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE)
