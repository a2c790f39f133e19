"""Small changes of containers that exist: paused and let go on, renamed."""

from __future__ import annotations

from minidock.engine.names import checked
from minidock.errors import MinidockError
from minidock.runtime import container as runtime
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.state.containers import Row


def pause(engine: Engine, row: Row) -> None:
    """Freeze every process of it, by its cgroup: nothing inside can notice, or refuse."""
    if row.status == containers.PAUSED:
        raise MinidockError(f"Container {row.name} is already paused")
    with engine.database.change() as change:
        if not containers.claim(change, row.id, (containers.RUNNING,), containers.PAUSED, owner=row.owner):
            raise _not_running(row)
        containers.event(change, row, "pause")
    runtime.pause(runtime.Container.load(engine.run_root, row.id))


def unpause(engine: Engine, row: Row) -> None:
    if row.status != containers.PAUSED:
        raise MinidockError(f"Container {row.name} is not paused")
    container = runtime.Container.load(engine.run_root, row.id)
    if container.status() == "paused":  # a kill between the two halves of `pause` leaves it running
        runtime.resume(container)
    with engine.database.change() as change:
        containers.claim(change, row.id, (containers.PAUSED,), containers.RUNNING, owner=row.owner)
        containers.event(change, row, "unpause")


def _not_running(row: Row) -> MinidockError:
    return MinidockError(f"Container {row.id} is not running", hint=f"minidock start {row.name}")


def rename(engine: Engine, row: Row, name: str) -> None:
    name = name.removeprefix("/")
    if not name:
        raise MinidockError("Neither old nor new names may be empty")
    if name == row.name:
        raise MinidockError("Renaming a container with the same name as its current name")
    with engine.database.change() as change:
        containers.must_be_free(change, checked(name))
        containers.alter(change, row.id, name=name)
        old, row.name = row.name, name
        containers.event(change, row, "rename", oldName=f"/{old}")
