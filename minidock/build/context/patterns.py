"""Names that fit a pattern: `*` anything within a name, `?` one character, `[a-z]` a set, `**` any directories."""

from __future__ import annotations

import re

from minidock.errors import MinidockError

WILD = frozenset("*?[\\")


def expression(words: str) -> re.Pattern[str]:
    """The pattern of a path."""
    found, at = "", 0
    while at < len(words):
        if words.startswith("**", at):
            at += 2
            if words.startswith("/", at):
                at += 1
                found += "(.*/)?"
            else:
                found += ".*"
            continue
        part, at = _one(words, at)
        found += part
    return _compiled(found, words)


def name(words: str) -> re.Pattern[str]:
    """The pattern of one part of a path, in which two stars are no more than one."""
    found, at = "", 0
    while at < len(words):
        part, at = _one(words, at)
        found += part
    return _compiled(found, words)


def _compiled(text: str, words: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.DOTALL)
    except re.error:
        raise MinidockError(f'syntax error in pattern: "{words}"') from None


def _one(words: str, at: int) -> tuple[str, int]:
    character = words[at]
    if character == "*":
        return "[^/]*", at + 1
    if character == "?":
        return "[^/]", at + 1
    if character == "\\" and at + 1 < len(words):
        return re.escape(words[at + 1]), at + 2
    if character == "[":
        end = words.find("]", at + 2)
        if end < 0:
            raise MinidockError(f'syntax error in pattern: "{words}"', hint="a set such as [a-z] ends with ]")
        inner = words[at + 1 : end]
        negated = inner[:1] in ("^", "!")
        return f"[{'^/' if negated else ''}{_set(inner[negated:])}]", end + 1
    return re.escape(character), at + 1


def _set(inner: str) -> str:
    """What stands in a set, with nothing in it that only regular expressions know."""
    return "".join(f"\\{character}" if character in "\\[]&~|" else character for character in inner)
