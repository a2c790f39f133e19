"""minidock history: how an image came to be."""

from __future__ import annotations

import sys

from minidock.cli import human, tables
from minidock.cli.command import Command, Flag
from minidock.cli.listings import FORMAT, ellipsis, short_id
from minidock.engine.engine import Engine
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.images.history import Step
    from minidock.runtime.arguments import Arguments

_HEADERS = {
    "ID": "IMAGE",
    "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT",
    "CreatedBy": "CREATED BY",
    "Size": "SIZE",
    "Comment": "COMMENT",
}
_LISTING = tables.Listing(_HEADERS, ("ID", "CreatedSince", "CreatedBy", "Size", "Comment"))
_EXACT = _LISTING.with_columns("ID", "CreatedAt", "CreatedBy", "Size", "Comment")
_LONGEST_COMMAND = 45
_NO_TIME = "N/A"


def _history(arguments: Arguments) -> int:
    is_human = arguments.flag("human") if arguments.given("human") else True
    steps = Engine().history(arguments.words[0], platform=arguments.value("platform"))
    rows = [_row(step, full=arguments.flag("no-trunc"), is_human=is_human) for step in steps]
    quiet = arguments.flag("quiet")
    form = "" if quiet else arguments.value("format")
    tables.show(sys.stdout, rows, _LISTING if is_human else _EXACT, form, quiet=quiet)
    return 0


def _row(step: Step, *, full: bool, is_human: bool) -> tables.Row:
    command = step.created_by.replace("\t", " ")
    created_at = human.local_timestamp(step.created, fraction=False)
    return {
        "ID": step.image_id if full else short_id(step.image_id),
        "CreatedAt": created_at,
        "CreatedSince": _since(step) if is_human else created_at,
        "CreatedBy": command if full else ellipsis(command, _LONGEST_COMMAND),
        "Size": human.size(step.size, 3) if is_human else str(step.size),
        "Comment": step.comment,
    }


def _since(step: Step) -> str:
    return human.ago(step.created) if step.created else _NO_TIME


COMMAND = Command(
    "history",
    "[OPTIONS] IMAGE",
    "Show the history of an image",
    _history,
    flags=[
        FORMAT,
        Flag("human", "Print sizes and dates in human readable format (default true)", letter="H"),
        Flag("no-trunc", "Don't truncate output"),
        Flag(
            "platform",
            'Show history for the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
            takes="string",
            kind=VALUE,
        ),
        Flag("quiet", "Only show image IDs", letter="q"),
    ],
    least_words=1,
    most_words=1,
)
