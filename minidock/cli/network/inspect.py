"""minidock network inspect: all that is known of networks."""

from __future__ import annotations

from minidock.cli import inspection
from minidock.cli.command import Command, Flag
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _inspect(arguments: Arguments) -> int:
    return inspection.show(arguments.words, Engine().inspect_network, arguments.value("format"))


COMMAND = Command(
    "inspect",
    "[OPTIONS] NETWORK [NETWORK...]",
    "Display detailed information on one or more networks",
    _inspect,
    flags=[
        inspection.FORMAT,
        Flag("verbose", "Also show what is known of a swarm's services: there is none", letter="v"),
    ],
    least_words=1,
)
