"""minidock image inspect: all that is known of images."""

from __future__ import annotations

from minidock.cli import inspection
from minidock.cli.command import Command, Flag
from minidock.engine.engine import Engine
from minidock.engine.images.listing import inspect
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _inspect(arguments: Arguments) -> int:
    images, platform = Engine().images(), arguments.value("platform")
    form = arguments.value("format")
    return inspection.show(arguments.words, lambda word: inspect(images, images.find(word, platform=platform)), form)


COMMAND = Command(
    "inspect",
    "[OPTIONS] IMAGE [IMAGE...]",
    "Display detailed information on one or more images",
    _inspect,
    flags=[
        inspection.FORMAT,
        Flag(
            "platform",
            'Inspect a specific platform of the image. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
            takes="string",
            kind=VALUE,
        ),
    ],
    least_words=1,
)
