"""The journal of a container: one line of JSON for each step done, by either side, as it happened.

It is an observer, so no step knows of it. What a crash left half done can be read in it afterwards. It is begun anew at
each start, and stays when the container ends, wherever whoever starts it wants it to be: docs/journal.md.
"""

from __future__ import annotations

import os
import time

from minidock import jsonfile
from minidock.steps.step import Observer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json
    from minidock.steps.step import Step

BEGUN, DONE, FAILED = "begun", "done", "failed"
_LATEST = 1e10  # some centuries from now
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


class Journal(Observer):
    """Writes to a descriptor opened before the container lost sight of the host's files."""

    def __init__(self, path: str, *, anew: bool = False) -> None:
        self._fd = os.open(path, _WRITE | (os.O_TRUNC if anew else 0), 0o600)

    def before(self, step: Step) -> None:
        if not step.returns:
            self._write(step, 0.0, BEGUN)

    def after(self, step: Step, seconds: float) -> None:
        self._write(step, seconds, DONE)

    def failed(self, step: Step, seconds: float, message: str) -> None:
        self._write(step, seconds, FAILED, message)

    def close(self) -> None:
        os.close(self._fd)

    def _write(self, step: Step, seconds: float, outcome: str, message: str = "") -> None:
        entry: Json = {
            "step": step.name,
            "side": step.side,
            "start": round(time.time() - seconds, 6),
            "seconds": round(seconds, 6),
            "outcome": outcome,
        }
        if message:
            entry["message"] = message
        try:
            # One write(2) in append mode: lines of the two processes never mix.
            os.write(self._fd, (jsonfile.dump(entry) + "\n").encode())
        except OSError:  # the disk is full: a container that nobody can read about is still a container
            pass


def entries(path: str) -> list[Json]:
    """What a journal holds; nothing if there is none. A line that a crash or a full disk has cut short is skipped."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    return [entry for line in lines if (entry := _entry(line))]


def _message(entry: Json) -> Json:
    return {"message": str(entry["message"])} if "message" in entry else {}


def _entry(line: str) -> Json:
    try:
        entry = jsonfile.parse(line)
        texts = {name: str(entry[name]) for name in ("step", "side", "outcome")}
        start, seconds = float(entry["start"]), float(entry["seconds"])
    except (ValueError, KeyError, TypeError):
        return None
    return {**texts, "start": start, "seconds": seconds, **_message(entry)} if _is_time(start, seconds) else None


def _is_time(start: float, seconds: float) -> bool:
    return 0 <= start < _LATEST and 0 <= seconds < _LATEST
