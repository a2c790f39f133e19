"""minidock explain: how a container came to be, step by step, after it has."""

from __future__ import annotations

import sys

from minidock import jsonfile
from minidock.cli.command import Command, Flag
from minidock.cli.stepping import DONE, FAILED, MISSING, line, milliseconds, readable
from minidock.engine.engine import Engine
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json
    from minidock.runtime.arguments import Arguments

_MARKS = {"done": DONE, "failed": FAILED, "begun": FAILED}
_OTHERWISE = {"left out": "left out", "not reached": "-"}
_INDENT = " " * 5


def _explain(arguments: Arguments) -> int:
    style = arguments.value("format", "text")
    if style not in ("text", "json"):
        raise arguments.invalid("format", style, "it is either text or json")
    told = Engine().explain(arguments.words[0])
    if style == "json":
        sys.stdout.write(jsonfile.dump(told) + "\n")
    else:
        sys.stdout.write("".join(f"{text}\n" for text in _lines(told, why=arguments.flag("why"))))
    return 0


def _lines(told: Json, *, why: bool) -> list[str]:
    lines = [_title(told)]
    for step in told["steps"]:
        time = milliseconds(step["seconds"]) if step["seconds"] is not None else _OTHERWISE[step["outcome"]]
        sentence = _sentence(step, told["id"])
        mark = _MARKS.get(step["outcome"], MISSING)
        lines.append(line(sys.stdout, step["number"], step["name"], step["side"], time, sentence, mark))
        if why and step["why"]:
            lines.append(f"{_INDENT}{_when(step)}{step['why']}" + (f" — {step['man']}" if step["man"] else ""))
    return lines


def _title(told: Json) -> str:
    count = len(told["steps"])
    if told["began"] is None:
        return f"Container {told['name']} ({told['status']}) has not been started yet: these {count} steps await it."
    taken = milliseconds(told["seconds"])
    return f"Container {told['name']} ({told['status']}): its {count} steps, begun at {told['began']}, took {taken}."


def _sentence(step: Json, identifier: str) -> str:
    if step["message"]:
        return readable(f"failed: {step['message']}", identifier)
    return readable(step["says"] or "a step of the configuration that it had then", identifier)


def _when(step: Json) -> str:
    return f"+{milliseconds(step['offset'])}: " if step["offset"] is not None else ""


COMMAND = Command(
    "explain",
    "[OPTIONS] CONTAINER",
    "Tell how a container was made: each step of its last start, its time and result",
    _explain,
    flags=[
        Flag("format", "Format the output (text|json); default text", takes="string", kind=VALUE),
        Flag("why", "Tell as well when each step began, and what it is for"),
    ],
    least_words=1,
    most_words=1,
    notes="The journal of a container stays when it stops, or fails to start. 'minidock run --explain' shows it live.",
)
