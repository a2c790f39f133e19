"""minidock network disconnect: take a container out of a network."""

from __future__ import annotations

from minidock.cli.command import Command, Flag
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _disconnect(arguments: Arguments) -> int:
    network, container = arguments.words
    Engine().disconnect(network, container, force=arguments.flag("force"))
    return 0


COMMAND = Command(
    "disconnect",
    "[OPTIONS] NETWORK CONTAINER",
    "Disconnect a container from a network",
    _disconnect,
    flags=[Flag("force", "Force the container to disconnect from a network", letter="f")],
    least_words=2,
    most_words=2,
    completes=("network", "container"),
)
