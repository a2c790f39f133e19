"""minidock plan: what `run` would do, step by step, without doing it."""

from __future__ import annotations

import sys

from minidock import jsonfile
from minidock.cli.colours import BOLD, FAINT, GREEN, painted
from minidock.cli.command import Command, Flag
from minidock.cli.container_flags import FLAGS, listen, options, typed
from minidock.engine.engine import Engine
from minidock.runtime import reports
from minidock.runtime.arguments import VALUE, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments

_COLOURS = {"what": BOLD, "why": FAINT, "how": GREEN}
_FORMATS = ("text", "json", "sh")
_BETWEEN = "--"  # two sets of flags


def _plan(arguments: Arguments) -> int:
    style = arguments.value("format", "text")
    if style not in _FORMATS:
        raise arguments.invalid("format", style, f"it is one of {', '.join(_FORMATS)}")
    engine = Engine()
    listen(engine, arguments)
    if arguments.flag("diff"):
        return _difference(engine, arguments, style)
    if style == "sh":
        sys.stdout.buffer.write(engine.script(options(arguments)).encode(errors="surrogateescape"))
        return 0
    plan = engine.plan(options(arguments))
    if style == "json":
        sys.stdout.write(jsonfile.dump(reports.plan_as_data(plan)) + "\n")
        return 0
    for kind, line in reports.plan_lines(plan):
        sys.stdout.write(painted(sys.stdout, line, _COLOURS[kind]) + "\n")
    return 0


def _difference(engine: Engine, arguments: Arguments, style: str) -> int:
    from minidock.cli import plan_difference
    from minidock.steps.differences import differences

    if style == "sh":
        raise arguments.invalid("format", style, "a difference is text or json")
    other = _other(arguments)
    found = list(differences(engine.plan(options(arguments)), engine.plan(options(other))))
    if style == "json":
        sys.stdout.write(jsonfile.dump(plan_difference.as_data(found)) + "\n")
    else:
        plan_difference.show(sys.stdout, found, *(typed(one) for one in (arguments, other)))
    return 0


def _other(arguments: Arguments) -> Arguments:
    """The flags, image and command behind `--`, which are taken away from the first ones."""
    if _BETWEEN not in arguments.words:
        raise UsageError(
            "--diff takes two sets of flags, and -- between them",
            hint="minidock plan --diff busybox -- --read-only busybox",
        )
    at = arguments.words.index(_BETWEEN)
    first, second = arguments.words[:at], arguments.words[at + 1 :]
    arguments.words = first
    other = COMMAND.arguments()
    other.read(second, most_words=1)
    other.words = other.words or first
    return other


COMMAND = Command(
    "plan",
    "[OPTIONS] IMAGE [COMMAND] [ARG...]\n"
    "--diff [OPTIONS] IMAGE [COMMAND] [ARG...] -- [OPTIONS] [IMAGE] [COMMAND] [ARG...]",
    "Show the steps that would make a container, without making it",
    _plan,
    flags=[
        *FLAGS,
        Flag("diff", "Show which steps two sets of options change; -- stands between them"),
        Flag(
            "format", "Format the output (text|json|sh); default text", takes="string", kind=VALUE, completes=_FORMATS
        ),
    ],
    least_words=1,
    flags_end=1,
    failure=125,
    notes=(
        "All other options are those of 'minidock run'. No privileges are needed to read a plan.\n\n"
        "--format sh writes a script that makes the container with Debian's own tools alone; it is run as root.\n\n"
        "With --diff, IMAGE and COMMAND may be left out behind -- where they are the same:\n"
        "  minidock plan --diff busybox sh -- --read-only --cap-drop ALL"
    ),
)
