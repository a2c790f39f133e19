"""minidock stop: end containers kindly, or, after some time, at once."""

from __future__ import annotations

from minidock.cli.command import Command
from minidock.cli.complaints import each_shown
from minidock.cli.ending import FLAGS, patience
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _stop(arguments: Arguments) -> int:
    engine, signal, timeout = Engine(), arguments.value("signal"), patience(arguments)
    return each_shown(arguments.words, lambda word: engine.stop(word, timeout=timeout, signal=signal))


COMMAND = Command(
    "stop",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Stop one or more running containers",
    _stop,
    flags=FLAGS,
    least_words=1,
    completes=("alive",),
)
