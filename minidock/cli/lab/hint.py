"""minidock lab hint: one hint after the other, each saying more."""

from __future__ import annotations

from minidock.cli.command import Command
from minidock.cli.lab_screens import LANGUAGE, Screen
from minidock.engine.directories import data_root
from minidock.labs import catalog
from minidock.labs.course import Course

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _hint(arguments: Arguments) -> int:
    lab = catalog.find(arguments.words[0])
    screen = Screen(lab, arguments)
    screen.hint(Course(data_root()).hint(lab.name, len(screen.words.hints)))
    return 0


COMMAND = Command(
    "hint",
    "[OPTIONS] LAB",
    "Show the next hint for a lab",
    _hint,
    flags=[LANGUAGE],
    least_words=1,
    most_words=1,
)
