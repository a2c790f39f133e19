"""JSON files, read and written by the commands that must start fast.

The standard `json` package imports `re`, which costs 6 ms at each start: a fifth of a whole container.
Its two halves in C, the scanner and the string encoder, do not, so these few lines use them directly.
"""

from __future__ import annotations

import os
from _json import encode_basestring_ascii, make_scanner

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


def dump(value: Json) -> str:
    """A value as one line of JSON."""
    try:
        return _dump(value)
    except RecursionError:  # the standard module goes as deep as the scanner does
        import json

        return json.dumps(value)


def _dump(value: Json) -> str:
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return repr(value).replace("inf", "1e999")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_dump(str(key))}: {_dump(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_dump, value)) + "]"
    raise TypeError(f"{type(value).__name__} has no form in JSON: {value!r}")


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
