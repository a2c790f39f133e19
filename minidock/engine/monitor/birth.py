"""How a monitor is born: forked from the command that starts a container, and on its own from then on."""

from __future__ import annotations

import _socket
import os
import sys

from minidock.engine import wire
from minidock.engine.monitor.clients import Client, Clients
from minidock.engine.monitor.process import Monitor
from minidock.kernel import processes, signals
from minidock.state import database, owners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from minidock.engine.engine import Engine
    from minidock.state.containers import Row

NAME = "minidock:watch"
_IGNORED = ("HUP", "INT", "QUIT", "TERM", "TSTP", "PIPE")  # a monitor ends when its container does
_born: list[int] = []  # by this process; to be buried by it


def begin(engine: Engine, row: Row, wishes: frozenset[str], *, once: bool = False) -> _socket.socket:
    """Fork the monitor of a container that was claimed for it; returns the first client's end of its socket."""
    _bury()
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, wire.KIND, 0)
    database.close_all()
    sys.stdout.flush()
    sys.stderr.flush()
    parent = owners.myself()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _live(Monitor(engine, row, Clients(Client(theirs, wishes, once=once))), parent)
    _born.append(pid)
    theirs.close()
    return ours


def _bury() -> None:
    for pid in list(_born):
        if os.waitpid(pid, os.WNOHANG)[0]:
            _born.remove(pid)


def _live(monitor: Monitor, parent: str) -> NoReturn:
    code = 1
    try:
        _leave_command()
        if _take_over(monitor, parent):
            monitor.live()
        code = 0
    except Exception as bug:  # the outermost edge of this process: it must not return into the command's code
        monitor.lament(bug)
    finally:
        os._exit(code)


def _leave_command() -> None:
    """Nothing that happens to the command, its terminal or its directory concerns this process any more."""
    os.setsid()
    os.chdir("/")
    processes.rename(NAME)
    for name in _IGNORED:
        signals.ignore(signals.NAMES[name])
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for fd in range(3):
        os.dup2(null, fd)
    os.close(null)


def _take_over(monitor: Monitor, parent: str) -> bool:
    """From the command that claimed the container; False if that was killed, and somebody mended it."""
    with monitor.engine.database.change() as change:
        sql = "UPDATE containers SET owner = ? WHERE id = ? AND owner = ?"
        taken: bool = change.do(sql, owners.myself(), monitor.row.id, parent) == 1
        return taken
