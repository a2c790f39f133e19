"""What of a container's plan lasts on the host, and so must be undone."""

from __future__ import annotations

import importlib
import pkgutil

from minidock import jsonfile, steps
from minidock.oci.spec import Spec
from minidock.runtime import defaults
from minidock.steps.annotations import NETWORK
from minidock.steps.place import Place
from minidock.steps.plan import container_plan
from minidock.steps.publishing import Reserve
from minidock.steps.remains import remains
from minidock.steps.sharing import Shared
from minidock.steps.step import Step
from tests.annotations import endpoint, port

_NETWORK = jsonfile.dump(
    {
        "root": "/var/lib/minidock",
        "run": "/run/minidock",
        "table": "minidock",
        "container": "web",
        "names": True,
        "endpoints": [
            endpoint("one", 2),
            endpoint(
                "two", 3, device="eth1", driver="overlay", vxlan="vx-two", vni=7, vtep="10.0.0.1", etcd="10.0.0.9"
            ),
            endpoint(
                "one",
                4,
                name="far",
                device="eth2",
                driver="macvlan",
                parent="lo.5",
                vlan=5,
                vlan_of="lo",
                mode="bridge",
            ),
        ],
        "ports": [port("0.0.0.0", 8080, 80, "172.30.0.2")],
    }
)


def _kinds(kind: type[Step]) -> set[type[Step]]:
    return {kind}.union(*(_kinds(below) for below in kind.__subclasses__()))


def test_every_step_that_has_something_to_undo_is_undone_at_the_end_of_a_container() -> None:
    for module in pkgutil.iter_modules(steps.__path__):
        importlib.import_module(f"minidock.steps.{module.name}")
    lasting = {kind for kind in _kinds(Step) if kind.undo is not Step.undo and kind.__module__.startswith("minidock.")}
    reserved = {Reserve, Shared}  # what goes with the process that has it, and with the container's namespace
    assert lasting - reserved <= {type(step) for step in remains("/minidock/web", "web", _NETWORK)}


def test_they_are_undone_in_the_order_of_the_whole_plan() -> None:
    document = defaults.document(["true"])
    document["annotations"] = {NETWORK: _NETWORK}
    names = [step.name for step in container_plan(Spec(document), Place("web", "/bundle")).create]
    lasting = [step.name for step in remains("/minidock/web", "web", _NETWORK)]
    assert [name for name in names if name in lasting] == lasting
    assert [step.name for step in remains("/minidock/web", "web")] == lasting[:2]
