"""One document of many fields, such as `info` and `version` have: as text for people, as JSON, or by a template."""

from __future__ import annotations

import sys

from minidock.cli import human, tables
from minidock.cli.command import Flag
from minidock.cli.listings import PLAIN_FORMAT
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from minidock.jsonfile import Json

FORMAT = Flag("format", PLAIN_FORMAT.about, letter="f", takes="string", kind=VALUE)
_MALFORMED = 64  # the exit code


def show(document: Json, as_text: Callable[[Json], str], form: str) -> None:
    sys.stdout.write(human.printable(as_text(document) if not form else _formatted(document, form)))


def _formatted(document: Json, form: str) -> str:
    from minidock.cli.templates import TemplateError, documents, parse

    try:
        template = parse("{{json .}}" if form == tables.JSON else form)
    except TemplateError as error:
        error.code = _MALFORMED
        raise
    return template.render(documents.typed(document)) + "\n"
