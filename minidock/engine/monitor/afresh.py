"""A monitor that has time begins afresh: it executes itself, and comes back small.

Forked from a command, it holds all that starting a container took. execve(2) lets go of that, and leaves what counts:
the same process, so still the parent of the container's first process, with the same open files. What the new one has
to know is written to a file in memory, whose descriptor it is given. memfd_create(2)

It loads what the end of the container takes, and waits: whoever stops the container does not wait for that.
"""

from __future__ import annotations

import os
import sys
import time

from minidock import jsonfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.monitor.process import Monitor
    from minidock.jsonfile import Json

_SETTLED = 1.0  # seconds of life, after which a container will probably stay
_AGAIN = 1.0  # seconds until the next try, when something was under way
_MODULE = "minidock.engine.monitor.afresh"
_next_try = 0.0  # in this process; infinite once it has begun afresh


def time_until(monitor: Monitor) -> float | None:
    """The seconds until it is time to begin afresh, and then does not return; None if there is no need to."""
    global _next_try
    if _next_try == float("inf") or not sys.executable:
        return None
    due = max(_next_try, monitor.began + _SETTLED)
    if time.monotonic() < due:
        return due - time.monotonic()
    known = _known(monitor)
    if known is not None:
        _execute(monitor, known)
    _next_try = time.monotonic() + _AGAIN
    return _AGAIN


def _known(monitor: Monitor) -> Json | None:
    """All that the next one needs; None while something is under way that cannot be told."""
    streams, clients, asked = monitor.streams.told(), monitor.clients.told(), monitor.asked.told()
    health = monitor.health.told() if monitor.health else {}
    if None in (streams, clients, asked, health) or (monitor.relays and monitor.relays.is_busy):
        return None
    return {
        "roots": [monitor.engine.root, monitor.engine.run_root],
        "row": vars(monitor.row),
        "streams": streams,
        "clients": clients,
        "asked": asked,
        "health": health,
        "log": monitor.log.told(),
        "pid": monitor.pid,
        "ports": monitor.relays.descriptors if monitor.relays else [],
        "began": monitor.began,
        "last_wait": monitor.last_wait,
    }


def _execute(monitor: Monitor, known: Json) -> None:
    """A knock that comes in between is kept back: a blocked signal waits through execve(2)."""
    from minidock.kernel import signals

    launcher = os.path.join(os.path.dirname(sys.modules["minidock"].__file__ or ""), "launch.py")
    if not os.access(sys.executable, os.X_OK) or not os.path.exists(launcher):
        return
    memory = os.memfd_create("monitor", 0)  # inherited, like the descriptors that it names
    os.write(memory, jsonfile.dump(known).encode())
    inherited = (*monitor.streams.descriptors, *monitor.clients.descriptors, *monitor.asked.descriptors)
    for fd in (*inherited, *known["ports"]):
        os.set_inheritable(fd, True)
    signals.block(signals.NAMES["USR1"])
    words = [sys.executable, "-I", "-S", launcher, _MODULE, monitor.row.id, str(memory)]
    os.execv(sys.executable, words)


def main(words: list[str]) -> int:
    """The new one: `launch.py minidock.engine.monitor.afresh ID FD`. The id is there for people who look at ps."""
    global _next_try
    _next_try = float("inf")
    from minidock.engine.monitor import asked
    from minidock.engine.monitor.process import NEEDED_AT_THE_END
    from minidock.kernel import cgroups, processes, signals

    processes.rename("minidock:watch")
    with open(int(words[1]), "rb") as memory:
        memory.seek(0)
        monitor = _restored(jsonfile.parse(memory.read().decode()))
    try:
        signals.unblock(signals.NAMES["USR1"])
        for module in (*NEEDED_AT_THE_END, *asked.NEEDED):  # whoever asks for something need not wait
            __import__(module)
        cgroups.mount_point()  # nor until it is found
        monitor.go_on()
    except Exception as bug:  # the outermost edge of this process
        monitor.lament(bug)
        return 1
    return 0


def _restored(known: Json) -> Monitor:
    from minidock.engine.engine import Engine
    from minidock.engine.monitor.clients import Clients
    from minidock.engine.monitor.health import Health
    from minidock.engine.monitor.process import Monitor
    from minidock.state.containers import Row

    monitor = Monitor(Engine(*known["roots"]), Row(known["row"].values()), Clients.restored(known["clients"]))
    monitor.streams.restore(known["streams"])
    monitor.log.restore(known["log"])
    monitor.asked.restore(known["asked"])
    monitor.began, monitor.last_wait = known["began"], known["last_wait"]
    monitor.hold(known["pid"])
    if known["ports"]:
        from minidock.engine.monitor.relays import Relays

        monitor.relays = Relays.restored(monitor.engine.database, monitor.row.id, known["ports"])
    if known["health"]:
        monitor.health = Health.restored(monitor, known["health"])
    return monitor
