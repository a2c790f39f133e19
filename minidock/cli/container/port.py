"""minidock port: where on the host the ports of a container are to be had."""

from __future__ import annotations

import sys

from minidock.cli.command import Command
from minidock.cli.listings import in_order
from minidock.cli.port_texts import joined
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _port(arguments: Arguments) -> int:
    name, wanted = [*arguments.words, ""][:2]
    lines = []
    for port in Engine().ports(name, wanted):
        before = "" if wanted else f"{port.private}/{port.protocol} -> "
        lines.append(f"{before}{joined(port.address, port.public)}\n")
    sys.stdout.write("".join(sorted(lines, key=in_order)))
    return 0


COMMAND = Command(
    "port",
    "CONTAINER [PRIVATE_PORT[/PROTO]]",
    "List port mappings or a specific mapping for the container",
    _port,
    least_words=1,
    most_words=2,
)
