"""minidock rm: remove containers."""

from __future__ import annotations

from minidock.cli.command import Command, Flag
from minidock.cli.complaints import each_shown
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _rm(arguments: Arguments) -> int:
    engine = Engine()
    force, volumes = arguments.flag("force"), arguments.flag("volumes")
    return each_shown(arguments.words, lambda word: engine.remove(word, force=force, volumes=volumes))


COMMAND = Command(
    "rm",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Remove one or more containers",
    _rm,
    flags=[
        Flag("force", "Force the removal of a running container (uses SIGKILL)", letter="f"),
        Flag("volumes", "Remove anonymous volumes associated with the container", letter="v"),
    ],
    least_words=1,
)
