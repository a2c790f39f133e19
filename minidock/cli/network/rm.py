"""minidock network rm: remove networks."""

from __future__ import annotations

import sys

from minidock.cli.command import Command, Flag
from minidock.cli.complaints import each
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _rm(arguments: Arguments) -> int:
    engine, force = Engine(), arguments.flag("force")

    def act(word: str) -> None:
        if engine.remove_network(word, force=force):
            sys.stdout.write(f"{word}\n")

    return each(arguments.words, act)


COMMAND = Command(
    "rm",
    "[OPTIONS] NETWORK [NETWORK...]",
    "Remove one or more networks",
    _rm,
    flags=[Flag("force", "Do not error if the network does not exist", letter="f")],
    least_words=1,
    notes="You cannot remove a network that a container is in: disconnect it first, or remove it.",
)
