"""minidock volume rm: remove volumes."""

from __future__ import annotations

from minidock.cli.command import Command, Flag
from minidock.cli.complaints import each_shown
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _rm(arguments: Arguments) -> int:
    engine, force = Engine(), arguments.flag("force")
    return each_shown(arguments.words, lambda name: engine.remove_volume(name, force=force))


COMMAND = Command(
    "rm",
    "[OPTIONS] VOLUME [VOLUME...]",
    "Remove one or more volumes",
    _rm,
    flags=[Flag("force", "Force the removal of one or more volumes", letter="f")],
    least_words=1,
    notes="You cannot remove a volume that is in use by a container.",
)
