"""Starting a container: claim it, prepare what it needs of the host, and fork its monitor."""

from __future__ import annotations

from minidock import jsonfile
from minidock.engine.configuring import sharing
from minidock.engine.life import attachments, creating, volume_mounts, wire
from minidock.engine.life.attaching import Line
from minidock.errors import MinidockError, heard
from minidock.images.drafts import Lock
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.engine.monitor.birth import Newborn
    from minidock.engine.options import Options
    from minidock.engine.stepping.watch import Watch
    from minidock.networks.addressing import Attachment, Claimed
    from minidock.state.containers import Row

_NOTHING: frozenset[str] = frozenset()
_WHY_NOT = {
    containers.PAUSED: "cannot start a paused container, try unpause instead",
    containers.REMOVING: "container is marked for removal and cannot be started",
    containers.DEAD: "container is marked for removal and cannot be started",
    containers.STARTING: "another command is starting it at this moment",
}


class RunsAlready(MinidockError):
    """Somebody else was quicker."""


def start(
    engine: Engine,
    row: Row,
    *,
    wishes: frozenset[str] = _NOTHING,
    monitor: Newborn | None = None,
    watch: Watch | None = None,
) -> Line:
    """Start a container that rests; returns a line to its monitor, over which those streams come."""
    options = engine.options(row)
    with monitor or engine.newborn() as newborn:
        if not (monitor or attachments.concern(options) or sharing.others(options)):
            newborn.expect(engine.place(row.id))
        claimed = _take(engine, row, options, newborn.owner, attached=bool(wishes))
        try:
            if sharing.others(options):
                creating.renew(engine, row, options)
            volume_mounts.prepare(engine, row.id, options.mount_points)
            if watch:
                watch.expect(engine, row, options)
            once = options.stdin_once and "stdin" in wishes
            line = Line(newborn.begin(engine, claimed, wishes, once=once, watch=watch), engine.run_root, row.id)
        finally:
            if not newborn.has_begun:
                _give_back(engine, row)
    if watch:
        watch.follow(line)
    _hear_of_start(line)
    return line


def _take(engine: Engine, row: Row, options: Options, owner: str, *, attached: bool) -> Row:
    """Claim it for its monitor, with its addresses, and write those down; the container as it is then. `update` and
    `network connect` change config.json too, so it is held meanwhile; before the claim, since whoever holds it may wait
    for a start to be over.
    """
    with engine.place(row.id).hold():
        taken = False
        try:
            addresses = attachments.ask_for_addresses(engine, row, options)
            claimed, given = _claim(engine, row, options, owner, addresses, attached=attached)
            taken = True
        finally:
            if not taken:  # its networks may be gone, or full
                _remove_unwanted(engine, row, options)
        configured = False
        try:
            attachments.configure(engine, row, options, given)
            configured = True
        finally:
            if not configured:
                _give_back(engine, row)
    return claimed


def _claim(
    engine: Engine, row: Row, options: Options, owner: str, addresses: Claimed, *, attached: bool
) -> tuple[Row, list[Attachment]]:
    """Not while `cp` or `commit` has the upper directory mounted: two overlays must not share one."""
    with Lock(engine.place(row.id).file("work")), engine.database.change() as change:
        states = (containers.CREATED, containers.EXITED)
        claimed = containers.claim(change, row.id, states, containers.STARTING, owner=owner)
        if claimed:
            containers.alter(change, row.id, stop_asked=0, restarts=0)
        now = containers.again(change, row.id)
        if now and claimed:
            if attached:
                containers.event(change, row, "attach")
            return now, attachments.give_out(change, row, options, addresses)
    if now is None:
        raise MinidockError(f"No such container: {row.id}", hint="it was removed a moment ago")
    if now.status in (containers.RUNNING, containers.RESTARTING):
        raise RunsAlready(f"container {row.name} is running already")
    raise MinidockError(f"{_WHY_NOT.get(now.status, f'container is {now.status} already')}: {row.name}")


def _give_back(engine: Engine, row: Row) -> None:
    with engine.database.change() as change:
        containers.claim(change, row.id, (containers.STARTING,), row.status, owner="")
    volume_mounts.settle(engine)
    _remove_unwanted(engine, row, engine.options(row))


def _remove_unwanted(engine: Engine, row: Row, options: Options) -> None:
    """`run --rm`, and it could not be started."""
    now = containers.again(engine.database, row.id) if options.auto_remove else None
    if now and now.status in containers.AT_REST:
        from minidock.engine.life import removing

        removing.remove(engine, row, volumes=True)


def _hear_of_start(line: Line) -> None:
    """Until the program runs, nothing else can come."""
    kind, data = line.receive()
    if kind == wire.STARTED:
        return
    if kind == wire.FAILED:
        raise heard(jsonfile.parse(data.decode()))
    raise MinidockError("the container's monitor ended without a word", hint="its directory has a monitor.log")
