"""What of a container's plan lasts on the host, and so must be undone."""

from __future__ import annotations

import importlib
import pkgutil

from minidock import steps
from minidock.oci.spec import Spec
from minidock.runtime import defaults
from minidock.steps.place import Place
from minidock.steps.plan import container_plan
from minidock.steps.remains import remains
from minidock.steps.step import Step


def _kinds(kind: type[Step]) -> set[type[Step]]:
    return {kind}.union(*(_kinds(below) for below in kind.__subclasses__()))


def test_every_step_that_has_something_to_undo_is_undone_at_the_end_of_a_container() -> None:
    for module in pkgutil.iter_modules(steps.__path__):
        importlib.import_module(f"minidock.steps.{module.name}")
    lasting = {kind for kind in _kinds(Step) if kind.undo is not Step.undo and kind.__module__.startswith("minidock.")}
    assert lasting == {type(step) for step in remains("/minidock/web", "web")}


def test_they_are_undone_in_the_order_of_the_whole_plan() -> None:
    spec = Spec(defaults.document(["true"]))
    names = [step.name for step in container_plan(spec, Place("web", "/bundle")).create]
    lasting = [step.name for step in remains("/minidock/web", "web")]
    assert [name for name in names if name in lasting] == lasting
