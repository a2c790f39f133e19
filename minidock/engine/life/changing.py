"""Small changes of containers that exist: paused and let go on, renamed."""

from __future__ import annotations

from minidock.engine.configuring.names import checked
from minidock.engine.life import by_name, stopping
from minidock.errors import MinidockError
from minidock.runtime import container as runtime
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.state.containers import Row
    from minidock.state.database import Change


def pause(engine: Engine, row: Row) -> None:
    """Freeze every process of it, by its cgroup: nothing inside can notice, or refuse."""
    with engine.place(row.id).hold():
        _check_can_pause(engine, row)
        container = runtime.Container.load(engine.run_root, row.id)
        runtime.pause(container)
        if not note_paused(engine, row) and container.status() == "paused":  # it ends: that is not to wait for us
            runtime.resume(container)


def _check_can_pause(engine: Engine, row: Row) -> None:
    now = containers.again(engine.database, row.id)
    if now and now.status == containers.PAUSED:
        raise MinidockError(f"Container {row.id} is already paused", hint=f"minidock unpause {row.name}")
    if now and now.status == containers.RESTARTING:
        raise MinidockError(f"Container {row.id} is restarting, wait until the container is running")
    if now is None or now.status != containers.RUNNING:
        raise MinidockError(f"Container {row.id} is not running", hint=f"minidock start {row.name}")


def note_paused(engine: Engine, row: Row) -> bool:
    with engine.database.change() as change:
        noted = containers.claim(change, row.id, (containers.RUNNING,), containers.PAUSED, owner=row.owner)
        if noted:
            containers.event(change, row, "pause")
    return noted


def unpause(engine: Engine, row: Row) -> None:
    with engine.place(row.id).hold():
        now = containers.again(engine.database, row.id)
        if now is None or now.status != containers.PAUSED:
            raise MinidockError(f"Container {row.id} is not paused")
        container = runtime.Container.load(engine.run_root, row.id)
        if container.status() == "paused":  # a kill at the right moment leaves one that goes on already
            runtime.resume(container)
        note_thawed(engine, row)


def note_thawed(engine: Engine, row: Row) -> None:
    with engine.database.change() as change:
        if containers.claim(change, row.id, (containers.PAUSED,), containers.RUNNING, owner=row.owner):
            containers.event(change, row, "unpause")


def rename(engine: Engine, row: Row, name: str) -> None:
    """A name belongs to one container at a time, whichever of two commands at once is the quicker."""
    if not name:
        raise MinidockError("Neither old nor new names may be empty")
    plain = name.removeprefix("/")
    if plain == row.name:
        raise MinidockError("Renaming a container with the same name as its current name")
    with engine.database.change() as change:
        now = containers.again(change, row.id)
        if now is None or now.status == containers.REMOVING:
            raise MinidockError(f"No such container: {row.name}", hint="it was removed a moment ago")
        _check_new_name(change, plain)
        containers.alter(change, row.id, name=plain)
        old, now.name = now.name, plain
        containers.event(change, now, "rename", oldName=f"/{old}")
        by_name.forget(engine.run_root, old, now.id)  # its monitor notes the new one
    stopping.wake(now)


def _check_new_name(change: Change, name: str) -> None:
    try:
        containers.must_be_free(change, checked(name))
    except MinidockError as error:
        raise MinidockError(f"Error when allocating new name: {error.message}", hint=error.hint) from None
