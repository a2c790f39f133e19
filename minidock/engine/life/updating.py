"""`update`: other limits, or another restart policy, for a container that exists, while it runs if it does.

Three things have to agree: what is asked for (the state), config.json (the next run), and the cgroup (this run).
They are changed in this order, while we hold the container. A kill in between leaves the new wish in the state,
and `system check` finds what does not follow it.
"""

from __future__ import annotations

from minidock import jsonfile
from minidock.engine.configuring import lifetime, limits
from minidock.engine.life import stopping
from minidock.engine.monitor.restarts import NO
from minidock.engine.options import Options
from minidock.errors import MinidockError
from minidock.images import drafts
from minidock.runtime import container as runtime
from minidock.runtime import updating as runtime_updating
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from minidock.engine.engine import Engine
    from minidock.jsonfile import Json
    from minidock.state.containers import Row

    Wishes = Mapping[str, int | str]  # fields of Options, and what they are to be; 0 and "" leave one as it is

LIMITS = (
    *("memory", "memory_reservation", "memory_swap", "nano_cpus", "cpu_shares", "cpu_period", "cpu_quota"),
    *("cpu_rt_period", "cpu_rt_runtime", "cpuset_cpus", "cpuset_mems", "pids_limit", "blkio_weight"),
)
_RESTART = ("restart", "restart_most")
_CLASHES = (
    ("nano_cpus", "cpu_period", "Nano CPUs cannot be updated as CPU Period has already been set"),
    ("nano_cpus", "cpu_quota", "Nano CPUs cannot be updated as CPU Quota has already been set"),
    ("cpu_period", "nano_cpus", "CPU Period cannot be updated as NanoCPUs has already been set"),
    ("cpu_quota", "nano_cpus", "CPU Quota cannot be updated as NanoCPUs has already been set"),
)
_NO_LIMIT = {"pids": {"limit": -1}}


def update(engine: Engine, row: Row, wishes: Wishes) -> list[str]:
    """Carry out what is wished; warnings of what has no effect on this host."""
    if not wishes:
        raise MinidockError("you must provide one or more flags when using this command.")
    with engine.place(row.id).hold():
        row = _present(engine, row)
        before, after = engine.options(row), engine.options(row)
        _change(row, after, wishes)
        old, new = limits.resources(before), limits.resources(after)
        _write(engine, row, after, new)
        try:
            _limit(engine, row, {key: value for key, value in (_NO_LIMIT | new).items() if old.get(key) != value})
        except (MinidockError, OSError):
            _write(engine, row, before, old)
            raise
        with engine.database.change() as change:
            containers.event(change, row, "update")
    stopping.wake(row)
    return limits.warnings(after)


def _present(engine: Engine, row: Row) -> Row:
    now = containers.again(engine.database, row.id)
    if now is None or now.status in (containers.REMOVING, containers.DEAD):
        raise _refused(row, 'Container is marked for removal and cannot be "update".')
    return now


def _refused(row: Row, why: str, hint: str = "") -> MinidockError:
    return MinidockError(f"Cannot update container {row.id}: {why}", hint=hint)


# What is wished -------------------------------------------------------------------------------------------


def _change(row: Row, options: Options, wishes: Wishes) -> None:
    """Docker's objections come first: they compare what is wished with what there is."""
    _check_clashes(row, options, wishes)
    _check_memory(row, options, wishes)
    _check_restart(row, options, wishes)
    for name, value in wishes.items():
        if name not in LIMITS + _RESTART:
            raise MinidockError(f"{name} of a container cannot be changed", hint="make a new container")
        if value or name in ("pids_limit", *_RESTART):
            setattr(options, name, value)


def _check_clashes(row: Row, options: Options, wishes: Wishes) -> None:
    for wished, there, complaint in _CLASHES:
        if int(wishes.get(wished, 0)) > 0 and getattr(options, there) > 0:
            raise _refused(row, f"Conflicting options: {complaint}")


def _check_memory(row: Row, options: Options, wishes: Wishes) -> None:
    """Where there was a limit, there is one of memory and swap together: the double, if nothing was said."""
    together = options.memory_swap or 2 * options.memory
    if together > 0 and int(wishes.get("memory", 0)) > together and not wishes.get("memory_swap"):
        raise _refused(
            row,
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
            hint="--memory-swap counts memory and swap together",
        )


def _check_restart(row: Row, options: Options, wishes: Wishes) -> None:
    policy = str(wishes.get("restart", ""))
    lifetime.check_restart(policy, int(wishes.get("restart_most", 0)))
    if options.auto_remove and policy not in ("", NO):
        raise _refused(row, "Restart policy cannot be updated because AutoRemove is enabled for the container")


# Where it is written --------------------------------------------------------------------------------------


def _write(engine: Engine, row: Row, options: Options, resources: Json) -> None:
    with engine.database.change() as change:
        containers.alter(change, row.id, options=jsonfile.dump(options.as_data()))
    _write_configuration(engine, row, resources)


def _write_configuration(engine: Engine, row: Row, resources: Json) -> None:
    path = engine.place(row.id).file("config.json")
    document = jsonfile.read(path)
    kept = {key: value for key, value in document["linux"]["resources"].items() if key == "devices"}
    document["linux"]["resources"] = {**kept, **resources}
    drafts.write_whole(engine.root, path, jsonfile.dump(document) + "\n")


def agrees(engine: Engine, row: Row) -> bool:
    """Whether config.json has the limits that are asked for."""
    document = jsonfile.read(engine.place(row.id).file("config.json"))
    written = {key: value for key, value in document["linux"]["resources"].items() if key != "devices"}
    return bool(written == limits.resources(engine.options(row)))


def finish(engine: Engine, row: Row) -> None:
    """What an `update` that was killed has left to do."""
    with engine.place(row.id).hold():
        now = _present(engine, row)
        resources = limits.resources(engine.options(now))
        _write_configuration(engine, now, resources)
        _limit(engine, now, _NO_LIMIT | resources)


def _limit(engine: Engine, row: Row, resources: Json) -> None:
    """Whoever starts it from now on reads the new configuration; who runs already needs to be told."""
    now = engine.find(row.id)
    if not resources or now.status not in (containers.RUNNING, containers.PAUSED):
        return
    try:
        runtime_updating.apply(runtime.Container.load(engine.run_root, row.id), resources)
    except (MinidockError, OSError):
        if engine.find(row.id).status in (containers.RUNNING, containers.PAUSED):
            raise
