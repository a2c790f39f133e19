"""What a network namespace has, as the kernel tells it: devices with their addresses, and routes. rtnetlink(7)

This is looking alone; kernel/links.py is for changing. A netlink socket belongs to the namespace that it was made in:
so a thread that has made one there may come back.
"""

from __future__ import annotations

import os
from _socket import AF_INET, AF_INET6

from minidock.kernel import namespaces
from minidock.kernel.netlink import AddressMessage, LinkMessage, Netlink, RouteMessage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAIN_TABLE = 254  # RT_TABLE_MAIN: where packets that leave are looked up; others hold the host's own addresses
_PORT_STATES = ("disabled", "listening", "learning", "forwarding", "blocking")  # BR_STATE_…, linux/if_bridge.h
_UP = 1  # IFF_UP


class Device:
    """A network device."""

    def __init__(self, message: Any) -> None:
        information = message.get_attr("IFLA_LINKINFO")
        port = information and information.get_attr("IFLA_INFO_SLAVE_DATA")
        self.index: int = message["index"]
        self.name: str = message.get_attr("IFLA_IFNAME")
        self.kind: str = (information and information.get_attr("IFLA_INFO_KIND")) or ""  # bridge, veth…; "": hardware
        self.mac: str = message.get_attr("IFLA_ADDRESS") or ""
        self.mtu: int = message.get_attr("IFLA_MTU")
        self.is_up = bool(message["flags"] & _UP)
        self.master: int = message.get_attr("IFLA_MASTER") or 0  # the bridge that it is a port of
        self.peer: int = message.get_attr("IFLA_LINK") or 0  # the other end of its cable, or the device below it
        self.peer_is_elsewhere = message.get_attr("IFLA_LINK_NETNSID") is not None  # in another namespace
        self.number: int = _number(information)  # of a vlan or vxlan
        self.port_state = _PORT_STATES[port.get_attr("IFLA_BRPORT_STATE")] if _is_port(port) else ""
        self.is_isolated = bool(_is_port(port) and port.get_attr("IFLA_BRPORT_ISOLATED"))
        self.addresses: list[str] = []  # with the length of their networks


class Route:
    """Where packets for a network go."""

    def __init__(self, message: Any, names: dict[int, str]) -> None:
        target = message.get_attr("RTA_DST")
        self.network = f"{target}/{message['dst_len']}" if target else "default"
        self.gateway: str = message.get_attr("RTA_GATEWAY") or ""
        self.device = names.get(message.get_attr("RTA_OIF"), "")

    def __str__(self) -> str:
        return f"{self.network} via {self.gateway}" if self.gateway else f"{self.network} on {self.device}"


class Survey:
    """One network namespace, at one moment."""

    def __init__(self, devices: list[Device], routes: list[Route], inode: int) -> None:
        self.devices = devices
        self.routes = routes
        self.inode = inode  # by which one namespace is told from another: net:[4026531840]

    @property
    def way_out(self) -> str:
        """Where packets for all other networks go, `10.0.2.2 by eth0`; empty where they go nowhere."""
        route = next((route for route in self.routes if route.network == "default"), None)
        return f"{route.gateway or 'directly'} by {route.device}" if route else ""

    def find(self, name: str) -> Device | None:
        return next((device for device in self.devices if device.name == name), None)


def here() -> Survey:
    """The namespace that this thread is in."""
    return _survey(Netlink(), os.stat(namespaces.file_of("thread-self", "network")).st_ino)


def of_process(pid: int) -> Survey:
    """The one that a process is in."""
    return of_namespace(namespaces.file_of(pid, "network"))


def of_namespace(path: str) -> Survey:
    """The one behind a file: of a process, or one that `ip netns add` has given a name."""
    own = os.open(namespaces.file_of("thread-self", "network"), os.O_RDONLY | os.O_CLOEXEC)
    try:
        inode = os.stat(path).st_ino
        namespaces.join("network", path)
        try:
            netlink = Netlink()
        finally:
            namespaces.enter("network", own)
    finally:
        os.close(own)
    return _survey(netlink, inode)


def _survey(netlink: Netlink, inode: int) -> Survey:
    try:
        devices = {message["index"]: Device(message) for message in netlink.everything(LinkMessage)}
        for message in netlink.everything(AddressMessage):
            if device := devices.get(message["index"]):  # it may have come meanwhile
                local = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
                device.addresses.append(f"{local}/{message['prefixlen']}")
        names = {index: device.name for index, device in devices.items()}
        routes = [Route(message, names) for message in _main_routes(netlink)]
    finally:
        netlink.close()
    return Survey([*devices.values()], routes, inode)


def _main_routes(netlink: Netlink) -> list[Any]:
    """The main table's, without what each device has by itself: multicast, and local addresses."""
    found = [one for family in (AF_INET, AF_INET6) for one in netlink.everything(RouteMessage, family=family)]
    return [message for message in found if message.get_attr("RTA_TABLE") == _MAIN_TABLE and message["type"] == 1]


def _number(information: Any) -> int:
    data = information and information.get_attr("IFLA_INFO_DATA")
    if not hasattr(data, "get_attr"):  # of kinds that pyroute2 does not know it has the bytes alone
        return 0
    return int(data.get_attr("IFLA_VLAN_ID") or data.get_attr("IFLA_VXLAN_ID") or 0)


def _is_port(data: Any) -> bool:
    return hasattr(data, "get_attr") and data.get_attr("IFLA_BRPORT_STATE") is not None
