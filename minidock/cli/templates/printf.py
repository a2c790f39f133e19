"""`printf`: Go's verbs and flags. What does not fit is said in the text itself, as Go does: `%!d(string=hi)`."""

from __future__ import annotations

from minidock.cli.templates.errors import Misuse
from minidock.cli.templates.printing import MOST_TEXT, as_text, nested, shortest
from minidock.cli.templates.quoting import quote
from minidock.cli.templates.values import Duration, Moment, is_number, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.cli.templates.values import Value

_FLAGS = "+-# 0"
_WIDEST = 1_000_000  # Go's own limit
_LAST_CHARACTER, _UNKNOWN = 0x10FFFF, 0xFFFD
_BASES = {"b": "b", "o": "o", "O": "o", "d": "d", "v": "d", "x": "x", "X": "X"}
_PREFIXES = {"b": "0b", "o": "0", "x": "0x", "X": "0X"}


def sprintf(form: str, values: Sequence[Value]) -> str:
    """The text that a format and its values make."""
    return _Printer(form, values).text()


class _Verb:
    """One directive of a format: `%-10.3s`."""

    def __init__(self) -> None:
        self.flags = ""
        self.width = 0
        self.precision: int | None = None
        self.letter = ""

    def padded(self, text: str) -> str:
        if "-" in self.flags:
            return text.ljust(self.width)
        return text.rjust(self.width, "0" if "0" in self.flags else " ")

    def cut(self, text: str) -> str:
        return text if self.precision is None else text[: self.precision]

    def sign(self, negative: bool) -> str:
        return "-" if negative else "+" if "+" in self.flags else " " if " " in self.flags else ""

    def filled(self, sign: str, digits: str) -> str:
        """A number: zeros come after its sign."""
        if "0" in self.flags and "-" not in self.flags:
            digits = digits.rjust(self.width - len(sign), "0")
        text = sign + digits
        return text.ljust(self.width) if "-" in self.flags else text.rjust(self.width)


class _Printer:
    def __init__(self, form: str, values: Sequence[Value]) -> None:
        self.form = form
        self.at = 0
        self.values = values
        self.used = 0
        self.reordered = False
        self.problem = ""

    def text(self) -> str:
        parts: list[str] = []
        length = 0
        while self.at < len(self.form):
            parts.append(self._plain() or self._directive())
            length += len(parts[-1])
            if length > MOST_TEXT:
                raise Misuse("error calling printf: the text is too long")
        return "".join(parts) + self._left_over()

    def _plain(self) -> str:
        start = self.at
        percent = self.form.find("%", start)
        self.at = len(self.form) if percent < 0 else percent
        return self.form[start : self.at]

    def _left_over(self) -> str:
        rest = () if self.reordered else self.values[self.used :]
        shown = [f"{type_name(value)}={as_text(value)}" if value is not None else "<nil>" for value in rest]
        return f"%!(EXTRA {', '.join(shown)})" if shown else ""

    def _directive(self) -> str:
        self.at += 1
        self.problem = ""
        verb = _Verb()
        while (flag := self._next()) and flag in _FLAGS:
            verb.flags += flag
            self.at += 1
        wrong = self._width(verb) + self._precision(verb)
        self._position()
        verb.letter = self._next()
        self.at += 1
        return wrong + self._filled(verb)

    def _filled(self, verb: _Verb) -> str:
        if not verb.letter:
            return "%!(NOVERB)"
        if verb.letter == "%":
            return "%"
        if self.problem:
            return f"%!{verb.letter}({self.problem})"
        if self.used >= len(self.values):
            return f"%!{verb.letter}(MISSING)"
        self.used += 1
        return _formatted(self.values[self.used - 1], verb)

    def _next(self) -> str:
        return self.form[self.at : self.at + 1]

    def _width(self, verb: _Verb) -> str:
        """The width, if there is one; what is wrong with it, which goes into the text."""
        self._position()
        width = self._number()
        if width is None:
            return "%!(BADWIDTH)"
        if width < 0:
            verb.flags += "-"
        verb.width = abs(width)
        return ""

    def _precision(self, verb: _Verb) -> str:
        if self._next() != ".":
            return ""
        self.at += 1
        self._position()
        verb.precision = self._number()
        if verb.precision is None:
            return "%!(BADPREC)"
        verb.precision = verb.precision if verb.precision >= 0 else None
        return ""

    def _number(self) -> int | None:
        """The number that comes next, or the argument that a star stands for; 0: neither, None: it is no number."""
        if self._next() == "*":
            self.at += 1
            value = self.values[self.used] if self.used < len(self.values) else None
            self.used += 1
            return value if isinstance(value, int) and is_number(value) and abs(value) <= _WIDEST else None
        start = self.at
        while "0" <= self._next() <= "9":
            self.at += 1
        digits = self.form[start : self.at] or "0"
        if len(digits) > len(str(_WIDEST)) or int(digits) > _WIDEST:
            raise Misuse(f"error calling printf: {digits[:20]} is too wide: {_WIDEST} is the most")
        return int(digits)

    def _position(self) -> None:
        """`[2]`: go on with the second argument."""
        if self._next() != "[":
            return
        end = self.form.find("]", self.at)
        inside = self.form[self.at + 1 : end] if end >= 0 else ""
        self.at = end + 1 if end >= 0 else self.at + 1
        self.reordered = True
        if inside.isascii() and inside.isdecimal() and len(inside) < 10 and 0 < int(inside) <= len(self.values):
            self.used = int(inside) - 1
        else:
            self.problem = "BADINDEX"


def _formatted(value: Value, verb: _Verb) -> str:
    if verb.letter == "T":
        return verb.padded(type_name(value) if value is not None else "<nil>")
    if value is None and verb.letter != "v":
        return f"%!{verb.letter}(<nil>)"
    names = verb.letter == "v" and "+" in verb.flags
    if names:  # of a number, this plus is not the sign
        verb.flags = verb.flags.replace("+", "")
    return nested(value, lambda item: _one(item, verb), names=names)


def _one(value: Value, verb: _Verb) -> str:
    """A value that has no parts."""
    if value is None:
        return verb.padded("<nil>")
    if isinstance(value, (Duration, Moment)) and verb.letter in "vsxXq":
        value = str(value)
    shown = None
    if isinstance(value, str):
        shown = _string(str.__str__(value), verb)
    elif isinstance(value, bool):
        shown = verb.padded(as_text(value)) if verb.letter in "tv" else None
    elif isinstance(value, int):
        shown = _integer(value, verb)
    elif isinstance(value, float):
        shown = _float(value, verb)
    return f"%!{verb.letter}({type_name(value)}={as_text(value)})" if shown is None else shown


def _string(text: str, verb: _Verb) -> str | None:
    letter = "q" if verb.letter == "v" and "#" in verb.flags else verb.letter
    text = verb.cut(text)
    if letter == "q":
        raw = "#" in verb.flags and verb.letter == "q" and "`" not in text and text.isprintable()
        text = f"`{text}`" if raw else quote(text, ascii_only="+" in verb.flags)
    elif letter in "xX":
        text = text.encode("utf-8", "surrogatepass").hex(*(" " if " " in verb.flags else ()))
        text = text.upper() if letter == "X" else text
    elif letter not in "sv":
        return None
    return verb.padded(text)


def _integer(value: int, verb: _Verb) -> str | None:
    if verb.letter in "cqU":
        return verb.padded(_character(value, verb.letter))
    if verb.letter not in _BASES:
        return None
    digits = format(abs(int(value)), _BASES[verb.letter])
    if verb.precision is not None:
        digits = digits.rjust(verb.precision, "0")
        verb = _without_zeros(verb)
    prefix = "0o" if verb.letter == "O" else _PREFIXES.get(verb.letter, "") if "#" in verb.flags else ""
    return verb.filled(verb.sign(value < 0) + prefix, digits)


def _without_zeros(verb: _Verb) -> _Verb:
    """A precision already says how many zeros there are."""
    other = _Verb()
    other.flags, other.width, other.letter = verb.flags.replace("0", ""), verb.width, verb.letter
    return other


def _character(value: int, letter: str) -> str:
    code = value if 0 <= value <= _LAST_CHARACTER and not 0xD800 <= value < 0xE000 else _UNKNOWN
    if letter == "U":
        return f"U+{abs(int(value)):04X}"
    return chr(code) if letter == "c" else quote(chr(code), "'")


def _float(value: float, verb: _Verb) -> str | None:
    letter = verb.letter.lower()
    if letter not in "vefg":
        return None
    if letter in "vg" and verb.precision is None:
        text = shortest(abs(value))
    else:
        precision = 6 if verb.precision is None else verb.precision
        text = f"{abs(value):.{precision}{letter.replace('v', 'g')}}"
    if verb.letter in "EG":
        text = text.upper()
    negative = value < 0 or f"{value}" == "-0.0"
    return verb.filled(verb.sign(negative), text.lstrip("+"))
