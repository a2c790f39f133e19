"""What the kernel remembers of connections: where it has sent the first packet of one, all further ones go.

For TCP that is as it should be, since a connection has an end. Datagrams have none: whoever keeps sending from the same
port is one connection for ever, and goes where it went before, whatever the firewall says by now. nf_conntrack
"""

from __future__ import annotations

import errno
import socket

from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple, NFCTSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection


def forget_datagrams(ports: Collection[int], *, ipv6: bool) -> None:
    """All that is remembered of datagrams to these ports: the next one is a first one again."""
    family = socket.AF_INET6 if ipv6 else socket.AF_INET
    every = NFCTAttrTuple(family=family, proto=socket.IPPROTO_UDP)
    with NFCTSocket(nfgen_family=family) as netlink:
        found = [
            NFCTAttrTuple.from_netlink(family, one.get_attr("CTA_TUPLE_ORIG")) for one in netlink.dump(tuple_orig=every)
        ]
        for way in found:
            if way.dport in ports and way.proto == socket.IPPROTO_UDP:
                _forget(netlink, way)


def _forget(netlink: NFCTSocket, way: NFCTAttrTuple) -> None:
    try:
        netlink.entry("del", tuple_orig=way)
    except NetlinkError as error:
        if error.code != errno.ENOENT:  # it has just been too old
            raise OSError(error.code, str(error), f"forget connection to port {way.dport}") from None
