"""What stages begin with: an image, its layers held until the build is over; or nothing, for `scratch`."""

from __future__ import annotations

from minidock.build.cache import inline
from minidock.build.language.dockerfile import SCRATCH
from minidock.build.working.stage import Base
from minidock.engine.configuring import choosing
from minidock.engine.options import Options
from minidock.errors import MinidockError
from minidock.images import image as images
from minidock.images import layers, references
from minidock.images.layout import FOR_BUILDS, REMOVED, Layout
from minidock.images.platforms import architecture
from minidock.runtime import defaults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.build.cache.records import Done
    from minidock.build.request import BuildRequest, CacheSource
    from minidock.engine.engine import Engine
    from minidock.images.making import Making
    from minidock.jsonfile import Json


_NOTHING: dict[str, Json] = {"Env": [f"PATH={defaults.PATH}"], "WorkingDir": "/"}  # the configuration of `scratch`


def base(engine: Engine, request: BuildRequest, new: Making, name: str, platform: str = "") -> Base:
    """The image of a name, as a beginning."""
    if name == SCRATCH:
        return Base({"architecture": architecture(), "os": "linux", "config": _NOTHING}, [])
    options = Options(name)
    options.pull = choosing.ALWAYS if request.pull else choosing.MISSING
    options.platform = platform or request.platform
    image = choosing.image(engine, options)
    layout = Layout(engine.root)
    blobs = layout.document(image.digest)["layers"]
    document = {key: value for key, value in inline.without(image.document).items() if key != "rootfs"}
    found = Base(document, list(zip(image.document["rootfs"]["diff_ids"], blobs, strict=True)))
    hold(new, found)
    return found


def cache_of(engine: Engine, source: CacheSource) -> dict[str, Done]:
    """What an image of --cache-from knows of its layers. The registry's is newer than one of that name here."""
    options = Options(source.name)
    options.pull = choosing.ALWAYS if source.is_remote else choosing.MISSING
    try:
        image = choosing.image(engine, options)
    except MinidockError:
        here = references.parse(source.name) if source.is_remote else None
        if here is None or not Layout(engine.root).find(str(here)):
            raise
        image = images.resolve(engine.root, source.name)
    found = inline.read(Layout(engine.root), image)
    if not found:
        raise MinidockError(f"image {source.name} carries no cache", hint="--cache-to type=inline, when it is built")
    return found


def config_here(engine: Engine, name: str) -> dict[str, Json] | None:
    """The configuration of an image; None if it would have to be pulled or made first, or may not be read."""
    if name == SCRATCH:
        return _NOTHING
    try:
        is_id = references.is_hex(name.removeprefix("sha256:"), 64)
        if is_id or Layout(engine.root).find(str(references.parse(name))):
            return images.resolve(engine.root, name).config
    except MinidockError:
        pass
    return None


def hold(new: Making, found: Base) -> None:
    """Keep its layers from being freed."""
    chain = layers.chain_ids([diff_id for diff_id, _ in found.stack])
    for chain_id, (diff_id, blob) in zip(chain, found.stack, strict=True):
        if not (new.hold(new.layout.blob(blob["digest"])) and new.hold(layers.place(new.layout, chain_id))):
            raise MinidockError(f"layer {diff_id} was removed just now", hint="build again")


def keep_for_builds(new: Making, found: Base) -> str:
    """List it where only builds look, and containers by its whole id; that id."""
    document = {**found.document, "comment": "a stage of a build"}
    descriptor = new.finish("", document, found.stack, {REMOVED: FOR_BUILDS})
    return str(new.layout.document(descriptor["digest"])["config"]["digest"])
