"""Ending containers: kindly, with a signal and some time, or at once. What was asked for is written down first,
so that no restart policy brings back what somebody wanted to stop."""

from __future__ import annotations

import os

from minidock.errors import MinidockError
from minidock.kernel import signals
from minidock.kernel.watching import READ, wait
from minidock.runtime import container as runtime
from minidock.state import containers, owners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.state.containers import Row

_PATIENCE = 10  # seconds
TO_THE_END = 30.0  # for a monitor to write down the end of a container that was killed


def stop(engine: Engine, row: Row, *, timeout: int | None = None, signal: str = "", again: bool = False) -> None:
    """The stop signal, and KILL when the time is over; a negative time never is. Returns when it rests.

    `again`: it is to be started right after, so --rm does not count.
    """
    if row.status in containers.AT_REST:
        return
    if row.status == containers.STARTING:
        _refuse_stepped(engine, row)
    number = signals.number(signal or stop_signal(engine, row))
    seconds = patience(engine, row) if timeout is None else timeout
    monitor = owners.process(row.owner)
    _ask(engine, row, containers.TO_RESTART if again else containers.TO_STOP, signal=number if monitor >= 0 else 0)
    if monitor < 0:
        engine.find(row.id)  # mends it
        return
    try:
        _knock(row, monitor)
        send(engine, row, number)
        if not ends(monitor, None if seconds < 0 else float(seconds)):
            _tell_and_send(engine, row, signals.KILL)
            _must_end(monitor, row)
    finally:
        os.close(monitor)


def begin(engine: Engine, row: Row, *, signal: str = "") -> int:
    """What the monitor itself does about it, when it is asked: the seconds that the program is given."""
    number = signals.number(signal or stop_signal(engine, row))
    _ask(engine, row, containers.TO_STOP, signal=number)
    send(engine, row, number)
    return patience(engine, row)


def end_at_last(engine: Engine, row: Row) -> None:
    """The time that it was given is over."""
    monitor = owners.process(row.owner)
    if monitor < 0:
        return
    try:
        _tell_and_send(engine, row, signals.KILL)
        _must_end(monitor, row)
    finally:
        os.close(monitor)


def stop_signal(engine: Engine, row: Row) -> str:
    """What the options say, else the image; else TERM."""
    return engine.options(row).stop_signal or "TERM"


def patience(engine: Engine, row: Row) -> int:
    asked = engine.options(row).stop_timeout
    return _PATIENCE if asked is None else asked


def kill(engine: Engine, row: Row, signal: str = "KILL") -> None:
    """One signal. As in Docker it counts as a wish to stop, unless the program has a stop signal of another kind."""
    number = signals.number(signal)
    if row.status not in (containers.RUNNING, containers.PAUSED):
        raise MinidockError(
            f"cannot kill container: {row.name}: container {row.id} is not running",
            hint="minidock ps shows those that run",
        )
    if number == signals.KILL or number == signals.number(stop_signal(engine, row)):
        _ask(engine, row, signal=number)
        wake(row)
        send(engine, row, number)
    else:
        _tell_and_send(engine, row, number)
    if number == signals.KILL:
        _wait_for_rest(row)


def end(engine: Engine, row: Row) -> None:
    """At once, whatever it is doing; back when its monitor has ended."""
    if row.status == containers.STARTING:
        _refuse_stepped(engine, row)
    monitor = owners.process(row.owner)
    _ask(engine, row)
    if monitor < 0:
        return
    try:
        _knock(row, monitor)
        send(engine, row, signals.KILL)
        _must_end(monitor, row)
    finally:
        os.close(monitor)


def _refuse_stepped(engine: Engine, row: Row) -> None:
    from minidock.engine.stepping import waiting

    waiting.refuse_stepped(engine, row)


def _wait_for_rest(row: Row) -> None:
    monitor = owners.process(row.owner)
    if monitor >= 0:
        ends(monitor, TO_THE_END)
        os.close(monitor)


def _ask(engine: Engine, row: Row, what: int = containers.TO_END, *, signal: int = 0) -> None:
    """Write the wish down, and the signal that is about to be sent for it."""
    with engine.database.change() as change:
        containers.ask(change, row.id, what)
        if signal:
            containers.event(change, row, "kill", signal=str(signal))


def wake(row: Row) -> None:
    """Have the monitor look at the state."""
    monitor = owners.process(row.owner)
    if monitor >= 0:
        try:
            _knock(row, monitor)
        finally:
            os.close(monitor)


def _knock(row: Row, monitor: int) -> None:
    """The same, by its descriptor: it may be waiting to start the container again.

    Other owners, a command that removes it, would die of this signal.
    """
    if row.status in containers.ALIVE:
        try:
            signals.send(monitor, signals.NAMES["USR1"])
        except ProcessLookupError:
            pass


def _tell_and_send(engine: Engine, row: Row, number: int) -> None:
    with engine.database.change() as change:
        containers.event(change, row, "kill", signal=str(number))
    send(engine, row, number)


def send(engine: Engine, row: Row, number: int) -> None:
    """A frozen program gets no signal but the last: it is thawed for it, as Docker does."""
    try:
        container = runtime.Container.load(engine.run_root, row.id)
        runtime.kill(container, number)
        if container.status() == "paused":
            from minidock.engine.life import changing

            runtime.resume(container)
            changing.note_thawed(engine, row)
    except MinidockError:  # it has just ended, or waits to be restarted
        pass


def ends(process: int, seconds: float | None) -> bool:
    """Whether a process ends in that time."""
    return wait([(process, READ, lambda: None)], seconds)


def _must_end(monitor: int, row: Row) -> None:
    if not ends(monitor, TO_THE_END):
        raise MinidockError(
            f"container {row.name} was killed, but did not end",
            hint="a process that waits for a device cannot be ended: ps shows it in state D",
        )
