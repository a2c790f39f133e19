"""Run a minidock command in which something happens right after a step: faulty.py MODE STEP DIRECTORY WORD...

    raise     the process that did the step fails
    wait      it waits, for whatever the test does to it or to the other one: DIRECTORY has two pipes for that

It is an observer that does it, as nothing else in the runtime would let it happen at just that place.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

_PROJECT = Path(__file__).parents[2]
sys.path.insert(0, str(_PROJECT))

from minidock.cli.main import main  # noqa: E402
from minidock.errors import MinidockError  # noqa: E402
from minidock.runtime import making  # noqa: E402
from minidock.steps.step import Observer, Step  # noqa: E402


class Fault(Observer):
    """Made by the monitor, and inherited by the process inside."""

    def __init__(self, mode: str, step: str, directory: str) -> None:
        self._mode = mode
        self._step = step
        self._monitor = os.getpid()
        # Opened both ways, so that nobody has to wait for whoever opens the other end. fifo(7)
        self._reached, self._answered = (os.open(f"{directory}/{name}", os.O_RDWR) for name in ("reached", "answered"))

    def after(self, step: Step, seconds: float) -> None:  # noqa: ARG002
        if step.name != self._step:
            return
        if self._mode == "raise":
            raise MinidockError(f"planned to fail after {step.name}")
        os.write(self._reached, f"{self._monitor}\n".encode())
        os.read(self._answered, 1)


def _main(mode: str, step: str, directory: str, words: list[str]) -> int:
    plain = making.create

    def create(*place: Any, **options: Any) -> Any:
        observers = [*options.pop("observers", ()), Fault(mode, step, directory)]
        return plain(*place, **options, observers=observers)

    making.create = create
    return main(words)


if __name__ == "__main__":
    code = _main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
    sys.stdout.flush()
    os._exit(code)
