"""A build on a terminal: a line for each step, redrawn where it stands, with times and what is cached.

What has ended scrolls away as plain text; below it are the steps that go on, each with the last line it has said.
"""

from __future__ import annotations

import sys
import time

from minidock.build.working.reporting import NOTICE
from minidock.cli.building import reasons
from minidock.cli.building.plain import Plain
from minidock.cli.colours import BLUE, FAINT, RED, painted
from minidock.cli.drawing import screen_width
from minidock.errors import harmless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.cli.building.plain import Key
    from minidock.jsonfile import Json

_UP, _CLEAR = "\x1b[{}A", "\r\x1b[J"
_MOST = 10_000  # lines of what a step says that are kept, should it fail


class Terminal(Plain):
    """Shows a build where it can be redrawn."""

    def __init__(self, *, explain: bool = False) -> None:
        super().__init__(explain=explain)
        self._texts: dict[Key, str] = {}
        self._last: dict[Key, str] = {}
        self._all: dict[Key, list[str]] = {}
        self._whys: dict[Key, list[str]] = {}
        self._drawn = 0

    def show(self, message: dict[str, Json]) -> None:
        if message["what"] == NOTICE:
            self._erase()
        super().show(message)
        self._draw()

    def _begins(self, key: Key, message: dict[str, Json]) -> None:
        self._began[key] = time.monotonic()
        self._numbers[key] = len(self._numbers) + 1
        self._texts[key] = _still(f"{self.title(key)} {message['text']}")
        self._going.append(key)

    def _is_cached(self, key: Key, message: dict[str, Json]) -> None:  # noqa: ARG002
        self._cached.add(key)

    def _missed(self, key: Key, message: dict[str, Json]) -> None:
        if self._explain:
            self._whys[key] = [*reasons.why(message)]

    def _line(self, key: Key, text: str) -> None:
        self._last[key] = text.partition(" ")[2]
        lines = self._all.setdefault(key, [])
        lines.append(self._last[key])
        del lines[:-_MOST]

    def _ends(self, key: Key, message: dict[str, Json]) -> None:  # noqa: ARG002
        self._going.remove(key)
        seconds = time.monotonic() - self._began[key]
        mark = "CACHED " if key in self._cached else ""
        self._erase()
        self._write(_painted(BLUE, f" => {mark}{self._texts[key]}") + f"  {seconds:.1f}s\n")
        for reason in self._whys.get(key, []):
            self._write(_painted(FAINT, f"      why: {reason}") + "\n")

    def _draw(self) -> None:
        self._erase()
        width = screen_width(2)
        for key in self._going:
            seconds = f"  {time.monotonic() - self._began[key]:.1f}s"
            self._write(f" => {self._texts[key]}"[: width - len(seconds) - 1] + seconds + "\n")
            self._drawn += 1
            if self._last.get(key):
                self._write(_painted(FAINT, f" => => {_still(self._last[key])}"[: width - 1]) + "\n")
                self._drawn += 1

    def _erase(self) -> None:
        if self._drawn:
            self._write(_UP.format(self._drawn) + _CLEAR)
        self._drawn = 0

    def close(self, *, failed: bool) -> None:
        """What a step that failed has said is shown in full: it is what people need now."""
        self._erase()
        for key in self._going if failed else ():
            self._flush(key)
            self._write(_painted(RED, f" => {self.end_of(key)} {self._texts[key]}") + "\n")
            for line in self._all.get(key, []) if key[0] == self._failed else ():
                self._write(f"    {line}\n")
        self._warn()
        sys.stderr.flush()


def _painted(colour: str, text: str) -> str:
    return painted(sys.stderr, text, colour)


def _still(line: str) -> str:
    """What is redrawn must stay on its line. A bar that a program draws with returns is shown as it was last."""
    return harmless(line.rpartition("\r")[2], " ")
