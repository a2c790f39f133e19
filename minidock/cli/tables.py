"""What every listing prints: a table, the ids alone, or each row by a template or as JSON. `--format` and `-q`.

A row is a mapping of fields to text. A field that takes long to know is a function, called only if it is shown;
one whose function takes arguments, as in `{{.Label "key"}}`, is for templates alone.
"""

from __future__ import annotations

from minidock.cli.human import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, TextIO

    Row = Mapping[str, Any]  # str, or a function that gives it

TABLE, JSON = "table", "json"
_NARROWEST, _GAP = 10, 3
_FAILED = "failed to execute template"


class Listing:
    """How a kind of thing is listed: the header of each field, the fields of the usual table, the one that -q shows."""

    def __init__(self, headers: Mapping[str, str], columns: Sequence[str], identity: str = "ID") -> None:
        self.headers = headers
        self.columns = columns
        self.identity = identity

    def with_columns(self, *columns: str) -> Listing:
        """The same with another usual table: of `ps -s`, of `images --digests`."""
        return Listing(self.headers, columns, self.identity)


def show(out: TextIO, rows: Iterable[Row], listing: Listing, form: str = "", *, quiet: bool = False) -> None:
    """Print a listing in the format that was asked for; none: the usual table. -q loses against a template."""
    asked = form.strip(" ")
    if asked in ("", TABLE) and quiet:
        lines = [_text(row[listing.identity]) for row in rows]
    elif asked in ("", TABLE):
        lines = _usual_table(rows, listing)
    elif form.startswith(TABLE):
        lines = _table(rows, listing, form.removeprefix(TABLE))
    else:
        lines = [*map(writer(listing, form), rows)]
    out.write(printable("".join(f"{line}\n" for line in lines)))


def writer(listing: Listing, form: str) -> Callable[[Row], str]:
    """How to turn one row after another into text, for listings that do not end: `events`, `stats`."""
    from minidock.cli.templates import parse, values

    template = parse("{{json .}}" if form == JSON else _unescaped(form), "failed to parse template")
    names = [*listing.headers]

    def text(row: Row) -> str:
        known = row if isinstance(row, values.Record) else values.Row(row, names)
        return template.render(known, prefix=_FAILED)

    return text


def _unescaped(form: str) -> str:
    """In a format, what a shell makes it hard to type."""
    return form.strip(" ").replace("\\t", "\t").replace("\\n", "\n")


def _text(value: str | Callable[[], str]) -> str:
    return value() if callable(value) else value


def _usual_table(rows: Iterable[Row], listing: Listing) -> list[str]:
    """Without a template: this is what most people want, and it should not wait for the template engine."""
    cells = [[listing.headers[name] for name in listing.columns]]
    cells += [[_text(row[name]) for name in listing.columns] for row in rows]
    return aligned("\n".join("\t".join(line) for line in cells))


def _table(rows: Iterable[Row], listing: Listing, form: str) -> list[str]:
    """A table by a template. The headers are put in by the same template."""
    write = writer(listing, form)
    text = [write(row) for row in rows]
    return aligned("\n".join([_headers(listing, form), *text]))


def _headers(listing: Listing, form: str) -> str:
    from minidock.cli.templates import TemplateError, parse
    from minidock.cli.templates.functions import FOR_HEADERS

    try:
        return parse(_unescaped(form)).render({**listing.headers, "Label": _label_header}, functions=FOR_HEADERS)
    except TemplateError:  # it makes sense of values only
        return ""


def _label_header(name: str) -> str:
    """The last word of a label's name: of `com.example.is-fast` it is `is fast`."""
    return name.rpartition(".")[2].replace("-", " ").replace("_", " ")


def aligned(text: str) -> list[str]:
    """Lines whose cells, which end at tabs, are as wide as the widest of the lines next to them.

    As Go's text/tabwriter does it: where a line has fewer cells, a column ends, and the one that begins below it
    has a width of its own. What follows the last tab of a line is in no column.
    """
    lines = [line.split("\t") for line in text.split("\n")]
    column = 0
    while any(len(line) > column + 1 for line in lines):
        _align(lines, column)
        column += 1
    return ["".join(line) for line in lines]


def _align(lines: list[list[str]], column: int) -> None:
    block: list[list[str]] = []
    for line in [*lines, []]:
        if len(line) > column + 1:
            block.append(line)
        elif block:
            width = max(_NARROWEST, *(len(member[column]) + _GAP for member in block))
            for member in block:
                member[column] = member[column].ljust(width)
            block = []
