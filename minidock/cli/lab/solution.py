"""minidock lab solution: a script that does what a lab asks for."""

from __future__ import annotations

from minidock.cli.command import Command
from minidock.cli.lab_screens import write
from minidock.labs import catalog, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _solution(arguments: Arguments) -> int:
    write(words.solution(catalog.find(arguments.words[0]).name))
    return 0


COMMAND = Command(
    "solution",
    "LAB",
    "Show a script that does what a lab asks for",
    _solution,
    least_words=1,
    most_words=1,
    notes="""\
It is a script for the lab's shell, and runs there as it is: minidock lab solution LAB | sudo SHELL, where SHELL is the
path that 'minidock lab start' shows.""",
)
