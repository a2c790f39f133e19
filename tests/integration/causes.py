"""What an error says of its cause: read from what a command prints, or from a step that failed in a child."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.steps.live import Live
from minidock.steps.step import Step, StepFailed, perform

LINES = ("cause", "confirm", "mend")


def found(text: str) -> dict[str, str]:
    """The lines after the first, by what they begin with."""
    lines = (line.strip().partition(": ") for line in text.splitlines() if line.startswith("  "))
    return {what: said for what, _, said in lines}


def explained(text: str, *words: str) -> dict[str, str]:
    """The error names a cause with these words in it, how to confirm and how to mend it; all of it is short."""
    finding = found(text)
    assert [*finding] == [*LINES], text
    for word in words:
        assert word in finding["cause"], text
    assert all(finding.values()), text
    assert "Traceback" not in text
    return finding


def of_step(step: Step, poor: Callable[[], object] = lambda: None, uid: int = 0) -> StepFailed:
    """Do one step in a child that something was done to before; how it failed."""
    return failure(lambda: perform(step, _live(uid)), poor)


def _live(uid: int) -> Live:
    live = Live()
    live.uid = uid
    return live


def failure(act: Callable[[], object], poor: Callable[[], object] = lambda: None) -> StepFailed:
    """The same of anything that fails with a StepFailed, or an error that has its cause already."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        signal.alarm(0)
        try:
            poor()
            os.write(writing, jsonfile.dump(_failed(act)).encode())
        except BaseException:  # nothing may get back into pytest, in this process
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        told = pipe.read()
    os.waitpid(pid, 0)
    assert told, "the child did not fail, or said nothing"
    step, message, finding = jsonfile.parse(told.decode())
    made = StepFailed(step, message.removeprefix(f"step {step}: "))
    made.finding = finding
    return made


def _failed(act: Callable[[], object]) -> tuple[str, str, dict[str, str]]:
    try:
        act()
    except MinidockError as error:
        return getattr(error, "step", ""), error.message, error.finding
    raise AssertionError("it did not fail")
