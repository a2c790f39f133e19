"""Endpoints: which container is in which network, what it wished for there, and what it got.

A row is there from the moment that the container is connected, whether it runs or not, until it is disconnected or
removed. What it got, addresses and a MAC, counts as long as the container is active; afterwards it is only what
the container had last.
"""

from __future__ import annotations

from minidock import jsonfile
from minidock.networks import naming
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from minidock.jsonfile import Json
    from minidock.state.database import Change, Database

_SELECT = "SELECT container, network, endpoints.id, slot, wishes, ipv4, ipv6, mac FROM endpoints"
TAKEN = (
    "SELECT network, ipv4, ipv6 FROM endpoints JOIN containers ON containers.id = container "
    f"WHERE {containers.IS_ACTIVE}"
)
_ACTIVE = f"{_SELECT} JOIN containers ON containers.id = container WHERE {containers.IS_ACTIVE}"


class Endpoint:
    """A container in a network."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.container: str = values[0]
        self.network: str = values[1]  # its id
        self.id: str = values[2]
        self.slot: int = values[3]  # 0 is eth0
        self.wishes: Json = jsonfile.parse(values[4])  # as engine/options.py's NetworkRequest has them
        self.ipv4: str = values[5]
        self.ipv6: str = values[6]
        self.mac: str = values[7]

    @property
    def name(self) -> str:
        """The network's, as the container was connected to it."""
        return str(self.wishes["network"])

    @property
    def priority(self) -> int:
        return int(self.wishes.get("gw_priority") or 0)

    @property
    def addresses(self) -> list[str]:
        return [address for address in (self.ipv4, self.ipv6) if address]


def of(state: Database | Change, container_id: str) -> list[Endpoint]:
    """A container's, in the order of its devices."""
    rows = state.rows(f"{_SELECT} WHERE container = ? ORDER BY slot", container_id)
    return [Endpoint(values) for values in rows]


def find(state: Database | Change, container_id: str, network_id: str) -> Endpoint | None:
    rows = state.rows(f"{_SELECT} WHERE container = ? AND network = ?", container_id, network_id)
    return Endpoint(rows[0]) if rows else None


def active(state: Database | Change, network_id: str) -> list[Endpoint]:
    """Those of a network's containers that have addresses at this moment."""
    rows = state.rows(f"{_ACTIVE} AND network = ? ORDER BY slot, container", network_id)
    return [Endpoint(values) for values in rows]


def all_of(state: Database | Change, network_id: str) -> list[Endpoint]:
    """Those of all that are in a network, whether they have addresses or not."""
    rows = state.rows(f"{_SELECT} WHERE network = ? ORDER BY slot, container", network_id)
    return [Endpoint(values) for values in rows]


def is_active(state: Database | Change, container_id: str) -> bool:
    return bool(state.rows(f"SELECT 1 FROM containers WHERE id = ? AND {containers.IS_ACTIVE}", container_id))


def add(change: Change, container_id: str, network_id: str, wishes: Json) -> Endpoint:
    """Connect a container. Its device gets the first free number."""
    taken = {endpoint.slot for endpoint in of(change, container_id)}
    slot = next(number for number in range(len(taken) + 1) if number not in taken)
    change.do(
        "INSERT INTO endpoints (container, network, id, slot, wishes) VALUES (?, ?, ?, ?, ?)",
        *(container_id, network_id, naming.new_id(), slot, jsonfile.dump(wishes)),
    )
    found = find(change, container_id, network_id)
    assert found
    return found


def save(change: Change, endpoint: Endpoint, network_id: str) -> None:
    """Write down what it got; and its network, which may have become another of the same name."""
    change.do(
        "UPDATE endpoints SET network = ?, slot = ?, ipv4 = ?, ipv6 = ?, mac = ? WHERE id = ?",
        *(network_id, endpoint.slot, endpoint.ipv4, endpoint.ipv6, endpoint.mac, endpoint.id),
    )
    endpoint.network = network_id


def remove(change: Change, endpoint: Endpoint) -> None:
    change.do("DELETE FROM endpoints WHERE id = ?", endpoint.id)
