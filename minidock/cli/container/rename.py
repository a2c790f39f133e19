"""minidock rename: give a container another name."""

from __future__ import annotations

from minidock.cli.command import Command
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _rename(arguments: Arguments) -> int:
    old, new = arguments.words
    Engine().rename(old, new)
    return 0


COMMAND = Command("rename", "CONTAINER NEW_NAME", "Rename a container", _rename, least_words=2, most_words=2)
