"""minidock run: a new container, from an image, and its program until it ends."""

from __future__ import annotations

import os

from minidock.cli.command import Command
from minidock.cli.container_flags import FLAGS, options
from minidock.engine import run as engine
from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.options import Options
    from minidock.runtime.arguments import Arguments


def _run(arguments: Arguments) -> int:
    asked = options(arguments)
    if asked.terminal:
        _look_at_terminal(asked)
    if not asked.interactive:
        _end_input()
    return engine.run(asked)


def _look_at_terminal(asked: Options) -> None:
    if asked.interactive and not os.isatty(0):
        raise MinidockError("the input device is not a TTY", hint="leave -t out when input comes from a pipe or file")
    try:
        columns, rows = os.get_terminal_size(1)
        asked.console_size = (rows, columns)
    except OSError:  # output goes elsewhere
        pass


def _end_input() -> None:
    """Without -i a program sees the end of its input at once, as in Docker."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    os.dup2(null, 0)
    os.close(null)


COMMAND = Command(
    "run",
    "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    "Create and run a new container from an image",
    _run,
    flags=FLAGS,
    least_words=1,
    flags_end=1,
    failure=125,
)
