"""minidock system shutdown: before the machine stops, stop the containers."""

from __future__ import annotations

import sys

from minidock.cli.command import Command
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _shutdown(_: Arguments) -> int:
    for row in Engine().shut_down():
        sys.stdout.write(f"{row.name}\n")
    return 0


COMMAND = Command(
    "shutdown",
    "",
    "Stop all containers, for 'minidock system boot' to bring them back",
    _shutdown,
    most_words=0,
    notes="Each has its own stop signal, and its own time; all of them at once. The service minidock.service calls "
    "this when the machine goes down.",
)
