"""minidock lab start: prepare a lab, and say what it is about."""

from __future__ import annotations

from minidock.cli.command import Command
from minidock.cli.lab_screens import LANGUAGE, Screen
from minidock.engine.directories import data_root
from minidock.labs import catalog
from minidock.labs.course import Course

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _start(arguments: Arguments) -> int:
    lab, course = catalog.find(arguments.words[0]), Course(data_root())
    screen = Screen(lab, arguments)
    is_new = course.start(lab.name)
    screen.start(course.place(lab.name), is_new=is_new)
    return 0


COMMAND = Command(
    "start",
    "[OPTIONS] LAB",
    "Start a lab: prepare it, and show its goal and its task",
    _start,
    flags=[LANGUAGE],
    least_words=1,
    most_words=1,
    notes="""\
A lab is done in a root shell of your own, on a playground with mounts, a host name and a network of its own: what you
break there, the host does not notice. A lab that is going on already is shown again, and left as it is.""",
)
