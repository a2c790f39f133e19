"""Whoever connects a container to a wire of the host is killed at each step: nothing of it stays, and nothing is in
the way of the next."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

import pytest

from minidock.oci.spec import read_spec
from minidock.steps.live import Live
from minidock.steps.network import Wiring, connection, network_plan
from minidock.steps.place import Place
from minidock.steps.plan import container_plan
from tests.annotations import TABLE, endpoint
from tests.integration.bundles import Bundle
from tests.integration.creators import Creator, ended
from tests.integration.keepers import end_keepers
from tests.integration.parents import PARENT, devices, need, router
from tests.integration.remains import Before, delete_forced
from tests.integration.rooms import Room

__all__ = ["router"]

VLAN = {"parent": f"{PARENT}.50", "vlan_of": PARENT, "vlan": 50}
MACVLAN, IPVLAN = {"driver": "macvlan", "mode": "bridge"}, {"driver": "ipvlan", "mode": "l2", "flag": "bridge"}
KINDS: dict[str, dict[str, Any]] = {
    "macvlan": {**MACVLAN, "parent": PARENT},
    "macvlan on a VLAN": {**MACVLAN, **VLAN},
    "macvlan without a parent": {**MACVLAN, "parent": "dm-test", "dummy": True},
    "macvlan that has its parent to itself": {**MACVLAN, "mode": "passthru", "parent": PARENT},
    "ipvlan": {**IPVLAN, "parent": PARENT},
    "ipvlan on a VLAN": {**IPVLAN, **VLAN},
}


class Sharing:
    """A container that is to share a device of the host."""

    def __init__(self, bundle: Bundle, kind: dict[str, Any]) -> None:
        place = {"root": str(bundle.path / "root"), "run": str(bundle.state), "table": TABLE, "names": False}
        self._annotation = {**place, "endpoints": [endpoint("one", 2, **kind)], "ports": []}
        self.bundle = bundle
        self.bundle.config["annotations"] = {"minidock.network": json.dumps(self._annotation)}
        self.bundle.state.mkdir()
        self.bundle.program("sleep", "3600").write()

    @property
    def wiring(self) -> Wiring:
        return Wiring(self._annotation)

    def moments(self) -> list[str]:
        """The steps that connect it, and the one that comes after them."""
        spec = read_spec(str(self.bundle.path / "config.json"))
        names = [step.name for step in container_plan(spec, Place(self.bundle.id, str(self.bundle.path))).create]
        ours = [number for number, name in enumerate(names) if name.startswith("network.")]
        return names[ours[0] : ours[-1] + 2]

    def remove_network(self) -> list[str]:
        """As `network rm` does; what went wrong."""
        live = Live()
        failures = network_plan(self.wiring).undo(live)
        live.let_go()
        return [str(failure) for failure in failures]


@pytest.fixture(params=KINDS)
def sharing(request: pytest.FixtureRequest, bundle: Bundle, router: Room) -> Generator[Sharing]:  # noqa: ARG001
    kind = KINDS[request.param]
    if kind["driver"] == "ipvlan":
        need("ipvlan", "link", PARENT, "type", "ipvlan")
    if "vlan" in kind:
        need("VLANs", "link", PARENT, "type", "vlan", "id", "7")
    if "dummy" in kind:
        need("dummy devices", "type", "dummy")
    made = Sharing(bundle, kind)
    yield made
    bundle.remove()
    assert made.remove_network() == []
    end_keepers(bundle.state)


@pytest.mark.timeout(120)
def test_a_creator_that_is_killed_at_a_step_leaves_nothing_that_is_not_taken_away(sharing: Sharing) -> None:
    before = Before(sharing.bundle)
    wrong: dict[str, list[str]] = {}
    for moment in sharing.moments():
        with Creator(sharing.bundle, moment) as creator:
            assert creator.reached(), moment
            inside = creator.inside()
            creator.kill()
            creator.go_on()
            survivors = ended(inside)
        problems = [*survivors, *delete_forced(sharing.bundle), *sharing.remove_network(), *before.left()]
        wrong |= {moment: problems} if problems else {}
    assert wrong == {}


@pytest.mark.timeout(120)
def test_a_container_is_connected_though_the_keeper_is_killed_before_each_step(sharing: Sharing) -> None:
    """A step before which there is none begins one; a step that finds none any more begins the next."""
    before = Before(sharing.bundle)
    wrong: dict[str, list[str]] = {}
    for moment in sharing.moments():
        with Creator(sharing.bundle, moment) as creator:
            assert creator.reached(), moment
            end_keepers(sharing.bundle.state)
            creator.go_on()
            problems = [] if (code := creator.end()) == 0 else [f"ended with {code}"]
        problems += [*delete_forced(sharing.bundle), *sharing.remove_network(), *before.left()]
        wrong |= {moment: problems} if problems else {}
    assert wrong == {}


def test_each_step_may_be_done_twice_since_the_keeper_may_be_killed_before_it_answers(sharing: Sharing) -> None:
    live = Live(pid=sharing.bundle.sleeping())
    before = devices()
    for step in connection(sharing.wiring):
        step.do(live)
        step.do(live)
    live.let_go()
    shown = sharing.bundle.runtime("exec", sharing.bundle.id, "ip", "addr", "show", "eth0")
    assert "172.30.0.2/16" in shown.stdout, shown
    assert devices() == before
