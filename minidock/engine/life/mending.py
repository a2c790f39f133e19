"""Bringing a container to rest whose owner is gone: a command or a monitor that was killed at any moment.

What the owner did is known from the state it had written down before it did anything, so what is left to do is
known too. Of several commands that find the same container, one mends it.
"""

from __future__ import annotations

import os

from minidock.engine.life import attachments, by_name, volume_mounts
from minidock.errors import MinidockError
from minidock.kernel import cgroups
from minidock.state import containers, owners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.state.containers import Row

LOST = 255  # the exit code that nobody saw, as Docker calls it
_WHY = "its monitor was killed, and what ran in it was ended"


def is_lost(row: Row) -> bool:
    """Whether it rests because it was mended."""
    return row.exit_code == LOST and row.error == _WHY


def mend_abandoned(engine: Engine, container_id: str) -> None:
    row = containers.again(engine.database, container_id)
    if row and row.is_abandoned:
        mend(engine, row)


def mend(engine: Engine, row: Row) -> None:
    """End what still runs of it, and write down what it comes to."""
    if not _claim(engine, row):
        return
    mended = False
    try:
        _bring_to_rest(engine, row)
        mended = True
    finally:
        if not mended:
            _give_back(engine, row)


def _bring_to_rest(engine: Engine, row: Row) -> None:
    end_remains(engine, row.id)
    by_name.forget(engine.run_root, row.name, row.id)
    if row.status == containers.REMOVING or engine.options(row).auto_remove:
        from minidock.engine.life import removing

        removing.finish(engine, row, volumes=engine.options(row).auto_remove)
        return
    _note_rest(engine, row)
    volume_mounts.settle(engine)


def _note_rest(engine: Engine, row: Row) -> None:
    with engine.database.change() as change:
        attachments.forget(change, row, engine.options(row))
        if row.status == containers.STARTING:
            containers.alter(change, row.id, status=_before(row), owner="", pid=0)
            return
        containers.alter(
            change,
            row.id,
            status=containers.EXITED,
            owner="",
            pid=0,
            exit_code=LOST,
            error=_WHY,
            finished=containers.now(),
        )
        containers.event(change, row, "die", exitCode=str(LOST))
        attachments.tell(change, row, engine.options(row), "disconnect")


def _claim(engine: Engine, row: Row) -> bool:
    with engine.database.change() as change:
        sql = "UPDATE containers SET owner = ? WHERE id = ? AND owner = ? AND status = ?"
        return change.do(sql, owners.myself(), row.id, row.owner, row.status) == 1


def _give_back(engine: Engine, row: Row) -> None:
    """We may live for long: as nobody's, it is mended by whoever looks at it next."""
    try:
        with engine.database.change() as change:
            sql = "UPDATE containers SET owner = ? WHERE id = ? AND owner = ?"
            change.do(sql, row.owner, row.id, owners.myself())
    except MinidockError:  # which may be why it was not mended
        pass


def _before(row: Row) -> str:
    return containers.EXITED if row.started else containers.CREATED


def end_remains(engine: Engine, container_id: str) -> None:
    """All that the runtime has of it: processes, cgroup, files. Most often that is nothing any more."""
    if not _something_remains(engine, container_id):
        return
    from minidock.runtime import deleting
    from minidock.runtime.container import Container

    try:
        deleting.delete(Container.load(engine.run_root, container_id), force=True)
    except MinidockError:  # not made, made in part, or its files are damaged
        deleting.delete_damaged(engine.run_root, container_id)


def _something_remains(engine: Engine, container_id: str) -> bool:
    """A group of another name is known by the record alone, which is removed after it."""
    try:
        places = (f"{engine.run_root}/{container_id}", cgroups.locate(f"/minidock/{container_id}"))
    except MinidockError:  # there are no cgroups here
        return True
    return any(map(os.path.lexists, places))
