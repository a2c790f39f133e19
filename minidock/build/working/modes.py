"""Modes of files as --chmod takes them: `755`, or `u+x,go-w`, as chmod(1) does."""

from __future__ import annotations

from minidock.errors import MinidockError

_WHO = {"u": 0o700, "g": 0o070, "o": 0o007, "a": 0o777}
_WHAT = {"r": 0o444, "w": 0o222, "x": 0o111}


class Mode:
    """A change of modes. Nothing: they stay as they are."""

    def __init__(self, text: str) -> None:
        self._number = int(text, 8) if text and not set(text) - set("01234567") and len(text) <= 5 else None
        self._clauses = (
            [] if self._number is not None or not text else [_clause(part, text) for part in text.split(",")]
        )

    def of(self, mode: int, *, is_directory: bool) -> int:
        if self._number is not None:
            return self._number
        for bits, sign, letters in self._clauses:
            wanted = _wanted(letters, mode, is_directory=is_directory) & bits
            mode = (mode & ~bits | wanted) if sign == "=" else mode | wanted if sign == "+" else mode & ~wanted
        return mode


def _clause(part: str, text: str) -> tuple[int, str, str]:
    at = next((at for at, character in enumerate(part) if character in "+-="), -1)
    who, letters = part[: max(at, 0)], part[at + 1 :]
    if at < 0 or set(who) - set(_WHO) or set(letters) - {*_WHAT, "X"}:
        raise MinidockError(f'invalid chmod parameter: "{text}"', hint="it is a number like 755, or like u+x,go-w")
    return sum({_WHO[letter] for letter in who or "a"}) if "a" not in (who or "a") else 0o777, part[at], letters


def _wanted(letters: str, mode: int, *, is_directory: bool) -> int:
    """X is x for directories, and for what somebody may execute already."""
    bits = sum(_WHAT[letter] for letter in set(letters) & set(_WHAT))
    if "X" in letters and (is_directory or mode & 0o111):
        bits |= 0o111
    return bits
