"""minidock attach: be at a container that runs, with one's own terminal or pipes."""

from __future__ import annotations

from minidock.cli.command import Command, Flag
from minidock.cli.presence import DETACH_KEYS, SIG_PROXY, finish, manner
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _attach(arguments: Arguments) -> int:
    return finish(Engine().attach(arguments.words[0], manner(arguments, typing=not arguments.flag("no-stdin"))))


COMMAND = Command(
    "attach",
    "[OPTIONS] CONTAINER",
    "Attach local standard input, output, and error streams to a running container",
    _attach,
    flags=[DETACH_KEYS, SIG_PROXY, Flag("no-stdin", "Do not attach STDIN")],
    least_words=1,
    most_words=1,
    completes=("running",),
)
