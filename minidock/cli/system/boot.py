"""minidock system boot: after the machine has started, start the containers that should run."""

from __future__ import annotations

import sys

from minidock.cli import complaints
from minidock.cli.command import Command
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _boot(_: Arguments) -> int:
    started, failed = Engine().boot()
    for row in started:
        sys.stdout.write(f"{row.name}\n")
    sys.stdout.flush()
    for row, error in failed:
        complaints.complain(f"container {row.name} could not be started: {error.message}", error.advice)
    return 1 if failed else 0


COMMAND = Command(
    "boot",
    "",
    "Start the containers that their restart policy wants after a reboot",
    _boot,
    most_words=0,
    notes="The service minidock.service calls this when the machine starts: systemctl enable minidock",
)
