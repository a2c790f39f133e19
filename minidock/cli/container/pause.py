"""minidock pause: freeze all processes of containers."""

from __future__ import annotations

from minidock.cli.command import Command
from minidock.cli.complaints import each_shown
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _pause(arguments: Arguments) -> int:
    engine = Engine()
    return each_shown(arguments.words, engine.pause)


COMMAND = Command(
    "pause",
    "CONTAINER [CONTAINER...]",
    "Pause all processes within one or more containers",
    _pause,
    least_words=1,
    completes=("running",),
)
