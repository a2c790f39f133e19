"""How a container comes to rest: its end is seen to, written down, and told; or it is started again.

A monitor loads this when it has the time: while the other side makes the container, or when it begins afresh.
"""

from __future__ import annotations

import os
import time

from minidock import jsonfile
from minidock.engine.life import wire
from minidock.engine.monitor import notes, restarts
from minidock.errors import MinidockError, reason
from minidock.kernel import processes
from minidock.kernel.watching import wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.monitor.process import Monitor

_LAST_WORDS = 2.0  # seconds: what was written before the end is there at once, unless others hold the pipe open


def give_up(monitor: Monitor, error: MinidockError | OSError) -> None:
    """It could not be started: what was done is undone, and why is told."""
    error = error if isinstance(error, MinidockError) else _explained(error)
    monitor.streams.close()
    monitor.clients.stop_listening()
    monitor.asked.stop_listening()
    if monitor.pidfd >= 0:
        end_container(monitor)
    monitor.log.close()
    _wait_for_mounts(monitor)
    try:
        if notes.failure(monitor.engine, monitor.row, error.message, error.code):
            _remove(monitor)
    except MinidockError:  # a full disk, say: the next command that looks at it mends what is not written
        pass
    monitor.clients.tell(wire.FAILED + jsonfile.dump(error.told()).encode())
    monitor.clients.dismiss()


def _explained(error: OSError) -> MinidockError:
    from minidock.diagnosis import diagnosing

    return diagnosing.failed(reason(error), error)


def settle(monitor: Monitor) -> notes.End:
    """The program has ended: end what it left, keep its last words; how it ended."""
    if monitor.health:
        monitor.health.stop()
        monitor.health = None
    code = processes.wait(monitor.pid)
    monitor.clients.stop_listening()
    monitor.asked.stop_listening()
    oom_killed = end_container(monitor)
    _drain(monitor)
    monitor.streams.close()
    monitor.log.flush()
    return notes.End(code, oom_killed=oom_killed)


def end_container(monitor: Monitor) -> bool:
    """All that the kernel still has of it; whether memory was short, which only its cgroup knows."""
    from minidock.kernel import cgroup_stats
    from minidock.runtime import deleting

    if monitor.mounts:
        monitor.mounts.let_go()
    container = monitor.load()
    oom_killed = cgroup_stats.table(container.cgroup, "memory.events").get("oom_kill", 0) > 0
    deleting.delete(container, force=True)
    os.close(monitor.pidfd)
    monitor.pidfd = -1
    if monitor.relays:
        monitor.relays.close()
        monitor.relays = None
    return oom_killed


def _wait_for_mounts(monitor: Monitor) -> None:
    """Whoever hears of its end may start it again, with the same directories, or take away what was mounted in it."""
    if monitor.mounts:
        monitor.mounts.wait()
        monitor.mounts = None


def _drain(monitor: Monitor) -> None:
    deadline = time.monotonic() + _LAST_WORDS
    while not monitor.streams.is_drained and time.monotonic() < deadline:
        outputs = monitor.streams.watched_outputs() if monitor.clients.are_keeping_up else ()
        wait([*outputs, *monitor.clients.watched(monitor.streams)], deadline - time.monotonic())


def wait_to_restart(monitor: Monitor, end: notes.End) -> bool:
    """Whether to begin again, when the time has come for it; until then a command may change its mind."""
    lived = time.monotonic() - monitor.began
    monitor.last_wait = restarts.wait_before(monitor.last_wait, lived)
    count = 0 if lived >= restarts.LONG_ENOUGH else monitor.row.restarts
    if not notes.is_due(monitor.options, end, count):
        return False
    _wait_for_mounts(monitor)
    waiting = notes.persistently(lambda: notes.restarting(monitor.engine, monitor.row, end, count))
    if waiting is None:
        return False
    monitor.row = waiting
    monitor.clients.tell(_ended(end.code))
    monitor.clients.dismiss()
    deadline = time.monotonic() + monitor.last_wait
    while wanted := not monitor.row.stop_asked and notes.is_due(monitor.options, end, count):
        if time.monotonic() > deadline:
            break
        wait([monitor.woken], deadline - time.monotonic())
    return wanted


def rest(monitor: Monitor, end: notes.End) -> None:
    """The end is written down, and told to everybody who waits for it."""
    monitor.log.close()
    if not monitor.options.auto_remove:  # with --rm nobody can start it again
        _wait_for_mounts(monitor)
    if notes.persistently(lambda: notes.rest(monitor.engine, monitor.row, end)):
        _remove(monitor)
    _wait_for_mounts(monitor)
    monitor.clients.tell(_ended(end.code))
    monitor.asked.dismiss()
    monitor.clients.dismiss()


def _remove(monitor: Monitor) -> None:
    from minidock.engine.life import removing

    removing.finish(monitor.engine, monitor.row, volumes=True)


def _ended(code: int) -> bytes:
    return wire.ENDED + jsonfile.dump({"code": code}).encode()
