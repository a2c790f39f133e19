"""What a worker says while it builds: one line of JSON for each thing that happens, for whoever shows it."""

from __future__ import annotations

from minidock import jsonfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from minidock.build.cache.records import Step
    from minidock.build.language.instructions import Instruction
    from minidock.jsonfile import Json

# Of a step: it begins, was cached, has to be done and why, says something, is done.
BEGINS, CACHED, MISSED, SAYS, ENDS = "begins", "cached", "missed", "says", "ends"
# Of the whole: what will be built, something to know, a stage that failed, time that has passed.
PLAN, NOTICE, FAILED, TICK = "plan", "notice", "failed", "tick"
_MOST = 16 << 10  # of what a program says, in one piece


class Report:
    """The worker's end of the line."""

    def __init__(self, stage: int, tell: Callable[[dict[str, Json]], None]) -> None:
        self._stage = stage
        self._tell = tell

    def begins(self, number: int, found: Instruction) -> None:
        self._note(BEGINS, number, text=found.text)

    def cached(self, number: int) -> None:
        self._note(CACHED, number)

    def missed(self, number: int, step: Step, before: dict[str, str] | None, why: str) -> None:
        """It has to be done; why, and what it depended on now and the last time."""
        self._note(MISSED, number, why=why, parts=step.parts, before=before)

    def says(self, number: int, data: bytes) -> None:
        for at in range(0, len(data), _MOST):
            self._note(SAYS, number, data=data[at : at + _MOST].decode(errors="replace"))

    def ends(self, number: int) -> None:
        self._note(ENDS, number)

    def _note(self, what: str, number: int, **more: Json) -> None:
        self._tell({"what": what, "stage": self._stage, "number": number, **more})


def packed(message: dict[str, Json]) -> bytes:
    return jsonfile.dump(message).encode() + b"\n"
