"""The machine goes down, and comes up again: containers end in peace, and those come back that should.

`shut_down` is `stop` for all at once, with one difference: what ended so was not unwanted, and that is written
down (stop_asked). `boot` does what Docker's daemon does when it starts: it mends what the last boot left, and starts
what its restart policy wants started. It may be called at any time, and again.
"""

from __future__ import annotations

import os
import time

from minidock.engine.life import mending, starting, stopping
from minidock.engine.monitor import restarts
from minidock.errors import MinidockError
from minidock.kernel import signals
from minidock.kernel.watching import READ, wait
from minidock.state import containers, owners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from minidock.engine.engine import Engine
    from minidock.kernel.watching import Watched
    from minidock.state.containers import Row

    Failure = tuple[Row, MinidockError]


def boot(engine: Engine) -> tuple[list[Row], list[Failure]]:
    """Start what should be running, the oldest first, since later containers may share what earlier ones have.

    Returns those that were started, and those that could not be, and why.
    """
    interrupted = {row.id for row in containers.everyone(engine.database) if row.is_abandoned}
    started: list[Row] = []
    failed: list[Failure] = []
    for row in reversed(engine.everyone()):
        if not _is_due(engine, row, row.id in interrupted):
            continue
        try:
            starting.start(engine, row).close()
            started.append(row)
        except starting.RunsAlready:
            pass
        except MinidockError as error:
            failed.append((row, error))
    return started, failed


def _is_due(engine: Engine, row: Row, interrupted: bool) -> bool:
    """As in Docker, one that was made and never started stays so, whatever its policy."""
    if row.status not in containers.AT_REST or not row.started:
        return False
    return restarts.after_boot(
        engine.options(row).restart,
        stop_asked=row.stop_asked not in (0, containers.TO_COME_BACK),
        code=row.exit_code,
        was_running=interrupted or row.stop_asked == containers.TO_COME_BACK or mending.is_lost(row),
    )


# Going down -----------------------------------------------------------------------------------------------


class _Ending:
    """A container that was asked to end, and has some time for it."""

    def __init__(self, engine: Engine, row: Row, monitor: int) -> None:
        self.row = row
        self.monitor = monitor
        self.is_over = False  # or cannot be ended: a process that waits for a device
        self._engine = engine
        self._was_killed = False
        seconds = stopping.patience(engine, row)
        self.deadline = time.monotonic() + seconds if seconds >= 0 else float("inf")

    def watched(self) -> Watched:
        return self.monitor, READ, self._end

    def _end(self) -> None:
        self.is_over = True

    def insist(self) -> None:
        """The time is over: it is killed, and given some more for that."""
        if self._was_killed:
            self.is_over = True
            return
        stopping.send(self._engine, self.row, signals.KILL)
        self._was_killed, self.deadline = True, time.monotonic() + stopping.TO_THE_END


def shut_down(engine: Engine) -> list[Row]:
    """End all containers, each with its own stop signal in its own time, all at once. Returns those that did end."""
    rows = [row for row in engine.everyone() if row.status in containers.ALIVE]
    endings = [ending for row in rows if (ending := _ask(engine, row))]
    while left := [ending for ending in endings if not ending.is_over]:
        wait([ending.watched() for ending in left], _time_left(left))
        for ending in left:
            if not ending.is_over and time.monotonic() >= ending.deadline:
                ending.insist()
    for ending in endings:
        os.close(ending.monitor)
    return [row for row in rows if not _runs(engine, row)]


def _runs(engine: Engine, row: Row) -> bool:
    mending.mend_abandoned(engine, row.id)
    now = containers.again(engine.database, row.id)
    return now is not None and now.status in containers.ALIVE


def _ask(engine: Engine, row: Row) -> _Ending | None:
    """A stop that somebody has asked for already stays what it is."""
    with engine.database.change() as change:
        sql = "UPDATE containers SET stop_asked = ? WHERE id = ? AND stop_asked = 0"
        change.do(sql, containers.TO_COME_BACK, row.id)
    stopping.wake(row)
    monitor = owners.process(row.owner)
    if monitor < 0:
        return None
    stopping.send(engine, row, signals.number(stopping.stop_signal(engine, row)))
    return _Ending(engine, row, monitor)


def _time_left(endings: Iterable[_Ending]) -> float | None:
    first = min(ending.deadline for ending in endings)
    return None if first == float("inf") else max(0.0, first - time.monotonic())
