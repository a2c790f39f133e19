"""A container, from what was asked for to its exit code. In this version it lives as long as its command."""

from __future__ import annotations

from minidock.engine import mounts, network_files
from minidock.engine.configuration import configuration, hostname
from minidock.engine.directories import Place, data_root, new_id
from minidock.errors import MinidockError
from minidock.images import image as images

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.options import Options
    from minidock.images.image import Image
    from minidock.steps.plan import ContainerPlan

_EXAMPLE_ID = "0" * 64


def run(options: Options) -> int:
    """Make the container, stay with it until it ends, remove it; its exit code."""
    from minidock.runtime import running
    from minidock.runtime.record import state_root

    root = data_root()
    image = _image(root, options)
    place = Place(root, new_id())
    document = configuration(image, options, place)
    for bind in mounts.binds(options):
        bind.prepare()
    try:
        place.make(document, network_files.texts(options.network, hostname(options, place)), image.layers[-1])
        return running.run(state_root(), place.id, place.path)
    finally:
        place.remove()


def _image(root: str, options: Options) -> Image:
    image = images.resolve(root, options.image)
    if not image.layers:
        raise MinidockError(f"image {options.image} has no layers", hint="there is no program in it that could run")
    return image


def plan(options: Options) -> ContainerPlan:
    """The steps that `run` would do, for a container that nobody makes."""
    from minidock.oci.spec import Spec
    from minidock.steps import plan as steps

    root = data_root()
    image = _image(root, options)
    place = Place(root, _EXAMPLE_ID)
    spec = Spec(configuration(image, options, place))
    return steps.container_plan(spec, steps.Place(place.id, place.path))
