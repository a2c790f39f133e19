"""Containers in the state: whether somebody answers for those that do something, and all have what is theirs."""

from __future__ import annotations

import os
import time

from minidock import jsonfile
from minidock.engine.checking.finding import Finding
from minidock.engine.configuring import sharing
from minidock.engine.configuring.configuration import configuration
from minidock.engine.directories import Hold
from minidock.engine.life import changing, mending, removing, updating
from minidock.errors import MinidockError
from minidock.images import drafts
from minidock.images import image as images
from minidock.runtime import container as runtime
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.engine.engine import Engine
    from minidock.state.containers import Row

_UNFINISHED = {
    containers.STARTING: "its start was not finished: who was at it is gone",
    containers.REMOVING: "its removal was not finished: who was at it is gone",
}
_BETWEEN = 10_000_000_000  # nanoseconds that `restart` may take from the end of a container to its start


def check(engine: Engine) -> list[Finding]:
    return [finding for row in containers.everyone(engine.database) for finding in _check(engine, row)]


def named(row: Row) -> str:
    return f"container {row.name} ({row.id[:12]})"


def _check(engine: Engine, row: Row) -> Iterator[Finding]:
    if row.is_abandoned:
        yield from _abandoned(engine, row)
    elif row.status in (containers.STARTING, containers.REMOVING):  # somebody is at it
        return
    elif not os.path.isdir(engine.place(row.id).path):
        yield from _without_directory(engine, row)
    else:
        yield from _configuration(engine, row)
        yield from _outlived(engine, row)
        if row.status in (containers.RUNNING, containers.PAUSED):
            yield from _freezing(engine, row)


def _abandoned(engine: Engine, row: Row) -> Iterator[Finding]:
    """Its owner is dead. What that had written down before is the truth, and there will be no more of it."""
    now = containers.again(engine.database, row.id)
    if now is None or now.owner != row.owner:
        return
    what = _UNFINISHED.get(now.status, f"it is written down as {now.status}, but its monitor is gone")
    if now.status == containers.REMOVING:
        remedy = "finish the removal"
    else:
        remedy = "end what is left of it, and write down that it ended"
    yield Finding(f"{named(now)}: {what}", remedy, lambda: mending.mend(engine, now))


# Its directory --------------------------------------------------------------------------------------------


def _without_directory(engine: Engine, row: Row) -> Iterator[Finding]:
    """Who removes a container says so first. So one that rests has a directory, in any one moment of the state."""
    with engine.database.change() as change:
        now = containers.again(change, row.id)
        if now is None or os.path.isdir(engine.place(row.id).path):
            return
    if now.status in containers.AT_REST:
        repair = "forget it: what it held is lost"
        yield Finding(f"{named(now)}: it has no directory", repair, lambda: removing.remove(engine, now))
    elif now.status != containers.REMOVING and not now.is_abandoned:
        yield Finding(f"{named(now)}: it is {now.status}, but its directory was deleted", f"minidock rm -f {now.name}")


def _configuration(engine: Engine, row: Row) -> Iterator[Finding]:
    """Whether its config.json follows what is asked for. Only `update` changes both, and it holds the container."""
    try:
        if updating.agrees(engine, row):
            return
        with Hold(engine.place(row.id).path, patient=False) as mine:
            now = containers.again(engine.database, row.id)
            if not mine or now is None or updating.agrees(engine, now):
                return
    except FileNotFoundError:
        now = containers.again(engine.database, row.id)
        if now and now.status != containers.REMOVING:
            yield _unreadable(engine, row, "it is missing")
        return
    except (MinidockError, OSError):  # what was asked for is not to be had any more; the next start says so
        return
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        yield _unreadable(engine, row, str(error))
        return
    what = f"{named(now)}: its configuration has other limits than were asked for"
    yield Finding(what, "write them down, and apply them if it runs", lambda: updating.finish(engine, now))


def _unreadable(engine: Engine, row: Row, why: str) -> Finding:
    path = engine.place(row.id).file("config.json")
    what = f"{named(row)}: {path} cannot be used: {why}"
    return Finding(what, "make it again from what was asked for", lambda: _make_again(engine, row))


def _make_again(engine: Engine, row: Row) -> None:
    image, place = images.resolve(engine.root, row.image_id), engine.place(row.id)
    image.config = {}  # what it said is in the options
    options = engine.options(row)
    document = configuration(image, options, place, sharing.find(engine, options, running=False))
    drafts.write_whole(engine.root, place.file("config.json"), jsonfile.dump(document) + "\n")


# What it does ---------------------------------------------------------------------------------------------


def _freezing(engine: Engine, row: Row) -> Iterator[Finding]:
    """Whether it is frozen: the kernel knows. Only `pause` and `unpause` change it, and they hold the container."""
    with Hold(engine.place(row.id).path, patient=False) as mine:
        now = containers.again(engine.database, row.id)
        if not mine or now is None or now.pid != row.pid:
            return
        status = _status(engine, row.id)
    if (now.status, status) == (containers.PAUSED, "running"):
        what = f"{named(row)}: it is written down as paused, but it runs"
        yield Finding(what, "write down that it runs", lambda: changing.note_thawed(engine, now))
    elif (now.status, status) == (containers.RUNNING, "paused"):
        what = f"{named(row)}: it is written down as running, but it is frozen"
        yield Finding(what, "write down that it is paused", lambda: changing.note_paused(engine, now))


def _status(engine: Engine, container_id: str) -> str:
    try:
        return runtime.Container.load(engine.run_root, container_id).status()
    except MinidockError:  # it is just ending
        return ""


def _outlived(engine: Engine, row: Row) -> Iterator[Finding]:
    """`run --rm`: it should be gone. Only `restart` leaves it for a moment, before it starts it again."""
    if row.status != containers.EXITED or not engine.options(row).auto_remove:
        return
    if row.stop_asked == containers.TO_RESTART and time.time_ns() - row.finished < _BETWEEN:
        return
    now = containers.again(engine.database, row.id)
    if now and now.status == containers.EXITED:
        what = f"{named(row)}: it was to be removed at its end (--rm), and is still there"
        yield Finding(what, "remove it", lambda: removing.remove(engine, row, volumes=True))
