"""What is wrong with a Dockerfile: the file, the line, the line's text, and what was expected."""

from __future__ import annotations

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_SHOWN = 6  # lines of an instruction


class Location:
    """Lines of a file, the first being 1."""

    def __init__(self, file: str, first: int, lines: Sequence[str]) -> None:
        self.file = file
        self.first = first
        self.lines = list(lines)

    @property
    def last(self) -> int:
        return self.first + max(len(self.lines) - 1, 0)

    def excerpt(self) -> str:
        shown = [f"{self.first + at:6} | {line}" for at, line in enumerate(self.lines[:_MOST_SHOWN])]
        if len(self.lines) > _MOST_SHOWN:
            shown.append(f"{'':6} | …")
        return "\n".join(shown)


class DockerfileError(MinidockError):
    """A Dockerfile that cannot be followed."""

    def __init__(self, location: Location, message: str, *, hint: str = "") -> None:
        super().__init__(f"{location.file}:{location.first}: {message}\n{location.excerpt()}", hint=hint)
        self.location = location
        self.what = message
