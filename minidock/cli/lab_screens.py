"""What the commands for labs print: a lab's text, a hint, what the check found."""

from __future__ import annotations

import io
import sys

from minidock.cli import colours
from minidock.cli.command import Flag
from minidock.cli.human import printable
from minidock.labs import catalog, checking, words
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.labs.checking import Outcome
    from minidock.labs.lab import Lab
    from minidock.labs.places import Place
    from minidock.labs.words import Section
    from minidock.runtime.arguments import Arguments

LANGUAGE = Flag(
    "lang",
    'Language of the texts: "en" or "ru" (default: that of the environment)',
    takes="string",
    kind=VALUE,
    completes=words.LANGUAGES,
)
_MARKS = {checking.MET: "✓", checking.UNMET: "✗", checking.UNSEEN: "·"}
_COLOURS = {checking.MET: colours.GREEN, checking.UNMET: colours.RED, checking.UNSEEN: colours.YELLOW}
_INDENT = "      "


class Screen:
    """One lab in one language, on standard output."""

    def __init__(self, lab: Lab, arguments: Arguments) -> None:
        language = words.language(arguments.value("lang"))
        self._lab = lab
        self.words = words.Words(lab.name, language)
        self.phrases = words.Phrases(language)

    def start(self, place: Place, *, is_new: bool) -> None:
        """The goal, the task, and how to go on."""
        about = self.phrases.say("lab", name=self._lab.name, minutes=self._lab.minutes)
        self._write(f"{_bold(self.words.title)}\n{about}\n\n")
        self._section(self.words.goal)
        self._section(self.words.task)
        self._write(_bold(self.phrases.say("go-on")) + "\n")
        command, name = "sudo minidock lab", self._lab.name
        self._advice("go-on.shell", f"sudo {place.file('shell')}")
        self._advice("go-on.playground")
        self._advice("go-on.variables")
        self._advice("go-on.check", f"{command} check {name}")
        self._advice("go-on.hint", f"{command} hint {name}", f"minidock lab solution {name}")
        self._advice("go-on.reset", f"{command} reset {name}")
        if not is_new:
            self._write(f"\n{self.phrases.say('started.already')}\n")

    def hint(self, number: int) -> None:
        count = len(self.words.hints)
        self._write(_bold(self.phrases.say("hint", number=number, count=count)) + "\n")
        self._write(f"{self.words.hints[number - 1]}\n\n")
        more = "hint.more" if number < count else "hint.last"
        self._write(self.phrases.say(more, name=self._lab.name) + "\n")

    def check(self, outcomes: Sequence[Outcome], place: Place) -> None:
        """Each criterion with what was found; and once all are met, what the lab was about."""
        self._write(_bold(self.words.title) + "\n")
        for outcome in outcomes:
            self._outcome(outcome)
        met = sum(outcome.verdict == checking.MET for outcome in outcomes)
        if met < len(outcomes):
            self._write(f"\n{self.phrases.say('check.unmet', met=met, total=len(outcomes))}\n")
            if not met and not place.has_learner():
                self._write(self.phrases.say("check.nobody", shell=place.file("shell")) + "\n")
            return
        self._write(f"\n{_bold(self.phrases.say('check.passed'))}\n\n")
        self._section(self.words.minidock)
        self._section(self.words.question)
        self._write(self.phrases.say("check.again", name=self._lab.name) + "\n" + self._next() + "\n")

    def _outcome(self, outcome: Outcome) -> None:
        mark = colours.painted(sys.stdout, _MARKS[outcome.verdict], _COLOURS[outcome.verdict])
        self._write(f"  {mark} {self.words.criteria[outcome.criterion]}\n")
        if outcome.verdict == checking.UNMET:
            reason = self.words.reasons[outcome.criterion][outcome.why].format(**outcome.values)
            self._write(f"{_INDENT}{printable(reason)}\n")
        elif outcome.verdict == checking.UNSEEN:
            self._write(f"{_INDENT}{self.phrases.say('check.unseen')}\n")

    def _next(self) -> str:
        """The lab after this one."""
        after = catalog.NAMES[catalog.NAMES.index(self._lab.name) + 1 :]
        return self.phrases.say("check.next", name=after[0]) if after else self.phrases.say("check.last")

    def _section(self, section: Section) -> None:
        self._write(f"{_bold(section.heading)}\n{section.body}\n\n")

    def _advice(self, key: str, *commands: str) -> None:
        self._write(f"- {self.phrases.say(key)}\n" + "".join(f"    {command}\n" for command in commands))

    def _write(self, text: str) -> None:
        write(text)


def write(text: str) -> None:
    """Print a text; a terminal that does not have its letters shows question marks in their place."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    sys.stdout.write(text)


def _bold(text: str) -> str:
    return colours.painted(sys.stdout, text, colours.BOLD)
