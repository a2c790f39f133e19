"""Here-documents of RUN, COPY and ADD: `<<END`, and then lines up to one that is END.

`<<-END` drops tabs at the beginnings of lines. A quoted word, `<<"END"`, means that variables in the lines are not
replaced. A number before it, `3<<END`, is a descriptor, for shells to know about.
https://docs.docker.com/reference/dockerfile/#here-documents
"""

from __future__ import annotations

from minidock.images import shell_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Heredoc:
    """One here-document."""

    def __init__(self, word: str, text: str, *, expands: bool, tabs_go: bool, descriptor: str) -> None:
        self.word = word
        self.text = text
        self.expands = expands
        self.tabs_go = tabs_go
        self.descriptor = descriptor


class Marker:
    """What announces one."""

    def __init__(self, word: str, *, expands: bool, tabs_go: bool, descriptor: str) -> None:
        self.word = word
        self._expands = expands
        self._tabs_go = tabs_go
        self._descriptor = descriptor

    def ends_at(self, line: str) -> bool:
        return (line.lstrip("\t") if self._tabs_go else line) == self.word

    def document(self, lines: Sequence[str]) -> Heredoc:
        kept = [line.lstrip("\t") for line in lines] if self._tabs_go else lines
        text = "".join(f"{line}\n" for line in kept)
        return Heredoc(self.word, text, expands=self._expands, tabs_go=self._tabs_go, descriptor=self._descriptor)


def markers(rest: str, escape: str = "\\") -> list[Marker]:
    """Those in the arguments of an instruction, in their order."""
    return [marker for word in shell_words.split(rest, escape) if (marker := marker_of(word, escape))]


def marker_of(word: str, escape: str = "\\") -> Marker | None:
    """What a word announces, if it does."""
    descriptor, arrows, name = word.partition("<<")
    if not arrows or (descriptor and not (descriptor.isascii() and descriptor.isdecimal())):
        return None
    tabs_go = name.startswith("-")
    name = name.removeprefix("-")
    if not name or "<" in name:  # `<<<` is another thing of shells
        return None
    plain = shell_words.unquoted(name, escape)
    return Marker(plain, expands=plain == name, tabs_go=tabs_go, descriptor=descriptor) if plain else None
