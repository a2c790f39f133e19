"""minidock diff: what a container has changed in its files."""

from __future__ import annotations

import sys

from minidock.cli.command import Command
from minidock.cli.human import printable
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _diff(arguments: Arguments) -> int:
    found = Engine().differences(arguments.words[0])
    sys.stdout.write(printable("".join(f"{kind} {path}\n" for kind, path in found)))
    return 0


COMMAND = Command(
    "diff",
    "CONTAINER",
    "Inspect changes to files or directories on a container's filesystem",
    _diff,
    least_words=1,
    most_words=1,
)
