"""minidock lab reset: end and remove all that belongs to labs."""

from __future__ import annotations

from minidock.cli import complaints
from minidock.cli.command import Command
from minidock.cli.lab_screens import LANGUAGE, write
from minidock.engine.directories import data_root
from minidock.labs import words
from minidock.labs.course import Course

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _reset(arguments: Arguments) -> int:
    course, phrases = Course(data_root()), words.Phrases(words.language(arguments.value("lang")))

    def reset(name: str) -> None:
        course.reset(name)
        write(phrases.say("reset", name=name) + "\n")

    return complaints.each(arguments.words, reset)


COMMAND = Command(
    "reset",
    "[OPTIONS] LAB [LAB...]",
    "End all processes of one or more labs, and remove what they made",
    _reset,
    flags=[LANGUAGE],
    least_words=1,
    notes="Processes, namespaces, mounts, links and cgroups all go. That a lab was passed is remembered.",
)
