"""minidock image inspect: all that is known of images."""

from __future__ import annotations

from minidock.cli import inspection
from minidock.cli.command import Command
from minidock.engine.engine import Engine
from minidock.engine.images.listing import inspect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _inspect(arguments: Arguments) -> int:
    images = Engine().images()
    return inspection.show(arguments.words, lambda word: inspect(images, images.find(word)), arguments.value("format"))


COMMAND = Command(
    "inspect",
    "[OPTIONS] IMAGE [IMAGE...]",
    "Display detailed information on one or more images",
    _inspect,
    flags=[inspection.FORMAT],
    least_words=1,
)
