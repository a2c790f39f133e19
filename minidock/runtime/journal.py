"""The journal of a container: one line of JSON for each step done, by either side, as it happened.

It is an observer, so no step knows of it. What a crash left half done can be read in it afterwards.
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

_NAME = "journal"


class Journal(Observer):
    """Writes to a descriptor opened before the container lost sight of the host's files."""

    def __init__(self, directory: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(f"{directory}/{_NAME}", flags, 0o600)

    def after(self, step: Step, seconds: float) -> None:
        self._write(step, seconds, "done")

    def failed(self, step: Step, seconds: float, message: str) -> None:
        self._write(step, seconds, "failed", message)

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
        # One write(2) in append mode: lines of the two processes never mix.
        os.write(self._fd, (jsonfile.dump(entry) + "\n").encode())
