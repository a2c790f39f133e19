"""Which image a container is made from: `--pull` and `--platform`. So far there are the images of this host, and
the one whose recipe minidock carries; no registry is asked.
"""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.images import image as images
from minidock.images import platforms, references
from minidock.images.layout import Layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.options import Options
    from minidock.images.image import Image

ALWAYS, MISSING, NEVER = "always", "missing", "never"


def image(root: str, options: Options) -> Image:
    """The image that was asked for, in the way that was asked for."""
    if options.pull not in (ALWAYS, MISSING, NEVER):
        raise MinidockError(
            f'invalid pull option: \'{options.pull}\': must be one of "always", "missing" or "never"', code=125
        )
    if options.pull != MISSING:
        _heed_pull(root, options)
    found = images.resolve(root, options.image)
    if not found.layers:
        raise MinidockError(f"image {options.image} has no layers", hint="there is no program in it that could run")
    if options.platform:
        _check_platform(found, options)
    return found


def _heed_pull(root: str, options: Options) -> None:
    """The embedded recipe makes the same image each time: there is no newer one to be had."""
    from minidock.images import recipes

    if references.is_hex(options.image.removeprefix("sha256:"), 64):
        return
    reference = references.parse(options.image)
    is_embedded = str(reference) == recipes.BUSYBOX
    if options.pull == ALWAYS and not is_embedded:
        raise MinidockError(
            f"--pull always: no registry can be asked for {reference.familiar()}",
            hint="leave --pull out to use the image that is here",
            code=125,
        )
    if options.pull == NEVER and is_embedded and not Layout(root).find(str(reference)):
        raise MinidockError(f"No such image: {reference.familiar()}", hint="leave --pull out to have it made", code=125)


def _check_platform(found: Image, options: Options) -> None:
    has = (str(found.document.get("os")), str(found.document.get("architecture")))
    wanted = platforms.parse(options.platform)
    if (wanted.system or has[0], wanted.architecture or has[1]) != has:
        raise MinidockError(
            f"image with reference {options.image} was found but its platform ({'/'.join(has)}) "
            f"does not match the specified platform ({options.platform})",
            hint="leave --platform out",
        )
