"""minidock network xray: how a network is wired, drawn from what the kernel has."""

from __future__ import annotations

import sys

from minidock.cli import human, wiring_picture
from minidock.cli.command import Command
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _xray(arguments: Arguments) -> int:
    lines = wiring_picture.picture(Engine().wiring(arguments.words[0]))
    sys.stdout.write(human.printable("".join(f"{line}\n" for line in lines)))
    return 0


COMMAND = Command(
    "xray",
    "NETWORK",
    "Draw how a network is wired, from what the kernel has",
    _xray,
    least_words=1,
    most_words=1,
    notes="""\
Drawn are the host's links, the bridge and its ports, the cables, each container's namespace with its devices, addresses
and routes, the rules of the firewall that have to do with them, and who answers for names. The number after a device's
name is its index, by which the two ends of a cable know each other.""",
)
