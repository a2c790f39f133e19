"""Cuts a template into tokens: the text around the actions, and in `{{…}}` names, values and signs.

Spaces are tokens too, since they mean something: `.A.B` is one field of another, `.A .B` are two arguments.
A dash next to a delimiter, `{{- ` or ` -}}`, takes the white space of the text on its side away.
https://pkg.go.dev/text/template
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

TEXT, OPEN, CLOSE, SPACE = "text", "{{", "}}", "space"
FIELD, VARIABLE, WORD, KEYWORD = "field", "variable", "word", "keyword"
BOOL, NIL, DOT, NUMBER, CHARACTER, STRING, RAW = "bool", "nil", "dot", "number", "character", "string", "raw"
PIPE, LEFT, RIGHT, DECLARE, ASSIGN, SIGN = "|", "(", ")", ":=", "=", "sign"
ERROR, END = "error", "end"

_KEYWORDS = ("block", "break", "continue", "define", "else", "end", "if", "range", "template", "with")
_SPACES = (" ", "\t", "\r", "\n")
_WHITE = "".join(_SPACES)
_LONGEST_SHOWN = 10


class Token:
    """A piece of the template, and where it began. Of an error, `text` is the message."""

    __slots__ = ("kind", "position", "text")

    def __init__(self, kind: str, text: str, position: int) -> None:
        self.kind = kind
        self.text = text
        self.position = position

    def __str__(self) -> str:
        """As error messages show it."""
        from minidock.cli.templates.quoting import quote

        if self.kind == END:
            return "EOF"
        if self.kind in (KEYWORD, NIL, DOT):
            return f"<{self.text}>"
        if len(self.text) > _LONGEST_SHOWN:
            return quote(self.text[:_LONGEST_SHOWN]) + "..."
        return quote(self.text)


class _Malformed(Exception):  # becomes the last token
    pass


def tokens(text: str) -> list[Token]:
    """All tokens. The last one is the end, or an error, whose turn to be told comes when all before it made sense."""
    lexer = _Lexer(text)
    try:
        lexer.read()
        lexer.add(END, "")
    except _Malformed as error:
        lexer.add(ERROR, str(error))
    return lexer.tokens


class _Lexer:
    def __init__(self, text: str) -> None:
        self.text = text
        self.start = 0  # of the token that is being read
        self.at = 0
        self.parentheses = 0
        self.tokens: list[Token] = []
        self.special: dict[str, Callable[[], None]] = {
            '"': self._string,
            "'": self._character,
            "`": self._raw,
            "(": self._left,
            ")": self._right,
            ":": self._declare,
            "$": self._variable,
            ".": self._field,
        }

    def add(self, kind: str, text: str | None = None) -> None:
        self.tokens.append(Token(kind, self.text[self.start : self.at] if text is None else text, self.start))
        self.start = self.at

    def read(self) -> None:
        while (opening := self.text.find("{{", self.at)) >= 0:
            trims = self._trims_before(opening + 2)
            plain = self.text[self.at : opening]
            self._plain(plain.rstrip(_WHITE) if trims else plain)
            self.start, self.at = opening, opening + 2
            inside = opening + (4 if trims else 2)
            if self.text.startswith("/*", inside):
                self._comment(inside)
            else:
                self.add(OPEN)
                self.start = self.at = inside
                self._action()
        self._plain(self.text[self.at :])

    def _plain(self, text: str) -> None:
        if text:
            self.add(TEXT, text)

    def _trims_before(self, at: int) -> bool:
        return self.text.startswith("-", at) and self.text[at + 1 : at + 2] in _SPACES

    def _closing(self, at: int) -> int:
        """How long a closing delimiter is that begins here: 2, with its space and dash 4; 0: there is none."""
        if self.text.startswith("}}", at):
            return 2
        return 4 if self.text[at : at + 1] in _SPACES and self.text.startswith("-}}", at + 1) else 0

    def _comment(self, inside: int) -> None:
        end = self.text.find("*/", inside + 2)
        if end < 0:
            raise _Malformed("unclosed comment")
        length = self._closing(end + 2)
        if not length:
            raise _Malformed("comment ends before closing delimiter")
        self._after(end + 2, length)

    def _after(self, at: int, length: int) -> None:
        """Go on after a closing delimiter, and after the white space too if it has a dash."""
        self.at = at + length
        if length > 2:
            rest = self.text[self.at :]
            self.at += len(rest) - len(rest.lstrip(_WHITE))
        self.start = self.at

    def _action(self) -> None:
        self.parentheses = 0
        while not (length := self._closing(self.at)):
            if self.at >= len(self.text):
                raise _Malformed("unclosed action")
            self._token(self.text[self.at])
        if self.parentheses:
            raise _Malformed("unclosed left paren")
        self.add(CLOSE, "}}")
        self._after(self.at, length)

    def _token(self, first: str) -> None:
        self.at += 1
        if first in _SPACES:
            self._space()
        elif _is_digit(first) or first in "+-" or (first == "." and _is_digit(self._next())):
            self._number()
        elif first in self.special:
            self.special[first]()
        elif is_alphanumeric(first):
            self._word()
        elif " " < first < "\x7f":
            self.add(first if first in (PIPE, ASSIGN) else SIGN)
        else:
            raise _Malformed(f"unrecognized character in action: {_code_point(first)}")

    def _next(self) -> str:
        return self.text[self.at : self.at + 1]

    def _while(self, belongs: Callable[[str], bool]) -> None:
        while self.at < len(self.text) and belongs(self.text[self.at]):
            self.at += 1

    def _space(self) -> None:
        while self._next() in _SPACES and not self._closing(self.at):
            self.at += 1
        self.add(SPACE)

    def _string(self) -> None:
        self._quoted('"', STRING, "unterminated quoted string")

    def _character(self) -> None:
        self._quoted("'", CHARACTER, "unterminated character constant")

    def _quoted(self, mark: str, kind: str, unterminated: str) -> None:
        while (character := self._next()) != mark:
            self.at += 2 if character == "\\" and self.text[self.at + 1 : self.at + 2] != "\n" else 1
            if character in ("", "\n") or self.at > len(self.text):
                raise _Malformed(unterminated)
        self.at += 1
        self.add(kind)

    def _raw(self) -> None:
        end = self.text.find("`", self.at)
        if end < 0:
            raise _Malformed("unterminated raw quoted string")
        self.at = end + 1
        self.add(RAW)

    def _left(self) -> None:
        self.parentheses += 1
        self.add(LEFT)

    def _right(self) -> None:
        self.parentheses -= 1
        if self.parentheses < 0:
            raise _Malformed("unexpected right paren")
        self.add(RIGHT)

    def _declare(self) -> None:
        if self._next() != "=":
            raise _Malformed("expected :=")
        self.at += 1
        self.add(DECLARE)

    def _variable(self) -> None:
        self._name()
        self.add(VARIABLE)

    def _field(self) -> None:
        self._name()
        self.add(DOT if self.at == self.start + 1 else FIELD)

    def _word(self) -> None:
        self._name()
        word = self.text[self.start : self.at]
        if word in _KEYWORDS:
            self.add(KEYWORD)
        else:
            self.add({"true": BOOL, "false": BOOL, "nil": NIL}.get(word, WORD))

    def _name(self) -> None:
        self._while(is_alphanumeric)
        follower = self._next()
        if not (follower in (*_SPACES, *".,|:)(") or follower == "" or self._closing(self.at)):
            raise _Malformed(f"bad character {_code_point(follower)}")

    def _number(self) -> None:
        """Roughly a number: whether it is one is for the parser to say."""
        hexadecimal = self.text[self.start : self.at + 2].lstrip("+-").lower().startswith("0x")
        dots = self.text[self.start : self.at].count(".")
        while (character := self._next()) and (_is_digit(character) or self._continues(character, hexadecimal, dots)):
            dots += character == "."
            self.at += 1
        if is_alphanumeric(self._next()):
            self.at += 1
            raise _Malformed(f'bad number syntax: "{self.text[self.start : self.at]}"')
        self.add(NUMBER)

    def _continues(self, character: str, hexadecimal: bool, dots: int) -> bool:
        before = self.text[self.at - 1].lower()
        if character in "+-":
            return before == "e" and not hexadecimal
        if character == ".":
            return not dots and not hexadecimal
        return character.lower() in ("_abcdefx" if hexadecimal else "_eobx")


def _is_digit(character: str) -> bool:
    return "0" <= character <= "9"


def is_alphanumeric(character: str) -> bool:
    return character == "_" or character.isalpha() or character.isdecimal()


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X} '{character}'" if character.isprintable() else f"U+{ord(character):04X}"
