"""minidock unpause: let paused containers go on."""

from __future__ import annotations

from minidock.cli.command import Command
from minidock.cli.complaints import each_shown
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _unpause(arguments: Arguments) -> int:
    engine = Engine()
    return each_shown(arguments.words, engine.unpause)


COMMAND = Command(
    "unpause",
    "CONTAINER [CONTAINER...]",
    "Unpause all processes within one or more containers",
    _unpause,
    least_words=1,
    completes=("paused",),
)
