"""`.dockerignore`: which files of a context a build does not see.

A line is a pattern, from the context's root: `*` fits anything within a name, `?` one character, `[a-z]` a set, and
`**` any number of directories. `!` before it takes files back. The last line that fits a path, or a directory above
it, decides. `#` begins a comment.
https://docs.docker.com/build/concepts/context/#dockerignore-files
"""

from __future__ import annotations

import os

from minidock.build.context import patterns
from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class _Pattern:
    """One line."""

    def __init__(self, words: str, *, takes_back: bool) -> None:
        self.takes_back = takes_back
        self._whole = patterns.expression(words)
        self._parts = [part if part == "**" else patterns.expression(part) for part in words.split("/")]

    def fits(self, path: str) -> bool:
        return self._whole.fullmatch(path) is not None

    def may_fit_below(self, directory: str) -> bool:
        """Whether it could fit something in a directory: whether its beginning fits."""
        for part, name in zip(self._parts, directory.split("/"), strict=False):
            if isinstance(part, str):
                return True
            if not part.fullmatch(name):
                return False
        return True


class Ignore:
    """The patterns of one file, asked about paths such as `src/main.c`."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        self._patterns = [pattern for line in lines for pattern in _pattern(line)]
        self._takes_back = [pattern for pattern in self._patterns if pattern.takes_back]

    @classmethod
    def read(cls, text: str) -> Ignore:
        return cls(text.removeprefix("\ufeff").splitlines())

    @property
    def takes_back(self) -> bool:
        """Whether there is a line with an exclamation mark."""
        return bool(self._takes_back)

    def ignores(self, path: str) -> bool:
        """Whether a path is out: by itself, or by a directory that it is in."""
        above = _prefixes(path)
        out = False
        for pattern in self._patterns:
            if pattern.takes_back == out and any(pattern.fits(each) for each in above):
                out = not out
        return out

    def ignores_all_of(self, directory: str) -> bool:
        """Whether there is no need to look into a directory: it is out, and nothing in it is taken back."""
        return self.ignores(directory) and not any(each.may_fit_below(directory) for each in self._takes_back)


def _prefixes(path: str) -> Sequence[str]:
    parts = path.split("/")
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def _pattern(line: str) -> list[_Pattern]:
    if line.startswith("#"):
        return []
    text = line.strip()
    takes_back = text.startswith("!")
    text = text.removeprefix("!").strip() if takes_back else text
    if takes_back and not text:
        raise MinidockError('illegal exclusion pattern: "!"', hint="a pattern follows the exclamation mark")
    cleaned = os.path.normpath(text).lstrip("/") if text else ""
    return [_Pattern(cleaned, takes_back=takes_back)] if cleaned not in ("", ".") else []
