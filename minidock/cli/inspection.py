"""What all forms of `inspect` do: look at several things, and print what is known of them, as JSON or by a template.

What does not exist, or does not fit the template, does not keep the others from being shown.
"""

from __future__ import annotations

import sys

from minidock.cli import complaints, human, tables
from minidock.cli.command import Flag
from minidock.cli.listings import PLAIN_FORMAT
from minidock.errors import MinidockError
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from minidock.cli.templates import Template
    from minidock.jsonfile import Json

FORMAT = Flag("format", PLAIN_FORMAT.about, letter="f", takes="string", kind=VALUE)
_MALFORMED = 64  # the exit code


def show(words: Iterable[str], look: Callable[[str], Json], form: str = "") -> int:
    """Print all that `look` tells of each word; the exit code."""
    template = _parsed(form)
    found: list[Json] = []
    failures: list[MinidockError | OSError] = []
    for word in words:
        try:
            found.append(look(word))
        except (MinidockError, OSError) as error:
            failures.append(error)
    text = _as_json(found, form) if template is None else _rendered(template, found, failures)
    sys.stdout.write(human.printable(text))
    sys.stdout.flush()
    for failure in failures:
        complaints.about(failure)
    return 1 if failures else 0


def _parsed(form: str) -> Template | None:
    if form in ("", tables.JSON):
        return None
    from minidock.cli.templates import TemplateError, parse

    try:
        return parse(form)
    except TemplateError as error:
        error.code = _MALFORMED
        raise


def _as_json(found: Sequence[Json], form: str) -> str:
    """As Go lays it out; with `json` as one line."""
    import json

    if form == tables.JSON:
        return json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n"
    return json.dumps(found, ensure_ascii=False, indent=4) + "\n"


def _rendered(template: Template, found: Sequence[Json], failures: list[MinidockError | OSError]) -> str:
    from minidock.cli.templates import TemplateError, documents

    text = ""
    for document in found:
        try:
            text += documents.render(template, document) + "\n"
        except TemplateError as error:
            failures.append(error)
    return text or "\n"
