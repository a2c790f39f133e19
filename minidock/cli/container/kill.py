"""minidock kill: send a signal to containers."""

from __future__ import annotations

from minidock.cli.command import Command, Flag
from minidock.cli.complaints import each_shown
from minidock.engine.engine import Engine
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _kill(arguments: Arguments) -> int:
    engine, signal = Engine(), arguments.value("signal") or "KILL"
    return each_shown(arguments.words, lambda word: engine.kill(word, signal))


COMMAND = Command(
    "kill",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Kill one or more running containers",
    _kill,
    flags=[
        Flag("signal", "Signal to send to the container", letter="s", takes="string", kind=VALUE, completes="signal")
    ],
    least_words=1,
    completes=("alive",),
)
