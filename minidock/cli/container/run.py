"""minidock run: a new container, from an image, and its program until it ends."""

from __future__ import annotations

import os
import sys

from minidock.cli import network_flags
from minidock.cli.command import Command, Flag
from minidock.cli.complaints import warn
from minidock.cli.container_flags import FLAGS, listen, options
from minidock.cli.presence import DETACH_KEYS, SIG_PROXY, WATCHING, finish, manner, watch
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.options import Options
    from minidock.runtime.arguments import Arguments
    from minidock.state.containers import Row


def _run(arguments: Arguments) -> int:
    engine = Engine()
    asked = _options(arguments)
    listen(engine, arguments)
    if asked.terminal:
        _look_at_terminal(asked)
    if arguments.flag("detach"):
        engine.run_detached(asked, _show_id, watch(arguments))
        return 0
    return finish(engine.run(asked, manner(arguments), watch(arguments)))


def _show_id(row: Row) -> None:
    sys.stdout.write(f"{row.id}\n")
    sys.stdout.flush()


def _options(arguments: Arguments) -> Options:
    from minidock.engine.configuring.limits import warnings

    asked = options(arguments)
    warn([*network_flags.warnings(asked), *warnings(asked)])
    return asked


def _look_at_terminal(asked: Options) -> None:
    """A program that draws asks for the size at once: it is there before the program is."""
    try:
        columns, rows = os.get_terminal_size(1)
        asked.console_size = (rows, columns)
    except OSError:  # output goes elsewhere
        pass


COMMAND = Command(
    "run",
    "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    "Create and run a new container from an image",
    _run,
    flags=[
        *FLAGS,
        *(Flag("detach", "Run container in background and print container ID", letter="d"), DETACH_KEYS, SIG_PROXY),
        *WATCHING,
    ],
    least_words=1,
    flags_end=1,
    notes=network_flags.NOTES,
    failure=125,
)
