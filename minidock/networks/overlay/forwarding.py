"""What the kernel must know of the containers on other hosts: two entries for each, on the network's VXLAN device.

A *forwarding* entry says to which host frames for a MAC are sent; a *neighbour* entry says which MAC an address belongs
to. The device answers ARP (and IPv6's neighbour solicitations) by the latter itself, so the question never leaves the
host, and nothing is ever sent to all. Both follow from the claims in etcd and from nothing else: nothing is learned
from traffic. What is not known is not sent anywhere. ip-link(8) (vxlan: proxy, nolearning), bridge(8), ip-neighbour(8)
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from minidock.networks.overlay.records import Endpoint

    Entry = tuple[str, str, str]  # forward, a MAC, a host's address; or: neighbour, an address, a MAC

FORWARD, NEIGHBOUR = "forward", "neighbour"


def entries(remote: Iterable[Endpoint]) -> set[Entry]:
    """For the endpoints of a network that are on other hosts."""
    found: set[Entry] = set()
    for endpoint in remote:
        found.add((FORWARD, endpoint.mac, endpoint.vtep))
        found.add((NEIGHBOUR, endpoint.address, endpoint.mac))
    return found


def changes(before: set[Entry], now: set[Entry]) -> tuple[list[Entry], list[Entry]]:
    """What is to be taken away, and what is to be said, in this order: a container may have moved to another host."""
    return sorted(before - now), sorted(now - before)
