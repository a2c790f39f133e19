"""minidock wait: stay until containers have ended, and tell their exit codes."""

from __future__ import annotations

import sys

from minidock.cli.command import Command
from minidock.cli.complaints import each
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _wait(arguments: Arguments) -> int:
    engine = Engine()
    return each(arguments.words, lambda word: sys.stdout.write(f"{engine.wait(word)}\n"))


COMMAND = Command(
    "wait",
    "CONTAINER [CONTAINER...]",
    "Block until one or more containers stop, then print their exit codes",
    _wait,
    least_words=1,
    completes=("alive",),
)
