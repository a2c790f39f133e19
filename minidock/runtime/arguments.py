"""Reading a command line. The standard argparse takes 8 ms to import, as long as Python itself to start.

--name value, --name=value      a value
--name, --name=false            a flag, which needs no value
-n value, -n=value, -nvalue     the same by one letter
-abn value                      letters of flags together; the last may take a value
--                              all that follows are plain words
"""

from __future__ import annotations

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FLAG, VALUE, MANY = "flag", "value", "many"

_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")


class UsageError(MinidockError):
    """The command line is not as the command wants it: its help says how."""


class Arguments:
    """Options by name, and the words that are none."""

    def __init__(self, known: Mapping[str, str], aliases: Mapping[str, str]) -> None:
        self._known = known
        self._aliases = aliases  # one letter, or another long name → name
        self._values: dict[str, list[str]] = {}
        self.words: list[str] = []

    def read(self, words: list[str], *, most_words: int | None = None) -> None:
        """Sort the words of a command line; after `--`, or `most_words` plain ones, all are plain."""
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if word == "--":
                break
            if word.startswith("--"):
                self._long(word, rest)
            elif word.startswith("-") and word != "-":
                self._letters(word, rest)
            else:
                self.words.append(word)
                if most_words is not None and len(self.words) >= most_words:
                    break
        self.words += rest

    def _long(self, word: str, rest: list[str]) -> None:
        given, equals, value = word[2:].partition("=")
        name = self._aliases.get(given, given) if len(given) > 1 else given
        if name not in self._known:
            raise UsageError(f"unknown flag: --{given}", hint="--help lists the flags")
        if equals:
            self._keep(name, value)
        else:
            self._keep(name, "true" if self._known[name] == FLAG else _next(rest, f"--{given}"))

    def _letters(self, word: str, rest: list[str]) -> None:
        for at, letter in enumerate(word[1:], 2):
            name, follows = self._aliases.get(letter, ""), word[at:]
            if name not in self._known:
                raise UsageError(f"unknown shorthand flag: '{letter}' in {word}", hint="--help lists the flags")
            if follows.startswith("="):
                self._keep(name, follows[1:])
                return
            if self._known[name] != FLAG:
                self._keep(name, follows or _next(rest, f"'{letter}' in {word}"))
                return
            self._keep(name, "true")

    def _keep(self, name: str, value: str) -> None:
        if self._known[name] == FLAG and value not in _TRUE + _FALSE:
            raise self.invalid(name, value, "it is either true or false")
        self._values.setdefault(name, []).append(value)

    def given(self, name: str) -> bool:
        """Whether the flag is there at all, be its value empty."""
        return name in self._values

    def flag(self, name: str) -> bool:
        return self._values.get(name, ["false"])[-1] in _TRUE

    def value(self, name: str, default: str = "") -> str:
        return self._values.get(name, [default])[-1]

    def values(self, name: str) -> list[str]:
        return self._values.get(name, [])

    def integer(self, name: str, default: int = 0) -> int:
        text = self.value(name)
        if not self.given(name):
            return default
        try:
            return int(text)
        except ValueError:
            raise self.invalid(name, text, "expected an integer") from None

    def shown(self, name: str) -> str:
        """A flag as help and errors name it: `-m, --memory`."""
        letter = next((letter for letter, long in self._aliases.items() if long == name and len(letter) == 1), "")
        return f"-{letter}, --{name}" if letter else f"--{name}"

    def invalid(self, name: str, value: str, why: str) -> UsageError:
        return UsageError(f'invalid argument "{value}" for "{self.shown(name)}" flag: {why}')


def _next(rest: list[str], flag: str) -> str:
    if not rest:
        raise UsageError(f"flag needs an argument: {flag}")
    return rest.pop(0)
