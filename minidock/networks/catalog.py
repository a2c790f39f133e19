"""Which networks there are: definitions, found by id, name, or the beginning of an id.

Three are there for everybody: `bridge`, which containers are on that ask for nothing else, `host` and `none`. They are
written down when somebody first asks for one, since a container without addresses has no need for any of them.
"""

from __future__ import annotations

import os
import time

from minidock import jsonfile
from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from minidock.networks.subnets import Pool
    from minidock.state.database import Change, Database

BRIDGE, HOST, NONE = "bridge", "host", "none"
BUILTIN = {BRIDGE: "bridge", HOST: "host", NONE: "null"}  # each with its driver
DEFAULT = "default"  # Docker's other name for the first of them
_COLUMNS = "id, name, driver, created, builtin, internal, attachable, ipv6, labels, options, ipam"
_SELECT = f"SELECT {_COLUMNS} FROM networks"
_HEX = "0123456789abcdef"


class Network:
    """One network as it is written down."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.id: str = values[0]
        self.name: str = values[1]
        self.driver: str = values[2]
        self.created: int = values[3]  # nanoseconds since 1970
        self.is_builtin = bool(values[4])
        self.internal = bool(values[5])  # no way out, and none in
        self.attachable = bool(values[6])
        self.ipv6 = bool(values[7])
        self.labels: dict[str, str] = jsonfile.parse(values[8])
        self.options: dict[str, str] = jsonfile.parse(values[9])  # the driver's
        self._pools: list[dict[str, Any]] = jsonfile.parse(values[10])

    @property
    def scope(self) -> str:
        """How far it reaches: `swarm` is what Docker calls a network of several hosts."""
        return "swarm" if self.driver == "overlay" else "local"

    @property
    def is_user_defined(self) -> bool:
        """Names, fixed addresses and aliases are to be had in these alone."""
        return not self.is_builtin

    @property
    def pools(self) -> list[Pool]:
        """Its addresses: one pool for each subnet."""
        from minidock.networks.subnets import Pool

        return [Pool.from_data(pool) for pool in self._pools]
