"""minidock create: a new container, not started yet."""

from __future__ import annotations

import sys

from minidock.cli import network_flags
from minidock.cli.command import Command
from minidock.cli.complaints import warn
from minidock.cli.container_flags import FLAGS, listen, options
from minidock.engine.configuring.limits import warnings
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _create(arguments: Arguments) -> int:
    asked = options(arguments)
    warn([*network_flags.warnings(asked), *warnings(asked)])
    engine = Engine()
    listen(engine, arguments)
    sys.stdout.write(f"{engine.create(asked).id}\n")
    return 0


COMMAND = Command(
    "create",
    "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    "Create a new container",
    _create,
    flags=FLAGS,
    least_words=1,
    flags_end=1,
    notes=network_flags.NOTES,
)
