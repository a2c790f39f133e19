"""Reading a command line. The standard argparse takes 8 ms to import, as long as Python itself to start."""

from __future__ import annotations

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FLAG, VALUE, MANY = "flag", "value", "many"


class Arguments:
    """Options by name, and the words that are none."""

    def __init__(self, known: Mapping[str, str], aliases: Mapping[str, str]) -> None:
        self._known = known
        self._aliases = aliases
        self._values: dict[str, list[str]] = {}
        self.words: list[str] = []

    def read(self, words: list[str], *, most_words: int | None = None) -> None:
        """Sort the words of a command line; after `--`, or `most_words` plain ones, all are plain."""
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if word == "--":
                break
            if word.startswith("-") and word != "-":
                self._option(word, rest)
            else:
                self.words.append(word)
                if most_words is not None and len(self.words) >= most_words:
                    break
        self.words += rest

    def _option(self, word: str, rest: list[str]) -> None:
        name, equals, value = word.lstrip("-").partition("=")
        name = self._aliases.get(name, name)
        kind = self._known.get(name)
        if kind is None:
            raise MinidockError(f"unknown flag: {word.partition('=')[0]}", hint="--help lists the flags")
        if kind == FLAG:
            value = value if equals else "true"
        elif not equals:
            if not rest:
                raise MinidockError(f"flag needs an argument: --{name}")
            value = rest.pop(0)
        self._values.setdefault(name, []).append(value)

    def flag(self, name: str) -> bool:
        return self._values.get(name, ["false"])[-1] not in ("false", "0", "")

    def value(self, name: str, default: str = "") -> str:
        return self._values.get(name, [default])[-1]

    def values(self, name: str) -> list[str]:
        return self._values.get(name, [])

    def integer(self, name: str, default: int = 0) -> int:
        text = self.value(name)
        if not text:
            return default
        try:
            return int(text)
        except ValueError:
            raise MinidockError(f'invalid argument "{text}" for --{name}: expected an integer') from None
