"""The functions that templates call: those of Go's text/template, and those that Docker adds.

Each is described by the types of its arguments (`_TYPES`), so that the runner can check them in Docker's words.
"""

from __future__ import annotations

from minidock.cli.templates import comparing, picking
from minidock.cli.templates.errors import Misuse
from minidock.cli.templates.json_text import dump
from minidock.cli.templates.printf import sprintf
from minidock.cli.templates.printing import MOST_TEXT, as_text, joined
from minidock.cli.templates.values import is_number, truth, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from minidock.cli.templates.values import Value

ANY, TEXT, NUMBER, TEXTS = "any", "string", "int", "[]string"
_MOST_PARTS = 1_000_000
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "\0": "\ufffd"}
_UNRESERVED = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~")


class Function:
    """A function, the types of its arguments, and whether any number of values may follow them."""

    def __init__(self, do: Callable[..., Value], *types: str, more: bool = False) -> None:
        self.do = do
        self.types = types
        self.more = more

    def type_of(self, number: int) -> str:
        return self.types[number] if number < len(self.types) else ANY

    def count_error(self, count: int) -> str:
        """What is wrong with so many arguments; nothing if that many fit."""
        least = len(self.types)
        if count == least or (self.more and count > least):
            return ""
        return f"want {'at least ' if self.more else ''}{least} got {count}"


def fits(value: Value, kind: str) -> bool:
    """Whether a value can be an argument of a type."""
    if kind == TEXT:
        return isinstance(value, str)
    if kind == NUMBER:
        return is_number(value)
    if kind == TEXTS:
        return value is None or (isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value))
    return True


def _length(value: Value) -> int:
    if isinstance(value, str):
        return len(picking.as_bytes(value))
    if value is None:
        raise Misuse("len of nil pointer")
    if not picking.has_parts(value):
        raise Misuse(f"len of type {type_name(value)}")
    return len(value)


def _join(texts: list[str] | None, separator: str) -> str:
    parts = texts or []
    if sum(map(len, parts)) + len(separator) * len(parts) > MOST_TEXT:
        raise Misuse("the text is too long")
    return separator.join(parts)


def _split(text: str, separator: str) -> list[str]:
    parts = text.split(separator, _MOST_PARTS) if separator else list(text[: _MOST_PARTS + 1])
    if len(parts) > _MOST_PARTS:
        raise Misuse("too many parts")
    return parts


def _title(text: str) -> str:
    """Each word begins with a capital letter. A word ends at whatever is no letter, digit or underscore."""
    starts = [True, *(not (character.isalnum() or character == "_") for character in text)]
    return "".join(character.upper() if start else character for character, start in zip(text, starts, strict=False))


def _pad(text: str, before: int, after: int) -> str:
    if min(before, after) < 0:
        raise Misuse("strings: negative Repeat count")
    if max(before, after) > MOST_TEXT:
        raise Misuse("the text is too long")
    return " " * before + text + " " * after if text else ""


def _truncate(text: str, length: int) -> str:
    whole = picking.as_bytes(text)
    if length < 0:
        raise Misuse(f"runtime error: slice bounds out of range [:{length}]")
    return text if len(whole) < length else picking.as_string(whole[:length])


def _print_line(*values: Value) -> str:
    return " ".join(map(as_text, values)) + "\n"


def _print(*values: Value) -> str:
    return joined(values)


def _printf(form: str, *values: Value) -> str:
    return sprintf(form, values)


def _escape_html(*values: Value) -> str:
    return "".join(_ENTITIES.get(character, character) for character in joined(values))


def _escape_query(*values: Value) -> str:
    """As a part of an address: a space is a plus, most else is in hexadecimal."""
    text = "".join(chr(code) if code in _UNRESERVED else f"%{code:02X}" for code in picking.as_bytes(joined(values)))
    return text.replace("%20", "+")


FUNCTIONS = {
    # `and` and `or` stop at the first value that decides: the runner does that, these are for their arguments' sake.
    "and": Function(lambda *values: values[-1], ANY, more=True),
    "or": Function(lambda *values: values[-1], ANY, more=True),
    "not": Function(lambda value: not truth(value), ANY),
    "eq": Function(comparing.equal, ANY, more=True),
    "ne": Function(comparing.not_equal, ANY, ANY),
    "lt": Function(comparing.less, ANY, ANY),
    "le": Function(comparing.less_or_equal, ANY, ANY),
    "gt": Function(comparing.greater, ANY, ANY),
    "ge": Function(comparing.greater_or_equal, ANY, ANY),
    "index": Function(picking.index, ANY, more=True),
    "slice": Function(picking.slice_of, ANY, more=True),
    "len": Function(_length, ANY),
    "print": Function(_print, more=True),
    "printf": Function(_printf, TEXT, more=True),
    "println": Function(_print_line, more=True),
    "html": Function(_escape_html, more=True),
    "urlquery": Function(_escape_query, more=True),
    # Docker's
    "json": Function(dump, ANY),
    "split": Function(_split, TEXT, TEXT),
    "join": Function(_join, TEXTS, TEXT),
    "title": Function(_title, TEXT),
    "lower": Function(str.lower, TEXT),
    "upper": Function(str.upper, TEXT),
    "pad": Function(_pad, TEXT, NUMBER, NUMBER),
    "truncate": Function(_truncate, TEXT, NUMBER),
}


def _same(text: Value, *_: Value) -> Value:
    return text


# In the line of headers of a table these leave the header as it is, whatever they do to the values below it.
FOR_HEADERS = {
    **FUNCTIONS,
    **{name: Function(_same, TEXT) for name in ("json", "title", "lower", "upper")},
    **{name: Function(_same, TEXT, ANY) for name in ("split", "join", "truncate")},
}
