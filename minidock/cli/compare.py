"""minidock compare: what docker, or runc, makes of the same wishes, step by step."""

from __future__ import annotations

import sys

from minidock import jsonfile
from minidock.cli.colours import BOLD, FAINT, GREEN, RED, painted
from minidock.cli.command import Command, Flag
from minidock.cli.container_flags import FLAGS, listen, options, typed
from minidock.engine.engine import Engine
from minidock.errors import one_line
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.looking.beside import Comparison
    from minidock.engine.looking.comparing import Difference
    from minidock.jsonfile import Json
    from minidock.runtime.arguments import Arguments

_PEERS, _FORMATS = ("docker", "runc"), ("text", "json")
# What is about the command itself, or takes away what is to be looked at.
_OWN = ("with", "format", "rm", "interactive", "detach-keys", "cidfile", "pull", "quiet", "name")


def _compare(arguments: Arguments) -> int:
    style, peer = arguments.value("format", "text"), arguments.value("with")
    if style not in _FORMATS:
        raise arguments.invalid("format", style, "it is either text or json")
    if peer and peer not in _PEERS:
        raise arguments.invalid("with", peer, "it is either docker or runc")
    engine, wishes = Engine(), options(arguments)
    listen(engine, arguments)
    found = engine.compare(wishes, typed(arguments, but=_OWN), peer)
    if style == "json":
        sys.stdout.write(jsonfile.dump(_as_data(found)) + "\n")
    else:
        _show(found)
    return 0


def _show(found: Comparison) -> None:
    last = None
    _line(f"--- minidock\n+++ {found.peer}", BOLD)
    for one in found.differences:
        if one.step != last:
            _line(one.step or "no step of minidock does this", BOLD)
            last = one.step
        _line(f"  {one_line(f'{one.facility}: {one.name}')}", "")
        _side("-", one.ours, RED)
        _side("+", one.theirs, GREEN)
    _line(f"{found.same} facts are the same", FAINT)


def _side(sign: str, value: str | None, colour: str) -> None:
    if value is not None:
        _line(f"    {sign} {one_line(value)}", colour)


def _line(text: str, colour: str) -> None:
    sys.stdout.write((painted(sys.stdout, text, colour) if colour else text) + "\n")


def _as_data(found: Comparison) -> Json:
    return {"peer": found.peer, "same": found.same, "differences": [_difference(one) for one in found.differences]}


def _difference(one: Difference) -> Json:
    """`step` is null for what none of ours does; so is a value where there is no such thing."""
    said = {"step": one.step or None, "facility": one.facility, "name": one.name}
    return {**said, "minidock": one.ours, "theirs": one.theirs}


COMMAND = Command(
    "compare",
    "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    "Show what docker or runc makes of the same container, beyond or unlike minidock",
    _compare,
    flags=[
        *FLAGS,
        Flag("format", "Format the output (text|json); default text", takes="string", kind=VALUE, completes=_FORMATS),
        Flag(
            "with",
            "Whom to compare with (docker|runc); default docker, if it can be reached",
            takes="string",
            kind=VALUE,
            completes=_PEERS,
        ),
    ],
    least_words=1,
    flags_end=1,
    failure=125,
    notes=(
        "Both make a container, which has to stay for a moment to be looked at; then both are removed. docker is given "
        "the same options, and the image if it lacks it. runc is given its own default configuration, with the command "
        "and the image: so its differences are those of 'runc spec'.\n\n"
        "Lines with - are minidock's, lines with + the other's."
    ),
)
