"""What a container leaves on the host when its processes have ended: the steps that have something to undo.

All others die with the container's namespaces. So whoever ends a container need not make the whole plan again;
and from the record alone it can be undone by any process, at any later time.
"""

from __future__ import annotations

from minidock.steps.birth import Birth
from minidock.steps.cgroup import CreateCgroup
from minidock.steps.step import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.steps.step import Step


def remains(cgroup: str, owner: str, network: str | None = None) -> Plan:
    """The part of a container's plan that lasts, to be undone. `network` is what its annotation says of networks."""
    return Plan([CreateCgroup(cgroup, owner=owner), Birth([]), *(_connection(network) if network else [])])


def _connection(text: str) -> list[Step]:
    from minidock.steps.network import Wiring, connection

    return connection(Wiring.parse(text))
