"""minidock restart: stop containers and start them again."""

from __future__ import annotations

from minidock.cli.command import Command
from minidock.cli.complaints import each_shown
from minidock.cli.ending import FLAGS, patience
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _restart(arguments: Arguments) -> int:
    engine, signal, timeout = Engine(), arguments.value("signal"), patience(arguments)
    return each_shown(arguments.words, lambda word: engine.restart(word, timeout=timeout, signal=signal))


COMMAND = Command(
    "restart",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Restart one or more containers",
    _restart,
    flags=FLAGS,
    least_words=1,
)
