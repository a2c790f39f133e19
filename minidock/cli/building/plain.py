"""A build as plain lines, each with the number of the step that it is about: for files, pipes, and people who scroll.

#4 [app 2/5] RUN make
#4 0.312 cc -o hello hello.c
#4 DONE 0.9s
"""

from __future__ import annotations

import sys
import time

from minidock.build.working.reporting import BEGINS, CACHED, ENDS, FAILED, MISSED, NOTICE, PLAN, SAYS
from minidock.cli.building import reasons, warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json

    Key = tuple[int, int]  # a stage and a step in it


class Plain:
    """Shows a build line by line. `explain`: also why each step had to be done."""

    def __init__(self, *, explain: bool = False) -> None:
        self._explain = explain
        self._stages: dict[str, Json] = {}
        self._warnings: list[Json] = []
        self._numbers: dict[Key, int] = {}
        self._began: dict[Key, float] = {}
        self._cached: set[Key] = set()
        self._rests: dict[Key, str] = {}  # the beginning of a line that has not ended yet
        self._going: list[Key] = []
        self._failed = -1  # the number of a stage
        self._about_steps = {
            BEGINS: self._begins,
            CACHED: self._is_cached,
            MISSED: self._missed,
            SAYS: self._says,
            ENDS: self._ends,
        }

    def show(self, message: dict[str, Json]) -> None:
        what = message["what"]
        if what == PLAN:
            self._stages, self._warnings = message["stages"], message["warnings"]
        elif what == NOTICE:
            self._write(f"WARNING: {message['text']}\n")
        elif what == FAILED:
            self._failed = message["stage"]
        elif what in self._about_steps:
            self._about_steps[what]((message["stage"], message["number"]), message)

    def _begins(self, key: Key, message: dict[str, Json]) -> None:
        self._numbers[key] = len(self._numbers) + 1
        self._began[key] = time.monotonic()
        self._going.append(key)
        self._line(key, f"{self.title(key)} {message['text']}")

    def title(self, key: Key) -> str:
        stage = self._stages[str(key[0])]
        return f"[{stage['title']} {key[1]}/{max(stage['steps'], key[1])}]"

    def _is_cached(self, key: Key, message: dict[str, Json]) -> None:  # noqa: ARG002
        self._cached.add(key)
        self._line(key, "CACHED")
        if self._explain:
            self._line(key, "why: nothing that it depends on has changed")

    def _missed(self, key: Key, message: dict[str, Json]) -> None:
        if self._explain:
            for reason in reasons.why(message):
                self._line(key, f"why: {reason}")

    def _says(self, key: Key, message: dict[str, Json]) -> None:
        seconds = time.monotonic() - self._began[key]
        *lines, self._rests[key] = (self._rests.get(key, "") + message["data"]).split("\n")
        for line in lines:
            self._line(key, f"{seconds:.3f} {line.rstrip()}")

    def _ends(self, key: Key, message: dict[str, Json]) -> None:  # noqa: ARG002
        self._flush(key)
        self._going.remove(key)
        if key not in self._cached:
            self._line(key, f"DONE {time.monotonic() - self._began[key]:.1f}s")

    def _flush(self, key: Key) -> None:
        if rest := self._rests.pop(key, ""):
            self._line(key, f"{time.monotonic() - self._began[key]:.3f} {rest}")

    def _line(self, key: Key, text: str) -> None:
        self._write(f"#{self._numbers[key]} {text}\n")

    def close(self, *, failed: bool) -> None:
        """The end, of whatever kind. Steps that still go on have failed, or are ended since another one has."""
        for key in self._going if failed else ():
            self._flush(key)
            self._line(key, self.end_of(key))
        self._warn()

    def end_of(self, key: Key) -> str:
        return "ERROR" if key[0] == self._failed else "CANCELED"

    def _warn(self) -> None:
        if self._warnings:
            self._write("".join(f"{line}\n" for line in ["", *warnings.in_short(self._warnings)]))

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
