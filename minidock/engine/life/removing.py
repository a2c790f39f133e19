"""Removing containers: first it is said (`removing`), then done, then forgotten; so it can always be finished."""

from __future__ import annotations

from minidock.engine.life import mending, volume_mounts
from minidock.errors import MinidockError
from minidock.images.layout import Layout
from minidock.state import containers, owners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.state.containers import Row


def remove(engine: Engine, row: Row, *, force: bool = False, volumes: bool = False) -> None:
    """Remove a container that rests; with `force`, end it first. `volumes`: its anonymous ones too."""
    if force and row.status not in containers.AT_REST:
        from minidock.engine.life import stopping

        stopping.end(engine, row)
        mending.mend_abandoned(engine, row.id)
    with engine.database.change() as change:
        claimed = containers.claim(change, row.id, containers.AT_REST, containers.REMOVING, owner=owners.myself())
        now = containers.again(change, row.id)
    if claimed:
        finish(engine, row, volumes=volumes)
    elif now is not None:
        raise _refusal(now)
    elif not force:
        raise MinidockError(f"No such container: {row.name}", hint="it was removed a moment ago")


def _refusal(row: Row) -> MinidockError:
    if row.status == containers.REMOVING:
        return MinidockError(f"removal of container {row.name} is already in progress")
    shown = {containers.PAUSED: "paused", containers.RESTARTING: "restarting"}.get(row.status, "running")
    advice = "unpause and then stop" if shown == "paused" else "stop"
    return MinidockError(
        f'cannot remove container "{row.name}": container is {shown}: '
        f"{advice} the container before removing or force remove"
    )


def finish(engine: Engine, row: Row, *, volumes: bool) -> None:
    """All that it owns, then its row. Safe to be done again from the beginning."""
    mending.end_remains(engine, row.id)
    engine.place(row.id).remove()
    with engine.database.change() as change:
        left = volume_mounts.release(change, engine.root, row.id, remove_anonymous=volumes)
        containers.event(change, row, "destroy")
        containers.forget(change, row.id)
    volume_mounts.settle(engine)
    volume_mounts.discard(left)
    if Layout(engine.root).hides_images():
        from minidock.engine.images import removing as images

        images.free_unused(engine)
