"""minidock events: what happens to containers, images and volumes, one line each, as it happens."""

from __future__ import annotations

import sys

from minidock.cli import human, tables
from minidock.cli.command import Command, Flag
from minidock.cli.listings import FILTER, PLAIN_FORMAT, filters
from minidock.engine.engine import Engine
from minidock.errors import MinidockError
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from minidock.engine.looking.events import Event
    from minidock.runtime.arguments import Arguments

_SECOND = 1_000_000_000
_WITH_STATUS, _WITH_IMAGE = ("container", "image"), ("container",)  # what Docker tells twice, in an older way too
_MALFORMED = 64  # the exit code


def _events(arguments: Arguments) -> int:
    write = _writer(arguments.value("format"))
    since, until = _moment(arguments, "since"), _moment(arguments, "until")
    for event in Engine().events(since=since, until=until, filters=filters(arguments)):
        sys.stdout.write(human.printable(f"{write(event)}\n"))
        sys.stdout.flush()
    return 0


def _moment(arguments: Arguments, name: str) -> int:
    text = arguments.value(name)
    try:
        return human.moment(text) if text else 0
    except ValueError as error:
        raise MinidockError(str(error)) from None


def _writer(form: str) -> Callable[[Event], str]:
    if not form:
        return _line
    from minidock.cli.templates import TemplateError, parse

    prefix = "Error parsing format"
    try:
        template = parse("{{json .}}" if form == tables.JSON else form, prefix)
    except TemplateError as error:
        raise _with_code(error) from None

    def write(event: Event) -> str:
        try:
            return template.render(_record(event), prefix=prefix)
        except TemplateError as error:
            raise _with_code(error) from None

    return write


def _with_code(error: MinidockError) -> MinidockError:
    error.code = _MALFORMED
    return error


def _line(event: Event) -> str:
    what = f"{human.local_timestamp(event.time)} {event.kind} {event.action} {event.actor}"
    pairs = ", ".join(f"{name}={value}" for name, value in sorted(event.attributes.items()))
    return f"{what} ({pairs})" if pairs else what


def _record(event: Event) -> dict[str, Any]:
    """Docker's message. The names of its fields are others in templates than in JSON."""
    from minidock.cli.templates.values import Record

    older = {
        "status": event.action if event.kind in _WITH_STATUS else "",
        "id": event.actor if event.kind in _WITH_STATUS else "",
        "from": event.attributes.get("image", "") if event.kind in _WITH_IMAGE else "",
    }
    times = {"scope": "local", "time": event.time // _SECOND, "timeNano": event.time}
    actor = Record({"ID": event.actor, "Attributes": event.attributes})
    names = {"Type": event.kind, "Action": event.action, "Actor": actor}
    record = Record({**{name: value for name, value in older.items() if value}, **names, **times})
    spelt = {f"{name[0].upper()}{name[1:]}": value for name, value in {**older, **times}.items()}
    record.optional = {**spelt, "ID": older["id"]}
    return record


COMMAND = Command(
    "events",
    "[OPTIONS]",
    "Get real time events",
    _events,
    flags=[
        FILTER,
        PLAIN_FORMAT,
        Flag("since", "Show all events created since timestamp", takes="string", kind=VALUE),
        Flag("until", "Stream events until this timestamp", takes="string", kind=VALUE),
    ],
    most_words=0,
)
