"""What a monitor writes down of its container: each a transaction, with the event that tells of it."""

from __future__ import annotations

import time

from minidock.engine.life import attachments, volume_mounts
from minidock.engine.monitor import restarts
from minidock.errors import MinidockError
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeVar

    from minidock.engine.engine import Engine
    from minidock.engine.options import Options
    from minidock.jsonfile import Json
    from minidock.state.containers import Row
    from minidock.state.database import Change, Value

    Result = TypeVar("Result")

_PERSISTENCE = 60.0  # seconds


def persistently(act: Callable[[], Result]) -> Result:
    """What has happened must be written down, though the disk may be full for a while."""
    deadline = time.monotonic() + _PERSISTENCE
    while True:
        try:
            return act()
        except MinidockError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


class End:
    """How a program ended."""

    def __init__(self, code: int, *, oom_killed: bool) -> None:
        self.code = code
        self.oom_killed = oom_killed
        self.trouble = ""  # what else went wrong: lines of the log that could not be kept


def start(engine: Engine, row: Row, pid: int, published: Sequence[Json] = ()) -> None:
    """It runs, with these ports of the host."""
    options = engine.options(row)
    with engine.database.change() as change:
        facts: dict[str, Value] = {"status": containers.RUNNING, "pid": pid, "started": containers.now()}
        containers.alter(change, row.id, **facts, error="", exit_code=0, oom_killed=0)
        if row.status != containers.RESTARTING:  # its volumes have stayed mounted
            volume_mounts.tell(change, "mount", row.id, options.mount_points)
            attachments.tell(change, row, options, "connect")
        attachments.note(change, row, options, published)
        containers.event(change, row, "start")


def failure(engine: Engine, row: Row, message: str, code: int) -> bool:
    """It could not be started. Docker says 128 where the program itself was not to blame. True: it is to go."""
    status = containers.EXITED if row.started else containers.CREATED
    facts: dict[str, Value] = {"pid": 0, "error": message, "exit_code": code if code > 1 else 128}
    with engine.database.change() as change:
        goes = _come_to_rest(engine, change, row, status, facts)
    volume_mounts.settle(engine)
    return goes


def restarting(engine: Engine, row: Row, end: End, count: int) -> Row | None:
    """The container as it waits to be started again; None if it is not to be.

    Looked at and written in one transaction: a stop that was asked for until now is stronger.
    """
    with engine.database.change() as change:
        now = containers.again(change, row.id)
        if now is None or now.stop_asked:
            return None
        if not is_due(engine.options(now), end, count):
            return None
        containers.alter(change, row.id, status=containers.RESTARTING, restarts=now.restarts + 1, **_facts(end))
        _tell(change, now, end)
        attachments.forget(change, now, engine.options(now))
        return containers.again(change, row.id)


def is_due(options: Options, end: End, count: int) -> bool:
    return restarts.is_due(options.restart, options.restart_most, code=end.code, count=count)


def rest(engine: Engine, row: Row, end: End) -> bool:
    """The end, and nobody answers for it any more; or, True, it is to go, and we answer for that."""
    options = engine.options(row)
    known = row.status == containers.RESTARTING  # its end was written down when it was to be started again
    with engine.database.change() as change:
        if not known:
            _tell(change, row, end)
        attachments.tell(change, row, options, "disconnect")
        volume_mounts.tell(change, "unmount", row.id, options.mount_points)
        goes = _come_to_rest(engine, change, row, containers.EXITED, {} if known else _facts(end))
    volume_mounts.settle(engine)
    return goes


def _come_to_rest(engine: Engine, change: Change, row: Row, status: str, facts: Mapping[str, Value]) -> bool:
    """With --rm its removal begins in the same moment; but one that is stopped only to be started again stays."""
    now = containers.again(change, row.id)
    if now and now.stop_asked in (containers.TO_STOP, containers.TO_RESTART):
        containers.event(change, now, "stop")
    goes = bool(now and engine.options(now).auto_remove and now.stop_asked != containers.TO_RESTART)
    rest: dict[str, Value] = {"status": containers.REMOVING} if goes else {"status": status, "owner": ""}
    containers.alter(change, row.id, **rest, **facts)
    attachments.forget(change, row, engine.options(row))
    return goes


def _facts(end: End) -> dict[str, Value]:
    return {
        "pid": 0,
        "exit_code": end.code,
        "oom_killed": int(end.oom_killed),
        "finished": containers.now(),
        "error": end.trouble,
    }


def _tell(change: Change, row: Row, end: End) -> None:
    if end.oom_killed:
        containers.event(change, row, "oom")
    containers.event(change, row, "die", exitCode=str(end.code))
