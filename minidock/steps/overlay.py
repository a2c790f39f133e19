"""The steps of an overlay network beyond those of any bridge: the way to the other hosts. More: networks/overlay/."""

from __future__ import annotations

import errno

from minidock.kernel import interfaces
from minidock.steps.network import Kept

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.steps.live import Live
    from minidock.steps.network import Endpoint, Wiring

PORT = 4789  # where hosts expect VXLAN: IANA's


class Tunnel(Kept):
    """A port of the bridge that leads to the other hosts."""

    man = "ip-link(8)"
    why = "the bridge ends at this host: without it the network's containers on other hosts would be out of reach"
    hints = {
        errno.EEXIST: "this host has a VXLAN of that number already: one of another minidock, or of another program",
        errno.EADDRNOTAVAIL: "MINIDOCK_VXLAN_ADDRESS says at which of its addresses the others reach this host",
    }

    def __init__(self, wiring: Wiring, endpoint: Endpoint, *, lasting: bool = True) -> None:
        super().__init__(wiring)
        self.name = f"network.overlay.{endpoint.name}"
        self.needs = (f"network.bridge.{endpoint.name}",)
        self.network = endpoint.network
        self.bridge: str = endpoint.data["bridge"]
        self.vxlan: str = endpoint.data["vxlan"]
        self.number: int = endpoint.data["vni"]
        self.local: str = endpoint.data["vtep"]
        self.mtu = endpoint.mtu
        self.lasting = lasting  # it outlives the containers

    def says(self) -> str:
        how = f"by VXLAN {self.number} from {self.local}"
        return f"make sure that {self.vxlan} on {self.bridge} leads to the other hosts, {how}"

    def shell(self) -> str:
        how = f"id {self.number} local {self.local} dstport {PORT} nolearning proxy"
        make = f"ip link add {self.vxlan} mtu {self.mtu} master {self.bridge} up type vxlan {how}"
        return f"ip link show {self.vxlan} 2>/dev/null | grep -q . || {{ {make}; NEW_VXLAN={self.vxlan}; }}"

    def unshell(self) -> str:
        """Only one that was made here, and that nobody else needs by now: it is the last on its bridge."""
        others = f"ip -o link show master {self.bridge} | grep -v ' {self.vxlan}[@:]'"
        return f'[ "$NEW_VXLAN" != {self.vxlan} ] || [ -n "$({others})" ] || ip link delete {self.vxlan}'

    def do(self, live: Live) -> None:
        asked = {"vxlan": self.vxlan, "bridge": self.bridge, "number": self.number, "local": self.local, "port": PORT}
        self.ask(live, "tunnel", **asked, mtu=self.mtu)

    def undo(self, live: Live) -> None:
        if not self.lasting and interfaces.exists(self.vxlan):
            self.ask(live, "remove.tunnel", vxlan=self.vxlan, network=self.network)


class Peers(Kept):
    """What the other hosts have in the network."""

    man = "bridge(8)"
    why = (
        "nothing is learned from traffic: what etcd knows of the others has to be told to the kernel, and to the names"
    )

    def __init__(self, wiring: Wiring, endpoint: Endpoint) -> None:
        super().__init__(wiring)
        self.name = f"network.peers.{endpoint.name}"
        self.needs = (f"network.overlay.{endpoint.name}",)
        self.endpoint = endpoint
        self.vxlan: str = endpoint.data["vxlan"]
        self.etcd: dict[str, str] = endpoint.data["etcd"]  # where it is, and how it is asked

    def says(self) -> str:
        where = self.etcd["etcd"]
        return f"follow the containers on other hosts in etcd at {where}, and have {self.vxlan} know where they are"

    def shell(self) -> str:
        """What there is to be said, this machine's etcd knows when the time comes."""
        return (
            f"# For each container on another host, with its MAC, address, and that host's address:\n"
            f"# bridge fdb replace $MAC dev {self.vxlan} dst $HOST self permanent\n"
            f"# ip neighbour replace $ADDRESS lladdr $MAC dev {self.vxlan} nud permanent"
        )

    def do(self, live: Live) -> None:
        self.ask(live, "peers", network=self.endpoint.network, vxlan=self.vxlan, etcd=self.etcd)
