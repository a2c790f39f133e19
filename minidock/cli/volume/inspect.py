"""minidock volume inspect: all that is known of volumes."""

from __future__ import annotations

from minidock.cli import inspection
from minidock.cli.command import Command
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _inspect(arguments: Arguments) -> int:
    return inspection.show(arguments.words, Engine().inspect_volume, arguments.value("format"))


COMMAND = Command(
    "inspect",
    "[OPTIONS] VOLUME [VOLUME...]",
    "Display detailed information on one or more volumes",
    _inspect,
    flags=[inspection.FORMAT],
    least_words=1,
)
