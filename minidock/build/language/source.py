"""The text of a Dockerfile as instructions, each with the lines that it stands on.

What a line is, before anybody asks what it means:

- Directives (`# escape=…`, `# syntax=…`, `# check=…`) come first; the first line that is none ends them.
- A line that begins with # is a comment, also between lines that belong together.
- The escape character at the end of a line, blanks after it or not, joins it with the next. Two are one that is meant.
- RUN, COPY and ADD may be followed by here-documents, `<<END`: lines that are not the Dockerfile's own.

https://docs.docker.com/reference/dockerfile/#format
"""

from __future__ import annotations

from minidock.build.language import heredocs
from minidock.build.language.complaint import DockerfileError, Location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from minidock.build.language.heredocs import Heredoc

_DIRECTIVES = ("syntax", "escape", "check")
_ESCAPES = ("\\", "`")
_BLANKS = " \t"
_WITH_HEREDOCS = ("RUN", "COPY", "ADD")
_MARK = "\ufeff"  # some editors begin a file with it


class Statement:
    """One instruction as it is written: its name, all that follows, and its here-documents."""

    def __init__(self, word: str, rest: str, documents: Sequence[Heredoc], location: Location) -> None:
        self.word = word
        self.name = word.upper()
        self.rest = rest
        self.heredocs = list(documents)
        self.location = location
        self.comments: list[str] = []  # on the lines right above it
        self.has_gap = False  # an empty line stands in the middle of it


class Source:
    """A Dockerfile, cut into statements."""

    def __init__(self, text: str, file: str = "Dockerfile") -> None:
        self.file = file
        self.lines = text.removeprefix(_MARK).replace("\r\n", "\n").split("\n")
        if self.lines[-1] == "":
            self.lines.pop()
        self.directives: dict[str, str] = {}
        self._at = 0
        self._has_gap = False
        self._read_directives()
        self.escape = self.directives.get("escape", "\\")
        self.statements = list(self._statements())

    def location(self, first: int, end: int) -> Location:
        return Location(self.file, first + 1, self.lines[first:end])

    # Directives ---------------------------------------------------------------------------------------

    def _read_directives(self) -> None:
        """They are comments of a form, so what is none of them is a comment, and there are no more after it."""
        while self._at < len(self.lines):
            name, value = _directive(self.lines[self._at])
            if name not in _DIRECTIVES:
                return
            here = self.location(self._at, self._at + 1)
            if name in self.directives:
                raise DockerfileError(here, f"only one {name} parser directive can be used")
            if name == "escape" and value not in _ESCAPES:
                raise DockerfileError(here, f"invalid ESCAPE '{value}' does not match ` or \\")
            self.directives[name] = value
            self._at += 1

    # Statements ---------------------------------------------------------------------------------------

    def _statements(self) -> Iterator[Statement]:
        comments: list[str] = []
        while self._at < len(self.lines):
            first = self._at
            text = self._joined()
            if not text.strip():
                comments = _with_comment(comments, self.lines[first])
                continue
            word, _, rest = _cut(text.strip())
            documents = self._heredocs(first, word.upper(), rest)
            found = Statement(word, rest, documents, self.location(first, self._at))
            found.comments, found.has_gap, comments = comments, self._has_gap, []
            yield found

    def _joined(self) -> str:
        """One line, with those that it goes on in. Comments and empty lines in between count for nothing."""
        whole, begun, self._has_gap = "", False, False
        while self._at < len(self.lines):
            line = self.lines[self._at]
            self._at += 1
            if line.lstrip(_BLANKS).startswith("#") or (begun and not line.strip()):
                if begun:
                    self._has_gap |= not line.strip()
                    continue
                return ""
            part, goes_on = self._part(line)
            whole += part
            if not goes_on:
                return whole
            begun = True
        return whole

    def _part(self, line: str) -> tuple[str, bool]:
        stripped = line.rstrip(_BLANKS)
        ends = len(stripped) - len(stripped.rstrip(self.escape))
        return (stripped[:-1], True) if ends == 1 else (line, False)

    def _heredocs(self, first: int, name: str, rest: str) -> list[Heredoc]:
        if name == "ONBUILD":
            name = _cut(rest)[0].upper()
        if name not in _WITH_HEREDOCS or "<<" not in rest:
            return []
        found = []
        for marker in heredocs.markers(rest, self.escape):
            begin = self._at
            while self._at < len(self.lines) and not marker.ends_at(self.lines[self._at]):
                self._at += 1
            if self._at == len(self.lines):
                here = self.location(first, begin)
                raise DockerfileError(here, "unterminated heredoc", hint=f"a line that is {marker.word} ends it")
            found.append(marker.document(self.lines[begin : self._at]))
            self._at += 1
        return found


def _with_comment(comments: Sequence[str], line: str) -> list[str]:
    """A line that is empty, or a comment without words, parts those above it from what follows."""
    text = line.strip().lstrip("#").strip()
    return [*comments, text] if text else []


def _directive(line: str) -> tuple[str, str]:
    """`# name = value`; for anything else no name."""
    text = line.strip()
    if not text.startswith("#"):
        return "", ""
    name, equals, value = text[1:].partition("=")
    return (name.strip().lower(), value.strip()) if equals else ("", "")


def _cut(text: str) -> tuple[str, str, str]:
    """The first word, and what follows the blanks after it."""
    for at, character in enumerate(text):
        if character in _BLANKS:
            return text[:at], " ", text[at:].strip()
    return text, "", ""
