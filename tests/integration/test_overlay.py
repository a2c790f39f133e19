"""An overlay network carries packets and names between hosts, on every kernel.

The rest, which is the same on all of them, is in tests/commands.
"""

from __future__ import annotations

from tests.integration.hosts import Host
from tests.integration.overlays import address, pings, resolves


def test_containers_on_two_hosts_reach_and_resolve_each_other(two: tuple[Host, Host]) -> None:
    one, other = two
    assert {address(one, "web"), address(other, "db")} == {"10.0.0.2", "10.0.0.3"}
    for here, name, there, target in ((one, "web", other, "db"), (other, "db", one, "web")):
        assert pings(here, name, address(there, target))
        assert resolves(here, name, target) == address(there, target)
        assert pings(here, name, target)
