"""How a person sees a container being made: a line for each step, and at each stop a question.

What the host's side does stands on the left, what the process inside does to itself stands further in.
"""

from __future__ import annotations

import os
import sys

from minidock.cli import colours
from minidock.cli.drawing import screen_width
from minidock.errors import harmless
from minidock.steps.step import INSIDE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from minidock.steps.step import Step

DONE, FAILED, NEXT, MISSING = "✓", "✗", "▸", "·"
_COLOURS = {FAILED: colours.RED, NEXT: colours.YELLOW, MISSING: colours.YELLOW}
_QUESTION = "Enter: do it · s: what changed · w: why · c: run on · q: undo it all and leave > "
_SENTENCE = 46  # the column where a step's sentence begins, unless its name is longer
_LONGEST_NAME = 22
_SHORT = 12
_NARROWEST = 30  # a column of text


def line(stream: TextIO, number: int, name: str, side: str, time: str, sentence: str, mark: str) -> str:
    """One step as a line; on a terminal, as wide as it is."""
    shown = f"  {side}" if side == INSIDE else side
    start = f"{mark} {number:2} {shown:8} {time:>9}  {name:{_LONGEST_NAME}}  "
    colour = _COLOURS.get(mark) or (colours.CYAN if side == INSIDE else colours.GREEN)
    return colours.painted(stream, start, colour) + f"\n{' ' * _SENTENCE}".join(_wrapped(stream, sentence, len(start)))


def _wrapped(stream: TextIO, text: str, taken: int) -> list[str]:
    """A text from a column on, in the lines that it takes."""
    if not stream.isatty():
        return [text]
    import textwrap

    width = max(screen_width(stream) - _SENTENCE, _NARROWEST)
    padding = "x" * max(0, taken - _SENTENCE)  # a long name takes from the first line
    lines = textwrap.wrap(padding + text, width, break_on_hyphens=False) or [padding]
    return [lines[0].removeprefix(padding), *lines[1:]]


def readable(text: str, identifier: str) -> str:
    """Most paths have the container's id in them, which nobody reads to its end; and an image may say anything."""
    plain = harmless(text)
    return plain.replace(identifier, f"{identifier[:_SHORT]}…") if identifier else plain


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


class Face:
    """Standard error: standard output is the program's."""

    def __init__(self) -> None:
        self._is_asking = False
        self._long = ""  # the container's id, which is in most paths

    def begin(self, name: str, identifier: str, steps: Sequence[Step]) -> None:
        self._long = identifier
        self._write(f"Container {name} is made in {len(steps)} steps. A new process becomes it: what that does stands")
        self._write("further in (inside), what minidock does on this host stands on the left (host).")

    def done(self, number: int, step: Step, seconds: float) -> None:
        self._write(self._line(number, step, milliseconds(seconds), step.says(), DONE))

    def failed(self, number: int, step: Step, seconds: float, message: str) -> None:
        self._write(self._line(number, step, milliseconds(seconds), f"failed: {message}", FAILED))

    def stop(self, number: int, step: Step) -> None:
        self._write(self._line(number, step, "next", step.says(), NEXT))
        self.ask()

    def ask(self) -> None:
        self._write(f"  {_QUESTION}", end="")
        self._is_asking = True

    def why(self, step: Step) -> None:
        self._write(f"  {step.why}" + (f" — {step.man}" if step.man else ""))

    def changes(self, lines: Sequence[str]) -> None:
        shown = lines or ["nothing that can be seen from outside"]
        self._write("\n".join(f"  {readable(line, self._long)}" for line in shown))

    def unknown(self, answer: str) -> None:
        self._write(f"  {answer!r} is no answer")

    def answered(self, *, here: bool) -> None:
        """Whoever answers at this terminal has typed the end of the line as well."""
        if self._is_asking and not (here and os.isatty(0)):
            _say("\n")
        self._is_asking = False

    def end(self, seconds: float) -> None:
        self._write(
            f"The steps took {milliseconds(seconds)}. Why each is needed: minidock plan, or minidock explain --why"
        )

    def _line(self, number: int, step: Step, time: str, sentence: str, mark: str) -> str:
        return line(sys.stderr, number, step.name, step.side, time, readable(sentence, self._long), mark)

    def _write(self, text: str, end: str = "\n") -> None:
        self.answered(here=False)
        _say(f"{text}{end}")


def _say(text: str) -> None:
    """A whole line at once. That nobody can read it any more must not keep what was begun from being undone."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:  # EIO: the terminal is gone
        pass
