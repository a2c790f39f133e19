"""What is told of a plan while it is done, put in the words of its steps, for a face to show."""

from __future__ import annotations

from minidock.engine.stepping import teller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from minidock.jsonfile import Json
    from minidock.steps.step import Step

    class Face(Protocol):
        """Who shows it to a person."""

        def begin(self, name: str, identifier: str, steps: Sequence[Step]) -> None: ...
        def done(self, number: int, step: Step, seconds: float) -> None: ...
        def failed(self, number: int, step: Step, seconds: float, message: str) -> None: ...
        def stop(self, number: int, step: Step) -> None: ...
        def ask(self) -> None: ...
        def why(self, step: Step) -> None: ...
        def changes(self, lines: Sequence[str]) -> None: ...
        def unknown(self, answer: str) -> None: ...
        def answered(self, *, here: bool) -> None: ...
        def end(self, seconds: float) -> None: ...


def alone(message: str, name: str) -> str:
    """What went wrong with a step, where its name stands beside it."""
    return message.removeprefix(f"step {name}: ")


STOP = "stop"  # said by whoever decides: here it waits for a person


class Story:
    """One plan's, from its first step to its last."""

    def __init__(self, steps: Sequence[Step], face: Face) -> None:
        self._steps = {step.name: (number, step) for number, step in enumerate(steps, 1)}
        self._face = face
        self._total = 0.0

    def step(self, name: str) -> Step:
        return self._steps[name][1]

    def tell(self, message: Json) -> None:
        number, step = self._steps[message["step"]]
        kind = message["is"]
        if kind == STOP:
            self._face.stop(number, step)
            return
        self._total += message["seconds"]
        if kind == teller.DONE:
            self._face.done(number, step, message["seconds"])
        else:
            self._face.failed(number, step, message["seconds"], alone(message["message"], step.name))

    def end(self) -> None:
        self._face.end(self._total)
