"""Flags of an instruction: `--name=value` words between its name and its arguments."""

from __future__ import annotations

from minidock.images import shell_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

ONE, MANY, SWITCH = "one", "many", "switch"
_ON, _OFF = ("", "1", "t", "true"), ("0", "f", "false")
_BLANKS = " \t"


class Flags:
    """What an instruction was given."""

    def __init__(self) -> None:
        self.values: dict[str, list[str]] = {}

    def value(self, name: str) -> str:
        return self.values.get(name, [""])[-1]

    def each(self, name: str) -> list[str]:
        return self.values.get(name, [])

    def switch(self, name: str) -> bool:
        return name in self.values and self.value(name).lower() in _ON

    def __bool__(self) -> bool:
        return bool(self.values)


def read(rest: str, known: Mapping[str, str], escape: str) -> tuple[Flags, str]:
    """The flags, and what follows them. ValueError for one that is unknown, or given as it must not be."""
    flags = Flags()
    while rest.startswith("--"):
        word, rest = _first_word(rest, escape)
        if word == "--":
            break
        name, equals, value = shell_words.unquoted(word[2:], escape).partition("=")
        _note(flags, name, value, has_value=bool(equals), kind=known.get(name, ""))
    return flags, rest


def _note(flags: Flags, name: str, value: str, *, has_value: bool, kind: str) -> None:
    if not kind:
        raise ValueError(f"unknown flag: --{name}")
    if kind != MANY and name in flags.values:
        raise ValueError(f"duplicate flag specified: {name}")
    if kind == SWITCH and value.lower() not in (*_ON, *_OFF):
        raise ValueError(f"expecting boolean value for flag --{name}, not: {value}")
    if kind != SWITCH and not has_value:
        raise ValueError(f"missing a value on flag: --{name}")
    flags.values.setdefault(name, []).append(value)


def _first_word(text: str, escape: str) -> tuple[str, str]:
    """The first word with its quotes, and what follows."""
    quote, at = "", 0
    while at < len(text) and (quote or text[at] not in _BLANKS):
        character = text[at]
        if character == escape and quote != "'":
            at += 1
        elif character in "'\"":
            quote = "" if character == quote else quote or character
        at += 1
    return text[:at], text[at:].lstrip(_BLANKS)
