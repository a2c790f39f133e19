"""Waiting for containers to come to something: their end, or their removal."""

from __future__ import annotations

import os

from minidock.engine.life.attaching import connect
from minidock.engine.life.stopping import ends
from minidock.errors import MinidockError
from minidock.state import containers, owners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.state.containers import Row


def wait(engine: Engine, row: Row) -> int:
    """Until it does not run; its exit code, at once if it rests already."""
    while row.status not in containers.AT_REST:
        code = _hear(engine, row)
        if code is not None:
            return code
        now = containers.again(engine.database, row.id)
        if now is None:
            raise MinidockError(f"No such container: {row.name}", hint="it was removed meanwhile")
        row = engine.find(row.id)
    return row.exit_code


def _hear(engine: Engine, row: Row) -> int | None:
    """From its monitor; None when there was nothing to be heard, and the state must be looked at again."""
    try:
        line = connect(engine, row, frozenset())
    except MinidockError:  # between two runs of a restart policy, or at its very end
        _wait_a_little(row)
        return None
    try:
        return line.wait()
    except MinidockError:  # it was killed
        return None
    finally:
        line.close()


def _wait_a_little(row: Row) -> None:
    monitor = owners.process(row.owner)
    if monitor >= 0:
        ends(monitor, 0.05)
        os.close(monitor)
