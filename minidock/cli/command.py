"""A command of `minidock` as data: how it is called, which flags it has, what it is for.

Parsing, `--help`, completion and the manual pages all come from this one description.

What completes a word or a flag's value is either the words themselves, as a tuple, or the name of a source of
them, such as `container`: cli/candidates.py lists them.
"""

from __future__ import annotations

from minidock.runtime.arguments import FLAG, Arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Completes = str | tuple[str, ...]


class Flag:
    """One flag. `takes` is what its help calls its value: `string`, `list`, `bytes`; none: it is on or off."""

    def __init__(
        self,
        name: str,
        about: str,
        *,
        letter: str = "",
        takes: str = "",
        kind: str = FLAG,
        also: str = "",
        completes: Completes = "",
    ) -> None:
        self.name = name
        self.letter = letter
        self.also = also  # an older name, which help does not show
        self.takes = takes
        self.kind = kind
        self.about = about
        self.completes = completes


class Command:
    """One command."""

    def __init__(
        self,
        name: str,
        usage: str,
        about: str,
        do: Callable[[Arguments], int],
        *,
        flags: Sequence[Flag] = (),
        least_words: int = 0,
        most_words: int | None = None,
        flags_end: int | None = None,
        notes: str = "",
        failure: int = 1,
        completes: Sequence[Completes] = (),
    ) -> None:
        self.name = name
        self.usage = usage  # what follows the name; another way to call it follows on a line of its own
        self.about = about
        self.do = do
        self.flags = flags
        self.least_words = least_words
        self.most_words = most_words  # None: any number
        self.flags_end = flags_end  # after so many plain words, what looks like a flag is not ours
        self.notes = notes  # more to know, at the end of the help
        self.failure = failure  # the exit code when minidock could not do it
        self.completes = completes  # its plain words, one by one; nothing: what the usage calls them says enough

    def arguments(self) -> Arguments:
        known = {flag.name: flag.kind for flag in self.flags}
        aliases = {alias: flag.name for flag in self.flags for alias in (flag.letter, flag.also) if alias}
        return Arguments({**known, "help": FLAG}, {"h": "help", **aliases})
