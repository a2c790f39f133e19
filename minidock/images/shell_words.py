"""Words of a Dockerfile: quotes, backslashes and variables, as a shell has them, and a few of its substitutions.

$NAME, ${NAME}      the variable's value; nothing if it is not set
${NAME:-word}       word, if it is not set or empty; without the colon only if it is not set
${NAME:+word}       word, if it is set and not empty
${NAME:?word}       an error that says word, if it is not set or empty
${NAME#pattern}     without the shortest beginning that fits the pattern; ## the longest
${NAME%pattern}     without the shortest end that does; %% the longest
${NAME/pattern/word}    with word in the place of the first part that fits; // of each

In a pattern `*` fits anything and `?` one character. In single quotes all is literal. In double quotes `$` keeps its
meaning, and a backslash before `"`, `$` and `\\`. A Dockerfile may choose another character than the backslash.
"""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.images import patterns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_DIGITS, _SPECIAL = frozenset("0123456789"), frozenset("@*#?-$!")
_BLANKS = " \t"
_BACKSLASH = "\\"


def split(text: str, escape: str = _BACKSLASH) -> list[str]:
    """The words of a line, cut at blanks that are not quoted. Quotes and backslashes stay for `expand`."""
    words: list[str] = []
    word, quote, at = "", "", 0
    while at < len(text):
        character = text[at]
        if character == escape and quote != "'" and at + 1 < len(text):
            word += text[at : at + 2]
            at += 2
            continue
        if character in _BLANKS and not quote:
            words += [word] if word else []
            word = ""
        else:
            word += character
            quote = "" if character == quote else quote or (character if character in "'\"" else "")
        at += 1
    return words + ([word] if word else [])


def expand(word: str, variables: Mapping[str, str], escape: str = _BACKSLASH) -> str:
    """What a word means: without its quotes, and with the values of variables."""
    reader = _Reader(word, variables, escape)
    try:
        return reader.until("")
    except ValueError as error:
        raise MinidockError(f'failed to process "{_quoted(word)}": {error}') from None


def replaced(text: str, variables: Mapping[str, str], escape: str = _BACKSLASH) -> str:
    """A text with the values of variables in their places; quotes in it are characters like others."""
    try:
        return _Reader(text, variables, escape, quotes=False).until("")
    except ValueError as error:
        raise MinidockError(f"failed to replace variables: {error}") from None


def missing(text: str, variables: Mapping[str, str], escape: str = _BACKSLASH, *, quotes: bool = True) -> list[str]:
    """The variables in a text that have no value, unless it says itself what then: by `-`, `+` or `?`."""
    reader = _Reader(text, variables, escape, quotes=quotes)
    try:
        reader.until("")
    except ValueError:  # whoever replaces them will say what is wrong
        return []
    return list(dict.fromkeys(reader.missing))


def unquoted(word: str, escape: str = _BACKSLASH) -> str:
    """A word without its quotes, and `$` without a meaning."""
    return _Reader(word, None, escape).until("")


def _quoted(word: str) -> str:
    return word.replace("\\", "\\\\").replace('"', '\\"')


class _Reader:
    """Goes once through a word, from left to right. Without variables `$` is a character like others."""

    def __init__(self, word: str, variables: Mapping[str, str] | None, escape: str, *, quotes: bool = True) -> None:
        self._word = word
        self._variables = variables
        self._escape = escape
        self._quotes = quotes
        self._escapable = f'"${escape}'
        self._at = 0
        self.missing: list[str] = []

    def _peek(self) -> str:
        return self._word[self._at : self._at + 1]

    def _next(self) -> str:
        character = self._peek()
        self._at += 1
        return character

    def until(self, end: str, *, is_pattern: bool = False) -> str:
        """All up to an unquoted character, which is consumed; to the end of the word for "". In a pattern what is
        escaped stays so, for the pattern to see."""
        found = ""
        while (character := self._next()) != end:
            if not character:
                raise ValueError(f"syntax error: missing '{end}'")
            if character == "'" and self._quotes:
                found += self._single_quoted()
            elif character == '"' and self._quotes:
                found += self._double_quoted()
            elif character == "$" and self._variables is not None:
                found += self._variable()
            elif character == self._escape and (self._quotes or self._peek() == "$"):
                found += (_BACKSLASH if is_pattern else "") + (self._next() or character)
            else:
                found += character
        return found

    def _single_quoted(self) -> str:
        end = self._word.find("'", self._at)
        if end < 0:
            raise ValueError("unexpected end of statement while looking for matching single-quote")
        text, self._at = self._word[self._at : end], end + 1
        return text

    def _double_quoted(self) -> str:
        found = ""
        while (character := self._next()) != '"':
            if not character:
                raise ValueError("unexpected end of statement while looking for matching double-quote")
            if character == "$" and self._variables is not None:
                found += self._variable()
            elif character == self._escape and self._peek() and self._peek() in self._escapable:
                found += self._next()
            else:
                found += character
        return found

    def _variable(self) -> str:
        if self._peek() != "{":
            name = self._name()
            return self._value(name) if name else "$"
        self._at += 1
        name = self._name()
        if not name:
            raise ValueError("syntax error: bad substitution")
        return self._substituted(name)

    def _value(self, name: str) -> str:
        value = (self._variables or {}).get(name)
        if value is None:
            self.missing.append(name)
        return value or ""

    def _name(self) -> str:
        first = self._peek()
        if first in _DIGITS or first in _SPECIAL:
            return self._next()
        start = self._at
        while self._peek() in _NAME:
            self._at += 1
        return self._word[start : self._at]

    def _substituted(self, name: str) -> str:
        """What follows a name in braces."""
        kind = self._next()
        if kind == "}":
            return self._value(name)
        if kind in ("#", "%"):
            return self._cut(self._value(name), kind)
        if kind == "/":
            return self._replaced(self._value(name))
        value = (self._variables or {}).get(name)
        if kind == ":":
            value, kind = value or None, self._next()
        if kind not in ("-", "+", "?"):
            raise ValueError(f"unsupported modifier ({kind}) in substitution" if kind else "syntax error: missing '}'")
        word = self.until("}")
        if kind == "+":
            return "" if value is None else word
        if value is None and kind == "?":
            raise ValueError(f"{name}: {word or 'not allowed to be unset'}")
        return word if value is None else value

    def _cut(self, value: str, kind: str) -> str:
        longest = self._peek() == kind
        self._at += longest
        return patterns.without(value, self.until("}", is_pattern=True), at_end=kind == "%", longest=longest)

    def _replaced(self, value: str) -> str:
        each = self._peek() == "/"
        self._at += each
        pattern, word = self.until("/", is_pattern=True), self.until("}")
        return patterns.replaced(value, pattern, word, each=each)
