"""minidock lab check: see in the kernel how far a learner is."""

from __future__ import annotations

from minidock.cli.command import Command
from minidock.cli.lab_screens import LANGUAGE, Screen
from minidock.engine.directories import data_root
from minidock.labs import catalog, checking
from minidock.labs.course import Course

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _check(arguments: Arguments) -> int:
    lab = catalog.find(arguments.words[0])
    screen = Screen(lab, arguments)
    course = Course(data_root())
    outcomes = course.check(lab.name)
    screen.check(outcomes, course.place(lab.name))
    return 0 if all(outcome.verdict == checking.MET for outcome in outcomes) else 1


COMMAND = Command(
    "check",
    "[OPTIONS] LAB",
    "Check from the kernel's state whether a lab's task is done",
    _check,
    flags=[LANGUAGE],
    least_words=1,
    most_words=1,
    notes="""\
What was typed does not matter, only what is there now: so keep alive what you have made, and call this from a second
terminal. The exit code is 0 if all is as it should be, else 1.""",
)
