"""A tar archive as an image of one layer: `import`."""

from __future__ import annotations

import os

from minidock import times
from minidock.engine.images import naming as image_naming
from minidock.errors import MinidockError
from minidock.images import instructions
from minidock.images.compression import plain
from minidock.images.layout import Layout
from minidock.images.limits import Limits
from minidock.images.making import Making
from minidock.images.platforms import SYSTEM, architecture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.engine.engine import Engine
    from minidock.images.making import Source


def import_archive(
    engine: Engine,
    source: Source,
    *,
    called: str = "-",
    name: str = "",
    changes: Sequence[str] = (),
    message: str = "",
    platform: str = "",
) -> str:
    """A new image; its id. `called` is what the source is called in the image's comment."""
    full = image_naming.new_name(name, "cannot import digest reference") if name else ""
    config = instructions.changed({}, changes)
    _check_platform(platform)
    now = times.now()
    document = {
        "created": now,
        "architecture": architecture(),
        "os": SYSTEM,
        "config": config,
        "history": [{"created": now, "comment": message or f"Imported from {called}"}],
    }
    with Making(Layout(engine.root)) as new:
        layer = new.add_layer(plain(source, Limits()))
        return image_naming.store(engine, new, full, document, [layer], action="import")


def _check_platform(platform: str) -> None:
    """An image of another machine's programs could not be run here."""
    if not platform:
        return
    system, _, machine = platform.lower().partition("/")
    ours = architecture()
    if system != SYSTEM or machine not in ("", ours, os.uname().machine):
        raise MinidockError(
            f"platform {platform} is not supported: this host is {SYSTEM}/{ours}", hint="leave --platform out"
        )
