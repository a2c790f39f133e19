"""Drivers: what a network is made of. One module for each kind, loaded when a network of that kind is at hand.

A driver is a module with these names, of which bridge.py is the example:

    check(wanted)                refuse a definition that it cannot carry out, in Docker's words
    fit(wanted, others)          refuse one that cannot be beside a network that there is
    leads_nowhere(wanted)        whether it is internal even if nobody says so
    endpoint(network, root)      what the steps need to know of the network, for an endpoint in the annotation
                                 `minidock.network`; docs/networks.md says what they need to know of any
    prefix(network)              what a container's device is called, before its number
"""

from __future__ import annotations

import sys

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from minidock.jsonfile import Json
    from minidock.networks.catalog import Network
    from minidock.networks.subnets import Pool

    class Driver(Protocol):
        def check(self, wanted: Definition) -> None: ...

        def fit(self, wanted: Definition, others: Sequence[Network]) -> None: ...

        def leads_nowhere(self, wanted: Definition) -> bool: ...

        def endpoint(self, network: Network, root: str) -> Json: ...

        def prefix(self, network: Network) -> str: ...


KNOWN = ("bridge", "ipvlan", "macvlan", "overlay")
_SINGLE = ("host", "null")  # there is one network of each, and it is nothing but a name


class Definition:
    """A network that somebody wants, and that does not exist yet."""

    def __init__(self, name: str, options: Mapping[str, str], pools: Sequence[Pool], *, internal: bool) -> None:
        self.name = name
        self.options = options
        self.pools = pools
        self.internal = internal


def load(driver: str) -> Driver:
    if driver in _SINGLE:
        raise MinidockError(f'only one instance of "{driver}" network is allowed')
    if driver not in KNOWN:
        raise MinidockError(f'plugin "{driver}" not found', hint=f"drivers are {', '.join(KNOWN)}")
    name = f"{__name__}.{driver}"
    __import__(name)
    driver_module: Driver = sys.modules[name]
    return driver_module
