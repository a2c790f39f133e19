"""Go's strings in quotes: how templates write them (`"a\\tb"`, `'x'`, raw in backquotes), and how `%q` shows them."""

from __future__ import annotations

_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92}
_SHOWN = {code: f"\\{letter}" for letter, code in _ESCAPES.items()}
_LENGTHS = {"x": 2, "u": 4, "U": 8}
_LAST_CHARACTER = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


def unquote(literal: str) -> str:
    """What a quoted string or character stands for; ValueError if it has a malformed escape."""
    mark, inside = literal[0], literal[1:-1]
    if mark == "`":
        return inside.replace("\r", "")
    if "\\" not in inside:
        return inside
    found = bytearray()
    at = 0
    while at < len(inside):
        if inside[at] == "\\":
            value, at = _escaped(inside, at + 1, mark)
            found += value
        else:
            found += inside[at].encode("utf-8", "surrogatepass")
            at += 1
    return found.decode("utf-8", "replace")


def _escaped(text: str, at: int, mark: str) -> tuple[bytes, int]:
    """The bytes that the escape after a backslash stands for, and where the text goes on."""
    letter = text[at : at + 1]
    if letter in _ESCAPES:
        return bytes([_ESCAPES[letter]]), at + 1
    if letter == mark:
        return mark.encode(), at + 1
    if letter in _LENGTHS:
        end = at + 1 + _LENGTHS[letter]
        code = _number(text[at + 1 : end], 16, _LENGTHS[letter])
        return (bytes([code]) if letter == "x" else _character(code)), end
    code = _number(text[at : at + 3], 8, 3)
    if code > 0xFF:
        raise ValueError("invalid syntax")
    return bytes([code]), at + 3


def _number(digits: str, base: int, length: int) -> int:
    if len(digits) != length or not digits.isascii() or not digits.isalnum():
        raise ValueError("invalid syntax")
    try:
        return int(digits, base)
    except ValueError:
        raise ValueError("invalid syntax") from None


def _character(code: int) -> bytes:
    if code > _LAST_CHARACTER or code in _SURROGATES:
        raise ValueError("invalid syntax")
    return chr(code).encode()


def quote(text: str, mark: str = '"', *, ascii_only: bool = False) -> str:
    """A text as Go would write it."""
    return mark + "".join(_shown(character, mark, ascii_only) for character in text) + mark


def _shown(character: str, mark: str, ascii_only: bool) -> str:
    code = ord(character)
    if character == mark or character == "\\":
        return "\\" + character
    if character.isprintable() and (code < 0x7F or not ascii_only):
        return character
    if code in _SHOWN:
        return _SHOWN[code]
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
