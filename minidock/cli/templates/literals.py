"""Values that are written in a template: numbers in all of Go's ways, strings, characters, true and false."""

from __future__ import annotations

from minidock.cli.templates import lexer as kinds
from minidock.cli.templates.quoting import unquote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.cli.templates.lexer import Token
    from minidock.cli.templates.values import Value

_LONGEST_NUMBER = 400
_MOST = 1 << 63
_INFINITE = float("inf")


class Overflow(int):
    """An integer that a literal may be and Go's int cannot: an error once it is used."""


def literal(token: Token) -> Value:
    """The value of a token; ValueError if it is malformed."""
    if token.kind == kinds.BOOL:
        return token.text == "true"
    if token.kind == kinds.NUMBER:
        return _number(token.text)
    if token.kind == kinds.CHARACTER:
        return _character(token.text)
    return unquote(token.text)


def _character(text: str) -> int:
    """A character is the number of it."""
    try:
        found = unquote(text)
    except ValueError:
        found = ""
    if len(found) != 1:
        raise ValueError(f"malformed character constant: {text}")
    return ord(found)


def _number(text: str) -> Value:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(f'illegal number syntax: "{text}"')
    digits = text.lstrip("+-")
    try:
        if digits[:2].lower() in ("0x", "0o", "0b") or set(digits) <= set("0123456789_"):
            return _integer(text, digits)
        value = float(text)
    except ValueError as error:
        message = str(error) if "overflow" in str(error) else f'illegal number syntax: "{text}"'
        raise ValueError(message) from None
    if abs(value) == _INFINITE:
        raise ValueError(f'illegal number syntax: "{text}"')
    return value


def _integer(text: str, digits: str) -> int:
    """A leading zero alone means octal, as in C."""
    is_octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdecimal()
    value = int(digits, 8 if is_octal else 0)
    value = -value if text.startswith("-") else value
    if not -_MOST <= value < 2 * _MOST:
        raise ValueError(f'integer overflow: "{text}"')
    return value if value < _MOST else Overflow(value)
