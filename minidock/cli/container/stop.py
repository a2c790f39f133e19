"""minidock stop: end containers kindly, or, after some time, at once."""

from __future__ import annotations

from minidock.cli.command import Command, Flag
from minidock.cli.complaints import each_shown
from minidock.engine.engine import Engine
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _stop(arguments: Arguments) -> int:
    engine, signal = Engine(), arguments.value("signal")
    timeout = arguments.integer("timeout") if arguments.given("timeout") else None
    return each_shown(arguments.words, lambda word: engine.stop(word, timeout=timeout, signal=signal))


COMMAND = Command(
    "stop",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Stop one or more running containers",
    _stop,
    flags=[
        Flag("signal", "Signal to send to the container", letter="s", takes="string", kind=VALUE, completes="signal"),
        Flag(
            "timeout",
            "Seconds to wait before killing the container",
            letter="t",
            takes="int",
            kind=VALUE,
            also="time",
        ),
    ],
    least_words=1,
    completes=("alive",),
)
