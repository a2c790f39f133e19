"""How a person sees a container being made: a line for each step, and at each stop a question.

What the host's side does stands on the left, what the process inside does to itself stands further in.
"""

from __future__ import annotations

import os
import sys

from minidock.cli import colours
from minidock.steps.step import INSIDE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.steps.step import Step

_QUESTION = "Enter: do it · s: what changed · w: why · c: run on · q: undo it all and leave > "
_SENTENCE = 44  # the column where a step's sentence begins, unless its name is longer
_LONGEST_NAME = 22
_NARROWEST = 30  # a column of text


def line(number: int, step: Step, time: str, sentence: str, mark: str, colour: str) -> str:
    """One step as a line; on a terminal, as wide as it is."""
    side = f"  {step.side}" if step.side == INSIDE else step.side
    start = f"{mark} {number:2} {side:8} {time:>8}  {step.name:{_LONGEST_NAME}}  "
    return colours.painted(sys.stderr, start, colour) + f"\n{' ' * _SENTENCE}".join(_wrapped(sentence, len(start)))


def _wrapped(text: str, taken: int) -> list[str]:
    """A text from a column on, in the lines that it takes."""
    if not sys.stderr.isatty():
        return [text]
    import textwrap

    width = max(_width() - _SENTENCE, _NARROWEST)
    padding = "x" * max(0, taken - _SENTENCE)  # a long name takes from the first line
    lines = textwrap.wrap(padding + text, width, break_long_words=False, break_on_hyphens=False) or [padding]
    return [lines[0].removeprefix(padding), *lines[1:]]


def _width() -> int:
    try:
        return os.get_terminal_size(2).columns or 80
    except OSError:
        return 80


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


class Face:
    """Standard error: standard output is the program's."""

    def __init__(self) -> None:
        self._is_asking = False

    def begin(self, name: str, steps: Sequence[Step]) -> None:
        self._write(f"Container {name} is made in {len(steps)} steps. A new process becomes it: what that does stands")
        self._write("further in (inside), what minidock does on this host stands on the left (host).")

    def done(self, number: int, step: Step, seconds: float) -> None:
        colour = colours.CYAN if step.side == INSIDE else colours.GREEN
        self._write(line(number, step, milliseconds(seconds), step.says(), "✓", colour))

    def failed(self, number: int, step: Step, seconds: float, message: str) -> None:
        self._write(line(number, step, milliseconds(seconds), f"failed: {message}", "✗", colours.RED))

    def stop(self, number: int, step: Step) -> None:
        self._write(line(number, step, "next", step.says(), "▸", colours.YELLOW))
        self._write(f"  {_QUESTION}", end="")
        self._is_asking = True

    def why(self, step: Step) -> None:
        self._write(f"  {step.why}" + (f" — {step.man}" if step.man else ""))

    def changes(self, lines: Sequence[str]) -> None:
        self._write("\n".join(f"  {line}" for line in lines or ["nothing that can be seen from outside"]))

    def unknown(self, answer: str) -> None:
        self._write(f"  {answer!r} is no answer")

    def answered(self, *, here: bool) -> None:
        """Whoever answers at this terminal has typed the end of the line as well."""
        if self._is_asking and not (here and os.isatty(0)):
            sys.stderr.write("\n")
        self._is_asking = False

    def end(self, seconds: float) -> None:
        self._write(
            f"The steps took {milliseconds(seconds)}. Why each is needed: minidock plan, or minidock explain --why"
        )

    def _write(self, text: str, end: str = "\n") -> None:
        self.answered(here=False)
        sys.stderr.write(f"{text}{end}")
        sys.stderr.flush()
