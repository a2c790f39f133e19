"""minidock doctor: whether this host has all that containers need, and how to mend what it lacks."""

from __future__ import annotations

import sys

from minidock.cli import colours, documents
from minidock.cli.command import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.jsonfile import Json
    from minidock.runtime.arguments import Arguments

_COLOURS = {"ok": colours.GREEN, "warning": colours.YELLOW, "missing": colours.RED, "unknown": colours.YELLOW}
_WIDTH = 22


def _doctor(arguments: Arguments) -> int:
    from minidock.engine.engine import Engine

    found = Engine().examination()
    if arguments.value("format"):
        documents.show(found, _text, arguments.value("format"))
    else:
        sys.stdout.write(_text(found))
    return 0 if found["ready"] else 1


def _text(found: Json) -> str:
    return "".join(f"{line}\n" for line in _lines(found))


def _lines(found: Json) -> Iterator[str]:
    for check in found["checks"]:
        status = colours.painted(sys.stdout, f"{check['status']:8}", _COLOURS[check["status"]])
        yield f"{status} {check['name']:{_WIDTH}} {check['says']}"
        yield from (f"{'':9}{what}: {check[what]}" for what in ("confirm", "mend") if check[what])
    yield ""
    statuses = [check["status"] for check in found["checks"]]
    counts = [f"{statuses.count(status)} {status}" for status in _COLOURS if status in statuses]
    verdict = "This host has all that is needed" if found["ready"] else "This host lacks what is needed"
    if found["ready"] and "unknown" in statuses:
        verdict = "As far as can be seen without root, this host has all that is needed"
    yield f"{verdict}: {', '.join(counts)}."
    yield "Whether minidock's own files and state fit together is another question: minidock system check"


COMMAND = Command(
    "doctor",
    "[OPTIONS]",
    "Check whether this host has all that containers need",
    _doctor,
    flags=[documents.FORMAT],
    most_words=0,
    notes="Nothing is changed. One can do without what is a warning. The exit code is 1 if something is missing.",
)
