"""The plan of a container that nobody makes: the steps that `run` would do. Reading it needs no privileges."""

from __future__ import annotations

from minidock.engine.configuring import choosing, sharing
from minidock.engine.configuring.configuration import configuration
from minidock.engine.life import volume_mounts
from minidock.oci.spec import Spec
from minidock.steps import plan as steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.engine.options import Options
    from minidock.steps.plan import ContainerPlan

_EXAMPLE_ID = "0" * 64


def plan(engine: Engine, options: Options) -> ContainerPlan:
    place, image = engine.place(_EXAMPLE_ID), choosing.image(engine, options, may_pull=False)
    options.mount_points = volume_mounts.resolve(engine, options, image)
    spec = Spec(configuration(image, options, place, sharing.find(engine, options, running=False)))
    return steps.container_plan(spec, steps.Place(place.id, place.path))
