"""minidock network rm: remove networks."""

from __future__ import annotations

from minidock.cli.command import Command, Flag
from minidock.cli.complaints import each_shown
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _rm(arguments: Arguments) -> int:
    engine, force = Engine(), arguments.flag("force")
    return each_shown(arguments.words, lambda word: engine.remove_network(word, force=force))


COMMAND = Command(
    "rm",
    "[OPTIONS] NETWORK [NETWORK...]",
    "Remove one or more networks",
    _rm,
    flags=[Flag("force", "Do not error if the network does not exist", letter="f")],
    least_words=1,
    notes="You cannot remove a network that a container is in: disconnect it first, or remove it.",
)
