"""A container is a list of steps: what a step is, and how two processes walk one list together.

Making a container takes about thirty requests to the kernel, in the right order. Each is one Step, and a
Plan is the list. A plan is data: it can be printed without privileges, done, and undone in reverse.

Two processes share the work. HOST is the one that makes the container; INSIDE is the one that becomes it,
born in the middle of the list by the step `process.clone`. After that birth both walk the same list from
the same place, each doing the steps of its own side; where the side changes, the baton is handed over.
"""

from __future__ import annotations

import time

from minidock.errors import MinidockError, facts_of, name_of, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Literal

    from minidock.jsonfile import Json
    from minidock.steps.live import Live

    Side = Literal["host", "inside"]

HOST: Side = "host"
INSIDE: Side = "inside"
_LONGEST_FACT = 2048  # letters


class Step:
    """One thing asked of the kernel. A subclass is a kind of step; its fields are the arguments."""

    name: str  # "mount.proc": stable, since people, tests and lessons refer to it
    side: Side = HOST
    why: str = ""  # what would leak, break or be confused without it
    man: str = ""  # "mount_namespaces(7)"
    hints: dict[int, str] = {}  # errno → what a person can do about it
    needed: str = ""  # why it cannot be left out (--without); nothing: it can
    needs: tuple[str, ...] = ()  # the steps without which it would fail, or change the host in the container's stead
    returns: bool = True  # False: when it goes well, the process that does it is another program

    def says(self) -> str:
        """One plain sentence: what is done, with its real arguments."""
        raise NotImplementedError

    def shell(self) -> str:
        """The same thing as commands that a person could type, one step after the other (script.py)."""
        raise NotImplementedError

    def unshell(self) -> str:
        """The commands that take it back, whether it was done or not; "" where `undo` has nothing to do either."""
        return ""

    def do(self, live: Live) -> None:
        """Ask the kernel. Raises OSError or MinidockError; the walker adds the step's name and hint."""
        raise NotImplementedError

    def undo(self, live: Live) -> None:
        """Take it back. Safe to call twice, safe when do() never ran, possible from another process.

        The default fits what dies with the container's own namespaces, which is most of it.
        """

    def __repr__(self) -> str:
        return f"<step {self.name}>"


class StepFailed(MinidockError):
    """A step that could not be done: names the step, says what the kernel said, and hints."""

    def __init__(self, step: str, message: str, *, hint: str = "", code: int = 1, facts: Json = None) -> None:
        super().__init__(f"step {step}: {message}", hint=hint, code=code, facts=facts)
        self.step = step


class Observer:
    """Watches a plan being done. The journal, --explain, --step and the fault tests are observers.

    A step that does not return is seen to its beginning by the process that does it; how it went, the other side
    hears, and tells its own observers: with no seconds, since it does not know when that began.
    """

    def before(self, step: Step) -> None:
        """Called before each step; may wait, raise, or end the process."""

    def after(self, step: Step, seconds: float) -> None:
        """Called when a step is done."""

    def failed(self, step: Step, seconds: float, message: str) -> None:
        """Called when a step could not be done."""

    def close(self) -> None:
        """Called in each process when it has nothing more to do with the plan."""


class Plan:
    """An ordered list of steps. It can be read, done by two processes together, and undone by anyone."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = list(steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def without(self, names: set[str]) -> Plan:
        """The same plan with the steps of these names left out."""
        return Plan(step for step in self.steps if step.name not in names)

    def walk(self, live: Live) -> None:
        """Do every step of this process's side, in order; wait while the other side does its own.

        Where the last steps are the other side's, the caller waits for them by `live.hand_over`.
        """
        turn = HOST
        for step in self.steps:
            if step.side != turn:
                turn = step.side
                live.hand_over(turn)
            if step.side == live.side:
                perform(step, live)

    def undo(self, live: Live) -> list[MinidockError]:
        """Take back every step of the host's side, last first; what could not be taken back is returned."""
        failures: list[MinidockError] = []
        for step in reversed(self.steps):
            if step.side == HOST:
                try:
                    step.undo(live)
                except OSError as error:
                    failures.append(StepFailed(step.name, f"could not be undone: {reason(error)}"))
                except MinidockError as error:
                    failures.append(error)
        return failures


def perform(step: Step, live: Live) -> None:
    """Do one step under the eyes of the observers; a failure comes out as StepFailed."""
    for observer in live.observers:
        observer.before(step)
    began = time.monotonic()
    try:
        step.do(live)
    except (OSError, MinidockError) as error:
        failure = explain(step, error, live)
        for observer in live.observers:
            observer.failed(step, time.monotonic() - began, failure.message)
        raise failure from error
    for observer in live.observers:
        observer.after(step, time.monotonic() - began)


def explain(step: Step, error: OSError | MinidockError, live: Live) -> StepFailed:
    """The failure as a person needs it: which step, which call, what the kernel said, and why on this host.

    INSIDE only tells the facts: it loads nothing any more, so HOST, who hears of it, looks for the cause.
    """
    if isinstance(error, StepFailed):
        return error
    if isinstance(error, MinidockError):
        facts = {**error.facts, **_facts(step, live)} if error.facts else {}
        failure = StepFailed(step.name, error.message, hint=error.hint, code=error.code, facts=facts)
    else:
        number = error.errno or 0
        said = f"{reason(error)} ({name_of(number)})" if number else reason(error)
        hint = step.hints.get(number) or (f"see {step.man}" if step.man else "")
        facts = {**facts_of(error), **_facts(step, live), "hinted": number in step.hints}
        failure = StepFailed(step.name, said, hint=hint, facts=facts)
    if failure.facts and live.side == HOST:
        from minidock.diagnosis import diagnosing

        diagnosing.explain(failure)
    return failure


def _facts(step: Step, live: Live) -> dict[str, Json]:
    """A step's fields are its arguments: those of them that are plain and short; and who and where the process is."""
    fields = {name: value for name, value in vars(step).items() if _is_plain(value)}
    short = {name: value for name, value in fields.items() if len(repr(value)) <= _LONGEST_FACT}
    return {"step": step.name, "root": live.root_fd, "uid": live.uid, "gid": live.gid, "arguments": short}


def _is_plain(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return isinstance(value, (str, int, float))
