"""What the runtime and the kernel have of containers that do not run: directories, names, cgroups, processes in them.

Other engines, and other roots of minidock's, use the same /run/minidock and the same cgroups. Ours is what belongs to a
container in our state or in our directory.
"""

from __future__ import annotations

import os
from functools import partial

from minidock import jsonfile
from minidock.engine.checking.containers import named
from minidock.engine.checking.finding import Finding
from minidock.engine.directories import is_id
from minidock.engine.life import by_name, mending
from minidock.errors import MinidockError
from minidock.kernel import cgroups, mount_table
from minidock.runtime.record import Record
from minidock.state import containers, owners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.engine.engine import Engine
    from minidock.state.containers import Row

_PARENT = "/minidock"


def check(engine: Engine) -> list[Finding]:
    remains = _remains(engine)  # first: what begins to run later is not looked at
    rows = {row.id: row for row in containers.everyone(engine.database)}
    findings = [finding for row in rows.values() for finding in _of_resting(engine, row, remains)]
    findings += _of_names(engine)
    return findings + [finding for name in sorted(remains - rows.keys()) for finding in _of_nobody(engine, name)]


def _remains(engine: Engine) -> set[str]:
    return {name for name in (*_names(engine.run_root), *_groups()) if is_id(name)}


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []


def _groups() -> list[str]:
    try:
        return _names(cgroups.locate(_PARENT))
    except MinidockError:  # no cgroup2 is mounted: nothing of ours runs
        return []


# Containers at rest ---------------------------------------------------------------------------------------


def _of_resting(engine: Engine, row: Row, remains: set[str]) -> Iterator[Finding]:
    """Who starts a container says so first; who ends one, at last. So one that rests has nothing, at any moment."""
    if row.status not in containers.AT_REST or not (row.id in remains or _own_group(engine, row)):
        return
    with engine.database.change() as change:
        now = containers.again(change, row.id)
        if now is None or now.status not in containers.AT_REST:
            return
        left = _left(engine, now)
    if left:
        what = f"{named(now)}: it is {now.status}, but of an earlier run there still is {left}"
        yield Finding(what, "end and remove that", lambda: _end_remains(engine, now))


def _own_group(engine: Engine, row: Row) -> str:
    """The cgroup that carries the container's mark, wherever it was wanted; "" if there is none."""
    try:
        path = f"{_PARENT}/{row.id}"
        if engine.options(row).cgroup_parent:
            path = jsonfile.read(engine.place(row.id).file("config.json"))["linux"]["cgroupsPath"]
        group = cgroups.locate(path)
    except (MinidockError, OSError, ValueError, KeyError, TypeError):  # cannot be told: then nothing is
        return ""
    return group if cgroups.mark_of(group) == row.id else ""


def _left(engine: Engine, row: Row) -> str:
    group = _own_group(engine, row)
    living = cgroups.processes(group) if group else []
    if living:
        return f"its processes {', '.join(map(str, living[:5]))}{' and more' if living[5:] else ''}"
    state = f"{engine.run_root}/{row.id}"
    return f"the cgroup {group}" if group else state if os.path.isdir(state) else ""


def _end_remains(engine: Engine, row: Row) -> None:
    """Nobody can start it meanwhile: it is ours, as if we did."""
    with engine.database.change() as change:
        if not containers.claim(change, row.id, (row.status,), containers.STARTING, owner=owners.myself()):
            return
    try:
        mending.end_remains(engine, row.id)
    finally:
        with engine.database.change() as change:
            containers.claim(change, row.id, (containers.STARTING,), row.status, owner="")


def _of_names(engine: Engine) -> Iterator[Finding]:
    for name, container_id in by_name.astray(engine.run_root):
        link = by_name.place(engine.run_root, name)
        what = f"{link}: it leads to the container {container_id[:12]}, which does not run"
        forget = partial(by_name.forget, engine.run_root, name, container_id)
        yield Finding(what, "remove it", forget)


# Nobody's -------------------------------------------------------------------------------------------------


def _of_nobody(engine: Engine, name: str) -> Iterator[Finding]:
    """The state directory goes before the row does; so one without a row is not just being removed."""
    if not _is_ours(engine, name) or containers.again(engine.database, name):
        return
    what = f"the runtime has a container {name[:12]} that the state does not know"
    yield Finding(what, "end it, and remove what there is of it", lambda: mending.end_remains(engine, name))


def _is_ours(engine: Engine, name: str) -> bool:
    bundle = engine.place(name).path
    try:
        if Record.load(engine.run_root, name).bundle == bundle:
            return True
    except MinidockError:
        pass
    try:
        group = cgroups.locate(f"{_PARENT}/{name}")
    except MinidockError:
        return False
    if cgroups.mark_of(group) != name:
        return False
    return os.path.isdir(bundle) or any(_lives_in(bundle, pid) for pid in cgroups.processes(group))


def _lives_in(bundle: str, pid: int) -> bool:
    """Whether a process sees the container's own directory as a part of its tree."""
    try:
        return any(f"upperdir={bundle}/upper" in options for _, _, options in mount_table.table(pid))
    except OSError:  # it has ended
        return False
