"""Which image a container is made from: `--pull` and `--platform`.

What is here is used. What is not here is made, if minidock carries the recipe for it, which takes no network; else it
is pulled. `--pull always` asks the registry in any case, `never` in none.
"""

from __future__ import annotations

import os

from minidock.errors import MinidockError
from minidock.images import image as images
from minidock.images import platforms, references
from minidock.images.layout import Layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.engine.options import Options
    from minidock.images.image import Image
    from minidock.jsonfile import Json

ALWAYS, MISSING, NEVER = "always", "missing", "never"


def image(engine: Engine, options: Options, *, may_pull: bool = True) -> Image:
    """The image that was asked for, in the way that was asked for."""
    if options.pull not in (ALWAYS, MISSING, NEVER):
        raise MinidockError(
            f'invalid pull option: \'{options.pull}\': must be one of "always", "missing" or "never"', code=125
        )
    found = _found(engine, options, may_pull=may_pull and options.pull != NEVER)
    if not found.layers:
        raise MinidockError(f"image {options.image} has no layers", hint="there is no program in it that could run")
    return found


def seen(engine: Engine, options: Options) -> Image:
    """For a plan, which nobody needs rights to read: an image that only root can look at is imagined, and that is said.

    Whoever may look sees the image itself: what a recipe would make is made, what is not here is an error.
    """
    if os.geteuid() == 0 or _may_look(engine, options):
        return image(engine, options, may_pull=False)
    if engine.listen:
        engine.listen().line(
            f"The image {options.image} cannot be looked at without root: what it says of its command, user and "
            "environment, and how many layers it has, is not in this plan"
        )
    imagined = images.Image()
    imagined.reference, imagined.layers = options.image, [f"{engine.root}/layers/{options.image}"]
    imagined.config = _recipe(options) or {}
    return imagined


def _may_look(engine: Engine, options: Options) -> bool:
    """What a recipe would make takes root, and so does a store that is root's."""
    try:
        os.close(os.open(f"{engine.root}/index.json", os.O_RDONLY | os.O_CLOEXEC))
    except PermissionError:
        return False
    except OSError:  # nothing is there
        pass
    return _recipe(options) is None or Layout(engine.root).find(str(references.parse(options.image))) is not None


def _recipe(options: Options) -> Json:
    """What the image says whose recipe minidock carries; None for all others."""
    from minidock.images import recipes

    if references.is_hex(options.image.removeprefix("sha256:"), 64):
        return None
    is_busybox = str(references.parse(options.image)) == recipes.BUSYBOX
    return recipes.busybox_document()["config"] if is_busybox else None


def _found(engine: Engine, options: Options, *, may_pull: bool) -> Image:
    has_name = not references.is_hex(options.image.removeprefix("sha256:"), 64)
    if options.pull == ALWAYS and has_name and may_pull:
        _pull(engine, options)
    elif options.pull == NEVER and has_name:
        _must_be_here(engine, options)
    try:
        found = images.resolve(engine.root, options.image)
    except images.NotHere as error:
        if not (has_name and may_pull):
            raise
        _pull(engine, options, error.message)
        found = images.resolve(engine.root, options.image)
    return _for_platform(engine, options, found, may_pull=may_pull and has_name) if options.platform else found


def _must_be_here(engine: Engine, options: Options) -> None:
    """The recipe that minidock carries would make a missing one."""
    from minidock.images import recipes

    reference = references.parse(options.image)
    if str(reference) == recipes.BUSYBOX and not Layout(engine.root).find(str(reference)):
        raise MinidockError(f"No such image: {reference.familiar()}", hint="leave --pull out to have it made", code=125)


def _pull(engine: Engine, options: Options, why: str = "") -> None:
    from minidock.engine.images import pulling

    listener = engine.listen() if engine.listen else None
    if why and listener:
        listener.line(why)
    pulling.pull(engine, options.image, platform=options.platform, listener=listener)


def _for_platform(engine: Engine, options: Options, found: Image, *, may_pull: bool) -> Image:
    """The one that is here may be for another platform; the registry may have it for this one as well."""
    if complaint := _mismatch(found, options):
        if other := _variant(engine, options):
            return other
        if not may_pull or options.pull == ALWAYS:
            raise complaint
        try:
            _pull(engine, options)
        except MinidockError:
            raise complaint from None
        found = images.resolve(engine.root, options.image)
        if complaint := _mismatch(found, options):
            raise complaint
    return found


def _variant(engine: Engine, options: Options) -> Image | None:
    """What came from the same index for the platform that is wanted, and is here."""
    from minidock.engine.images.listing import Images

    try:
        found = Images(engine).find(options.image, platform=options.platform)
    except MinidockError:
        return None
    return images.resolve(engine.root, found.id)


def _mismatch(found: Image, options: Options) -> MinidockError | None:
    has = (str(found.document.get("os")), str(found.document.get("architecture")))
    wanted = platforms.parse(options.platform)
    if (wanted.system or has[0], wanted.architecture or has[1]) == has:
        return None
    return MinidockError(
        f"image with reference {options.image} was found but its platform ({'/'.join(has)}) "
        f"does not match the specified platform ({options.platform})",
        hint="leave --platform out",
    )
