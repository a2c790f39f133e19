"""Network devices, addresses, routes and neighbours, by netlink: what the command `ip` does, by pyroute2. rtnetlink(7)

A netlink socket belongs to the network namespace that it was made in, and stays there wherever its process goes. Each
object here is one, and speaks for one namespace. pyroute2 takes 0.1 s to import: this is for processes that live on.

    bridge     a switch in the kernel. What is put on it are its ports; itself it is the host's own port
    veth       two devices and the cable between them: what goes into one comes out of the other
    vlan       a part of a device: the frames that carry its number, 802.1Q
    macvlan    a second device on the same cable, with a MAC of its own; ipvlan: with the same MAC, other addresses
    vxlan      a cable through UDP packets: Ethernet frames to another host
"""

from __future__ import annotations

import errno
import os
import socket

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl.ifinfmsg.plugins.ipvlan import ipvlan

from minidock.kernel import interfaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Self

_NO_DAD = 0x02  # IFA_F_NODAD: no other machine is asked whether it has this address, since we gave it out
_LINK = 253  # RT_SCOPE_LINK: what is reached without a gateway
_PERMANENT = 0x80  # NUD_PERMANENT: said, not learned
_IPVLAN_MODES = ("l2", "l3", "l3s")
_IPVLAN_FLAGS = ("bridge", "private", "vepa")
ipvlan.nla_map = (*ipvlan.nla_map, ("IFLA_IPVLAN_FLAGS", "uint16"))  # linux/if_link.h: pyroute2 knows the mode alone
_SELF = 0x02  # NTF_SELF: the device's own table, not that of a bridge it is on
_TO_ALL = "00:00:00:00:00:00"  # in a vxlan's table: where frames go that nobody is known for


class Links:
    """The devices of one network namespace: the caller's, or that of a given netlink socket."""

    def __init__(self, netlink: socket.socket | None = None) -> None:
        self._socket = netlink or opened()
        self._route = IPRoute(use_socket=self._socket)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._route.close()

    # Devices -----------------------------------------------------------------------------------------

    def find(self, name: str) -> int:
        """A device's number; 0 if there is none of that name. By ioctl(2): netlink would tell all else as well."""
        try:
            return interfaces.index(name, self._socket)
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise
            return 0

    def index(self, name: str) -> int:
        """A device's number; OSError (ENODEV) if there is none of that name."""
        return interfaces.index(name, self._socket)

    def make(self, name: str, kind: str, **attributes: Any) -> None:
        """A new device of a kind."""
        self._ask(f'add link "{name}", {kind}', self._route.link, "add", ifname=name, kind=kind, **attributes)

    def change(self, name: str, **attributes: Any) -> None:
        """Change a device: mtu, address (its MAC), master, state ("up", "down"), ifname, net_ns_fd."""
        words = ", ".join(f"{key} {value}" for key, value in attributes.items())
        self._ask(f'set link "{name}": {words}', self._route.link, "set", index=self.index(name), **attributes)

    def delete(self, name: str) -> bool:
        """Remove a device, and what hangs on it: a veth's other end. False if there is none.

        It takes the kernel some 15 ms, since it waits until no packet can be on its way through.
        """
        found = self.find(name)
        if not found:
            return False
        try:
            self._route.link("del", index=found)
        except NetlinkError as error:
            if error.code != errno.ENODEV:  # it went by itself meanwhile
                raise _failure(f'delete link "{name}"', error) from None
            return False
        return True

    def ports(self, bridge: str) -> list[str]:
        """The devices that are on a bridge."""
        found = self._route.get_links(master=self.index(bridge))
        return sorted(str(link.get("ifname")) for link in found)

    # Kinds of devices ---------------------------------------------------------------------------------

    def make_bridge(self, name: str, *, mac: str, mtu: int = 0) -> None:
        """With an address of its own: else it would have the lowest of its ports', and change with them."""
        self.make(name, "bridge", address=mac, **({"mtu": mtu} if mtu else {}))

    def make_veth(self, name: str, *, master: str, peer: str, peer_mac: str, mtu: int, namespace: int) -> None:
        """A pair in one request: this end on a bridge and up, the other in the namespace behind a descriptor."""
        size = {"mtu": mtu} if mtu else {}
        other = {"ifname": peer, "net_ns_fd": namespace, **size, **({"address": peer_mac} if peer_mac else {})}
        port = {"master": self.index(master)} if master else {}
        self.make(name, "veth", peer=other, state="up", **port, **size)

    def set_port(self, name: str, *, isolated: bool, hairpin: bool) -> None:
        """A port of a bridge. `isolated`: its frames go to no other such port, to the host alone; `hairpin`: a frame
        may go back to where it came from, as one does whose address the firewall has changed (br_netfilter).
        """
        call = f'set port "{name}": isolated {isolated}, hairpin {hairpin}'
        flags = {"isolated": int(isolated), "mode": int(hairpin)}
        self._ask(call, self._route.brport, "set", index=self.index(name), **flags)

    def make_macvlan(self, name: str, *, parent: str, mode: str, mac: str, mtu: int, namespace: int) -> None:
        """A device on the same cable as its parent, in the namespace behind a descriptor."""
        wishes = {**({"address": mac} if mac else {}), **({"mtu": mtu} if mtu else {})}
        cable = {"link": self.index(parent), "macvlan_mode": mode, "net_ns_fd": namespace}
        self.make(name, "macvlan", **cable, **wishes)

    def make_ipvlan(self, name: str, *, parent: str, mode: str, flag: str, mtu: int, namespace: int) -> None:
        size = {"mtu": mtu} if mtu else {}
        how = {"ipvlan_mode": _IPVLAN_MODES.index(mode), "ipvlan_flags": _IPVLAN_FLAGS.index(flag)}
        self.make(name, "ipvlan", link=self.index(parent), net_ns_fd=namespace, **how, **size)

    def make_vlan(self, name: str, *, parent: str, number: int, group: int = 0) -> None:
        """The frames of a device that carry a number."""
        self.make(name, "vlan", link=self.index(parent), vlan_id=number, group=group, state="up")

    def make_dummy(self, name: str, *, group: int = 0) -> None:
        """A device with no cable."""
        self.make(name, "dummy", group=group, state="up")

    def kind(self, name: str) -> str:
        """What a device is: veth, macvlan; "" if it is the machine's own, or there is none of that name."""
        found = self.find(name)
        (link,) = self._route.link("get", index=found) if found else ({},)
        return str((link.get("linkinfo") or {}).get("kind") or "")

    def group(self, name: str) -> int:
        """The number by which whoever made a device knows it again."""
        (link,) = self._route.link("get", index=self.index(name))
        return int(link.get("group") or 0)

    def make_vxlan(
        self, name: str, *, number: int, local: str, port: int = 4789, mtu: int = 0, master: str = ""
    ) -> None:
        """A cable to other hosts, which are told to it by `forward`: it learns nothing by itself. It answers questions
        for addresses by what `neighbour` says, and passes none on."""
        own = {"vxlan_local6": local} if ":" in local else {"vxlan_local": local}
        more = {**({"mtu": mtu} if mtu else {}), **({"master": self.index(master)} if master else {})}
        how = {"vxlan_learning": False, "vxlan_proxy": True, "vxlan_port": port}
        self.make(name, "vxlan", vxlan_id=number, state="up", **how, **own, **more)

    def vxlan(self, name: str) -> tuple[int, str]:
        """The number of one that is there, and its address on this host."""
        (link,) = self._route.link("get", index=self.index(name))
        data = link.get("linkinfo").get("data")
        return int(data.get("vxlan_id")), str(data.get("vxlan_local") or data.get("vxlan_local6"))

    # Addresses and routes -----------------------------------------------------------------------------

    def addresses(self, name: str) -> set[str]:
        """A device's addresses, with the length of their networks: 172.17.0.1/16."""
        found = self._route.get_addr(index=self.index(name))
        return {f"{one.get('local') or one.get('address')}/{one['prefixlen']}" for one in found}

    def add_address(self, name: str, address: str) -> None:
        """One that it has already is no error."""
        host, _, length = address.partition("/")
        more = {"flags": _NO_DAD} if ":" in host else {"broadcast": True}
        call = f"add address {address} to {name}"
        arguments = {"index": self.index(name), "address": host, "prefixlen": int(length), **more}
        self._ask(call, self._route.addr, "add", fine=errno.EEXIST, **arguments)

    def delete_address(self, name: str, address: str) -> None:
        host, _, length = address.partition("/")
        call = f"delete address {address} of {name}"
        arguments = {"index": self.index(name), "address": host, "prefixlen": int(length)}
        self._ask(call, self._route.addr, "del", fine=errno.EADDRNOTAVAIL, **arguments)

    def set_default_route(self, gateway: str, *, device: str = "") -> None:
        """Where packets go that no other route is for; in place of what was said before. `device`: they go out there,
        and need no gateway; it only says of which kind they are."""
        way = {"oif": self.index(device), "scope": _LINK} if device else {"gateway": gateway}
        family = socket.AF_INET6 if ":" in gateway else socket.AF_INET
        call = f"replace default route via {device or gateway}"
        self._ask(call, self._route.route, "replace", dst="default", family=family, **way)

    def add_route(self, network: str, *, gateway: str = "", device: str = "") -> None:
        """A way to a network: 10.1.0.0/16."""
        way: dict[str, Any] = {"gateway": gateway} if gateway else {}
        way |= {"oif": self.index(device)} if device else {}
        self._ask(f"replace route to {network}", self._route.route, "replace", dst=network, **way)

    # Neighbours: who has an address, and behind what a MAC is ---------------------------------------------

    def neighbour(self, name: str, address: str, mac: str) -> None:
        """Who has an address on a device's network need not be asked for: arp(7)."""
        call = f"neighbour {address} is {mac} on {name}"
        self._ask(call, self._route.neigh, "replace", ifindex=self.index(name), dst=address, lladdr=mac)

    def neighbours(self, name: str) -> Iterator[tuple[str, str]]:
        """What was said of a device's neighbours: addresses, and MACs."""
        for family in (socket.AF_INET, socket.AF_INET6):
            for entry in self._route.neigh("dump", family=family, ifindex=self.index(name)):
                if entry["state"] & _PERMANENT and entry.get("lladdr"):
                    yield str(entry.get("dst")), str(entry.get("lladdr"))

    def forget_neighbour(self, name: str, address: str, mac: str) -> None:
        call = f"forget neighbour {address} on {name}"
        arguments = {"ifindex": self.index(name), "dst": address, "lladdr": mac}
        self._ask(call, self._route.neigh, "del", fine=errno.ENOENT, **arguments)

    def forward(self, name: str, mac: str, host: str) -> None:
        """By a vxlan: frames to a MAC go to that host."""
        call = f"frames to {mac} by {name} to {host}"
        self._ask(call, self._route.fdb, "replace", ifindex=self.index(name), lladdr=mac, dst=host, flags=_SELF)

    def stop_forwarding(self, name: str, mac: str, host: str) -> None:
        call = f"no more frames to {mac} by {name} to {host}"
        arguments = {"ifindex": self.index(name), "lladdr": mac, "dst": host, "flags": _SELF}
        self._ask(call, self._route.fdb, "del", fine=errno.ENOENT, **arguments)

    def forward_unknown(self, name: str, host: str) -> None:
        """By a vxlan: one more host that gets the frames for everybody, and those for nobody who is known."""
        call = f"frames for all by {name} to {host} as well"
        arguments = {"ifindex": self.index(name), "lladdr": _TO_ALL, "dst": host, "flags": _SELF}
        self._ask(call, self._route.fdb, "append", fine=errno.EEXIST, **arguments)

    def forwarded(self, name: str) -> Iterator[tuple[str, str]]:
        """A vxlan's table: MACs, and the hosts that they are behind."""
        for entry in self._route.fdb("dump", ifindex=self.index(name)):
            if entry.get("dst"):
                yield str(entry.get("lladdr")), str(entry.get("dst"))

    def _ask(self, call: str, request: Callable[..., Any], command: str, fine: int = 0, **arguments: Any) -> None:
        try:
            request(command, **arguments)
        except NetlinkError as error:
            if error.code != fine:
                raise _failure(call, error) from None


def opened() -> socket.socket:
    """A netlink socket in the namespace that the caller is in now."""
    return socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)


def _failure(call: str, error: NetlinkError) -> OSError:
    return OSError(error.code, os.strerror(error.code), call)
