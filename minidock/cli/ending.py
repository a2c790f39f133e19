"""What `stop` and `restart` share: how kindly a container is ended."""

from __future__ import annotations

from minidock.cli.command import Flag
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments

FLAGS = (
    Flag("signal", "Signal to send to the container", letter="s", takes="string", kind=VALUE, completes="signal"),
    Flag("timeout", "Seconds to wait before killing the container", letter="t", takes="int", kind=VALUE, also="time"),
)


def patience(arguments: Arguments) -> int | None:
    """The seconds that were asked for; None: as the container has it."""
    return arguments.integer("timeout") if arguments.given("timeout") else None
