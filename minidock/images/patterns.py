"""Patterns as shells have them for parts of a text: `*` fits anything, `?` one character, `\\*` a star."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from re import Pattern


def without(text: str, pattern: str, *, at_end: bool, longest: bool) -> str:
    """A text without its beginning, or end, that fits."""
    if at_end:
        ends = range(len(text) + 1) if longest else range(len(text), -1, -1)
        expression = _expression(pattern, greedy=True)
        return next((text[:at] for at in ends if expression.fullmatch(text, at)), text)
    found = _expression(pattern, greedy=longest).match(text)
    return text[found.end() :] if found else text


def replaced(text: str, pattern: str, word: str, *, each: bool) -> str:
    """A text with a word in the place of what fits: the first, or each."""
    return _expression(pattern, greedy=True).sub(lambda _: word, text, count=0 if each else 1)


def _expression(pattern: str, *, greedy: bool) -> Pattern[str]:
    import re

    anything = ".*" if greedy else ".*?"
    parts, at = [], 0
    while at < len(pattern):
        character = pattern[at]
        if character == "\\" and at + 1 < len(pattern):
            at += 1
            parts.append(re.escape(pattern[at]))
        else:
            parts.append({"*": anything, "?": "."}.get(character) or re.escape(character))
        at += 1
    return re.compile("".join(parts), re.DOTALL)
