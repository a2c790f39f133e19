"""JSON files, read and written by the commands that must start fast.

The standard `json` package imports `re`, which costs 6 ms at each start: a fifth of a whole container.
Its halves in C, the scanner and the encoder, do not, so these few lines use them directly.
"""

from __future__ import annotations

import os
from _json import encode_basestring_ascii, make_encoder, make_scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    Json = Any  # what a JSON document can hold; checked by whoever reads it


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class _Settings:
    """What the C scanner asks of a decoder: the same choices as json.loads makes."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_no_number)  # NaN and Infinity
    memo: dict[str, str] = {}


_SPACES = " \t\n\r"


def parse(text: str) -> Json:
    """The value of a JSON text; ValueError says where it is malformed."""
    start = len(text) - len(text.lstrip(_SPACES))
    try:
        scan = make_scanner(_Settings())  # type: ignore[arg-type] # any object with these attributes will do
        value, end = scan(text, start)
    except (StopIteration, SystemError, RecursionError):
        return _refuse(text)
    return _refuse(text) if text[end:].strip(_SPACES) else value


def _refuse(text: str) -> Json:
    """Let the standard module say what is wrong: the scanner alone cannot, and now there is no hurry."""
    import json

    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None


def _no_form(value: Json) -> NoReturn:
    raise TypeError(f"{type(value).__name__} has no form in JSON: {value!r}")


# The last word is allow_nan: what the encoder would write for infinity is not JSON.
_encode = make_encoder(None, _no_form, encode_basestring_ascii, None, ": ", ", ", False, False, False)


def dump(value: Json) -> str:
    """A value as one line of JSON."""
    try:
        return "".join(_encode(value, 0))
    except ValueError:  # a number beyond all floats, which JSON can hold, but has no word for
        return "".join(_encode(_with_large_numbers(value), 0)).replace(f'"{_INFINITY}', "").replace(f'{_INFINITY}"', "")


_INFINITY = os.urandom(8).hex()


def _with_large_numbers(value: Json) -> Json:
    """Infinities as marked texts of what is read as infinity again."""
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return f"{_INFINITY}{'-' if value < 0 else ''}1e999{_INFINITY}"
    if isinstance(value, dict):
        return {key: _with_large_numbers(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_large_numbers(item) for item in value]
    return value


def read(path: str) -> Json:
    """The value in a file of JSON."""
    with open(path, encoding="utf-8") as file:
        return parse(file.read())


def write(path: str, value: Json) -> None:
    """Write a file of JSON so that a reader, or a crash, sees the old text or the new, never a part."""
    unfinished = f"{path}.{os.getpid()}.new"
    with open(unfinished, "w", encoding="utf-8") as file:
        file.write(dump(value) + "\n")
    os.replace(unfinished, path)
