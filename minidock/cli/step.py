"""minidock step: go on, from another terminal, with a container that is made step by step."""

from __future__ import annotations

from minidock.cli.command import Command
from minidock.cli.stepping import Face
from minidock.engine.engine import Engine
from minidock.engine.stepping import guest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _step(arguments: Arguments) -> int:
    guest.join(Engine(), arguments.words[0], Face())
    return 0


COMMAND = Command(
    "step",
    "CONTAINER",
    "Look at a container that is made step by step, and answer for it",
    _step,
    least_words=1,
    most_words=1,
    notes="It is begun by 'minidock run --step', or 'start --step', in another terminal. Either may answer.",
)
