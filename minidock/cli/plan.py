"""minidock plan: what `run` would do, step by step, without doing it."""

from __future__ import annotations

import sys

from minidock import jsonfile
from minidock.cli.command import Command, Flag
from minidock.cli.container_flags import FLAGS, options
from minidock.engine.engine import Engine
from minidock.runtime import reports
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments

_FORMATS = ("text", "json", "sh")


def _plan(arguments: Arguments) -> int:
    style = arguments.value("format", "text")
    if style not in _FORMATS:
        raise arguments.invalid("format", style, f"it is one of {', '.join(_FORMATS)}")
    wishes = options(arguments)
    if style == "sh":
        sys.stdout.buffer.write(Engine().script(wishes).encode(errors="surrogateescape"))
        return 0
    plan = Engine().plan(wishes)
    sys.stdout.write(
        jsonfile.dump(reports.plan_as_data(plan)) + "\n" if style == "json" else reports.plan_as_text(plan)
    )
    return 0


COMMAND = Command(
    "plan",
    "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    "Show the steps that would make a container, without making it",
    _plan,
    flags=[*FLAGS, Flag("format", "Format the output (text|json|sh); default text", takes="string", kind=VALUE)],
    least_words=1,
    flags_end=1,
    failure=125,
    notes="All other options are those of 'minidock run'. No privileges are needed to read a plan.",
)
