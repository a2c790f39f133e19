"""Network devices, addresses, routes and neighbours, by netlink: what the command `ip` does. rtnetlink(7)

Each object here is a socket, and speaks for one network namespace: kernel/netlink.py.

    bridge     a switch in the kernel. What is put on it are its ports; itself it is the host's own port
    veth       two devices and the cable between them: what goes into one comes out of the other
    vlan       a part of a device: the frames that carry its number, 802.1Q
    macvlan    a second device on the same cable, with a MAC of its own; ipvlan: with the same MAC, other addresses
    vxlan      a cable through UDP packets: Ethernet frames to another host
"""

from __future__ import annotations

import errno
import socket

from minidock.kernel import interfaces
from minidock.kernel.netlink import (
    CREATE,
    REPLACE,
    AddressMessage,
    LinkMessage,
    NeighbourMessage,
    Netlink,
    RouteMessage,
    message,
    nested,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Self

_UP = 0x1  # IFF_UP
_NO_DAD = 0x02  # IFA_F_NODAD: no other machine is asked whether it has this address, since we gave it out
_MAIN, _STATIC, _UNICAST = 254, 4, 1  # RT_TABLE_MAIN, RTPROT_STATIC, RTN_UNICAST
_LINK = 253  # RT_SCOPE_LINK: what is reached without a gateway
_PERMANENT, _NOARP = 0x80, 0x40  # NUD_…: said, not learned; and not to be asked for either
_SELF = 0x02  # NTF_SELF: the device's own table, not that of a bridge it is on
_IPVLAN_MODES = ("l2", "l3", "l3s")
_IPVLAN_FLAGS = ("bridge", "private", "vepa")
_WITHOUT_BROADCAST = 31  # bits, from which on a network has no address for everybody


class Links:
    """The devices of one network namespace: the caller's, or that of a given netlink socket."""

    def __init__(self, sock: socket.socket | None = None) -> None:
        self._netlink = Netlink(sock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._netlink.close()

    # Devices -----------------------------------------------------------------------------------------

    def find(self, name: str) -> int:
        """A device's number; 0 if there is none of that name. By ioctl(2): netlink would tell all else as well."""
        try:
            return self.index(name)
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise
            return 0

    def index(self, name: str) -> int:
        """A device's number; OSError (ENODEV) if there is none of that name."""
        return interfaces.index(name, self._netlink.socket)

    def bring_up(self, name: str) -> None:
        request = message(LinkMessage, {}, index=self.index(name), flags=_UP, change=_UP)
        self._netlink.make(f'set link "{name}": up', request, 0)

    def put_on(self, name: str, bridge: str) -> None:
        """Make a device a port of a bridge; "": of none."""
        master = self.index(bridge) if bridge else 0
        request = message(LinkMessage, {"IFLA_MASTER": master}, index=self.index(name))
        self._netlink.make(f'set link "{name}": on "{bridge}"', request, 0)

    def delete(self, name: str) -> bool:
        """Remove a device, and what hangs on it: a veth's other end. False if there is none.

        It takes the kernel some 15 ms, since it waits until no packet can be on its way through.
        """
        found = self.find(name)
        if found:
            request = message(LinkMessage, {}, index=found)
            self._netlink.delete(f'delete link "{name}"', request, fine=errno.ENODEV)  # it may have gone by itself
        return bool(found)

    def ports(self, bridge: str) -> list[str]:
        """The devices that are on a bridge."""
        master = self.index(bridge)
        links = self._netlink.everything(LinkMessage)
        return sorted(str(link.get("ifname")) for link in links if link.get("master") == master)

    def kind(self, name: str) -> str:
        """What a device is: veth, macvlan; "" if it is the machine's own, or there is none of that name."""
        information = self._described(name).get("linkinfo") if self.find(name) else None
        return str((information or {}).get("kind") or "")

    def group(self, name: str) -> int:
        """The number by which whoever made a device knows it again."""
        return int(self._described(name).get("group") or 0)

    def _described(self, name: str) -> Any:
        return self._netlink.get(f'get link "{name}"', message(LinkMessage, {}, index=self.index(name)))

    # Kinds of devices ---------------------------------------------------------------------------------

    def _make(self, name: str, kind: str, data: dict[str, Any] | None = None, flags: int = 0, **more: Any) -> None:
        """A new device. `data`: what only this kind has; `more`: what any may have, as the kernel calls it."""
        information = {"IFLA_INFO_KIND": kind, "IFLA_INFO_DATA": nested(data) if data else None}
        attributes = {"IFLA_IFNAME": name, **_named(more), "IFLA_LINKINFO": nested(information)}
        request = message(LinkMessage, attributes, flags=flags, change=flags)
        self._netlink.make(f'add link "{name}", {kind}', request)

    def make_bridge(self, name: str, *, mac: str, mtu: int = 0) -> None:
        """With an address of its own: else it would have the lowest of its ports', and change with them."""
        self._make(name, "bridge", address=mac, mtu=mtu)

    def make_veth(self, name: str, *, master: str, peer: str, peer_mac: str, mtu: int, namespace: int) -> None:
        """A pair in one request: this end on a bridge and up, the other in the namespace behind a descriptor."""
        other = {"ifname": peer, "mtu": mtu, "address": peer_mac, "net_ns_fd": namespace}
        port = {"master": self.index(master)} if master else {}
        self._make(name, "veth", {"VETH_INFO_PEER": nested(_named(other))}, flags=_UP, mtu=mtu, **port)

    def set_port(self, name: str, *, isolated: bool, hairpin: bool) -> None:
        """A port of a bridge. `isolated`: its frames go to no other such port, to the host alone; `hairpin`: a frame
        may go back to where it came from, as one does whose address the firewall has changed (br_netfilter).
        """
        data = nested({"IFLA_BRPORT_ISOLATED": int(isolated), "IFLA_BRPORT_MODE": int(hairpin)})
        information = nested({"IFLA_INFO_SLAVE_KIND": "bridge", "IFLA_INFO_SLAVE_DATA": data})
        request = message(LinkMessage, {"IFLA_LINKINFO": information}, index=self.index(name))
        self._netlink.make(f'set port "{name}": isolated {isolated}, hairpin {hairpin}', request, 0)

    def make_macvlan(self, name: str, *, parent: str, mode: str, mac: str, mtu: int, namespace: int) -> None:
        """A device on the same cable as its parent, in the namespace behind a descriptor."""
        where = {"link": self.index(parent), "net_ns_fd": namespace}
        self._make(name, "macvlan", {"IFLA_MACVLAN_MODE": mode}, address=mac, mtu=mtu, **where)

    def make_ipvlan(self, name: str, *, parent: str, mode: str, flag: str, mtu: int, namespace: int) -> None:
        where = {"link": self.index(parent), "net_ns_fd": namespace}
        how = {"IFLA_IPVLAN_MODE": _IPVLAN_MODES.index(mode), "IFLA_IPVLAN_FLAGS": _IPVLAN_FLAGS.index(flag)}
        self._make(name, "ipvlan", how, mtu=mtu, **where)

    def make_vlan(self, name: str, *, parent: str, number: int, group: int = 0) -> None:
        """The frames of a device that carry a number."""
        self._make(name, "vlan", {"IFLA_VLAN_ID": number}, flags=_UP, link=self.index(parent), group=group)

    def make_dummy(self, name: str, *, group: int = 0) -> None:
        """A device with no cable."""
        self._make(name, "dummy", flags=_UP, group=group)

    def make_vxlan(
        self, name: str, *, number: int, local: str, port: int = 4789, mtu: int = 0, master: str = ""
    ) -> None:
        """A cable to other hosts, which are told to it by `forward`: it learns nothing by itself. It answers questions
        for addresses by what `neighbour` says, and passes none on."""
        own = "IFLA_VXLAN_LOCAL6" if ":" in local else "IFLA_VXLAN_LOCAL"
        how = {"IFLA_VXLAN_LEARNING": 0, "IFLA_VXLAN_PROXY": 1, "IFLA_VXLAN_PORT": port}
        on = {"master": self.index(master)} if master else {}
        self._make(name, "vxlan", {"IFLA_VXLAN_ID": number, own: local, **how}, flags=_UP, mtu=mtu, **on)

    def vxlan(self, name: str) -> tuple[int, str]:
        """The number of one that is there, and its address on this host."""
        data = self._described(name).get("linkinfo").get("data")
        return int(data.get("vxlan_id")), str(data.get("vxlan_local") or data.get("vxlan_local6"))

    # Addresses and routes -----------------------------------------------------------------------------

    def add_address(self, name: str, address: str) -> None:
        """One that it has already is no error."""
        host, _, length = address.partition("/")
        family = _family(host)
        attributes = {"IFA_ADDRESS": host, "IFA_LOCAL": host, "IFA_BROADCAST": _broadcast(host, int(length))}
        flags = _NO_DAD if family == socket.AF_INET6 else 0
        fields = {"family": family, "prefixlen": int(length), "flags": flags, "index": self.index(name)}
        request = message(AddressMessage, attributes, **fields)
        self._netlink.make(f"add address {address} to {name}", request, fine=errno.EEXIST)

    def set_default_route(self, gateway: str, *, device: str = "") -> None:
        """Where packets go that no other route is for; in place of what was said before. `device`: they go out there,
        and need no gateway; it only says of which kind they are."""
        way = {"RTA_OIF": self.index(device)} if device else {"RTA_GATEWAY": gateway}
        kind = {"table": _MAIN, "proto": _STATIC, "type": _UNICAST, "scope": _LINK if device else 0}
        request = message(RouteMessage, way, family=_family(gateway), **kind)
        self._netlink.make(f"replace default route via {device or gateway}", request, CREATE | REPLACE)

    # Neighbours: who has an address, and behind what a MAC is ---------------------------------------------

    def neighbour(self, name: str, address: str, mac: str) -> None:
        """Who has an address on a device's network need not be asked for: arp(7)."""
        request = self._neighbour(name, mac, address, family=_family(address), state=_PERMANENT)
        self._netlink.make(f"neighbour {address} is {mac} on {name}", request, CREATE | REPLACE)

    def neighbours(self, name: str) -> Iterator[tuple[str, str]]:
        """What was said of a device's neighbours: addresses, and MACs."""
        for family in (socket.AF_INET, socket.AF_INET6):
            for entry in self._entries(name, family):
                if entry["state"] & _PERMANENT and entry.get("lladdr"):
                    yield str(entry.get("dst")), str(entry.get("lladdr"))

    def forget_neighbour(self, name: str, address: str, mac: str) -> None:
        request = self._neighbour(name, mac, address, family=_family(address))
        self._netlink.delete(f"forget neighbour {address} on {name}", request, fine=errno.ENOENT)

    def forward(self, name: str, mac: str, host: str) -> None:
        """By a vxlan: frames to a MAC go to that host."""
        request = self._neighbour(name, mac, host, family=socket.AF_BRIDGE, state=_PERMANENT | _NOARP, flags=_SELF)
        self._netlink.make(f"frames to {mac} by {name} to {host}", request, CREATE | REPLACE)

    def stop_forwarding(self, name: str, mac: str, host: str) -> None:
        request = self._neighbour(name, mac, host, family=socket.AF_BRIDGE, flags=_SELF)
        self._netlink.delete(f"no more frames to {mac} by {name} to {host}", request, fine=errno.ENOENT)

    def forwarded(self, name: str) -> Iterator[tuple[str, str]]:
        """A vxlan's table: MACs, and the hosts that they are behind."""
        for entry in self._entries(name, socket.AF_BRIDGE):
            if entry.get("dst"):
                yield str(entry.get("lladdr")), str(entry.get("dst"))

    def _neighbour(self, name: str, mac: str, where: str, **fields: int) -> Any:
        return message(NeighbourMessage, {"NDA_DST": where, "NDA_LLADDR": mac}, ifindex=self.index(name), **fields)

    def _entries(self, name: str, family: int) -> list[Any]:
        device = self.index(name)
        return [one for one in self._netlink.everything(NeighbourMessage, family=family) if one["ifindex"] == device]


def _named(attributes: dict[str, Any]) -> dict[str, Any]:
    """As the kernel calls them; those that say nothing are left out: mtu 0, no MAC."""
    return {f"IFLA_{name.upper()}": value for name, value in attributes.items() if value not in (0, "")}


def _family(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _broadcast(host: str, length: int) -> str | None:
    """The last address of a network is everybody's there. IPv6 has none such."""
    if ":" in host or length >= _WITHOUT_BROADCAST:
        return None
    number = int.from_bytes(socket.inet_aton(host), "big") | ((1 << (32 - length)) - 1)
    return socket.inet_ntoa(number.to_bytes(4, "big"))
