"""minidock rm: remove containers."""

from __future__ import annotations

import sys

from minidock.cli.command import Command, Flag
from minidock.cli.complaints import about, each
from minidock.engine.engine import Engine
from minidock.state.containers import NoSuchContainer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _rm(arguments: Arguments) -> int:
    engine = Engine()
    force, volumes = arguments.flag("force"), arguments.flag("volumes")

    def remove(word: str) -> None:
        try:
            engine.remove(word, force=force, volumes=volumes)
        except NoSuchContainer as error:
            if not force:
                raise
            about(error)  # what is not there need not be removed: that is no failure
        else:
            sys.stdout.write(f"{word}\n")

    return each(arguments.words, remove)


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
