"""minidock top: the processes of a container, as ps shows them."""

from __future__ import annotations

import sys

from minidock.cli import human
from minidock.cli.command import Command
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments

_NARROWEST, _GAP = 20, 3


def _top(arguments: Arguments) -> int:
    name, *words = arguments.words
    titles, processes = Engine().top(name, words)
    lines = [titles, *processes]
    widths = [max(_NARROWEST, *(len(line[column]) + _GAP for line in lines)) for column in range(len(titles) - 1)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        sys.stdout.write(human.printable("".join([*cells, line[-1]]) + "\n"))
    return 0


COMMAND = Command(
    "top",
    "CONTAINER [ps OPTIONS]",
    "Display the running processes of a container",
    _top,
    least_words=1,
    flags_end=1,
)
