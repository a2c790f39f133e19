"""How a monitor is born: forked from the command that starts a container, and on its own from then on.

It is born before anybody needs it, and loads what a start takes while the command still makes the container.
Then it is told whose monitor it is; or the line to it closes, and it was for nothing.
"""

from __future__ import annotations

import _socket
import os
import sys

from minidock import jsonfile
from minidock.engine.life import wire
from minidock.errors import MinidockError
from minidock.state import owners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn, Self

    from minidock.engine.engine import Engine
    from minidock.engine.stepping.watch import Watch
    from minidock.jsonfile import Json
    from minidock.state.containers import Row

NAME = "minidock:watch"
_INT = 4  # bytes of a descriptor's number, in a message that passes it on. unix(7)
_SOON_NEEDED = (
    *("minidock.engine.engine", "minidock.engine.options", "minidock.state.database", "minidock.state.containers"),
    *("minidock.engine.monitor.process", "minidock.runtime.making"),
    *("minidock.oci.resources", "minidock.oci.seccomp", "minidock.kernel.seccomp", "minidock.kernel.birth"),
    "minidock.engine.monitor.clients",
)
_born: list[int] = []  # by this process; to be buried by it
_foreseen: list[Newborn] = []  # at most one


class Newborn:
    """A monitor that waits to hear whose it is; to be used in a `with` block, after which nobody waits."""

    def __init__(self) -> None:
        _bury()
        _close_databases()
        sys.stdout.flush()
        sys.stderr.flush()
        self._socket, theirs = _socket.socketpair(_socket.AF_UNIX, wire.KIND, 0)
        self._is_needed = False
        pid = os.fork()
        if pid == 0:
            self._socket.close()
            _wait(theirs)
        _born.append(pid)
        self.owner = owners.name_of(pid)  # who answers for the container from the moment that it is claimed
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_needed:
            self._socket.close()

    def begin(
        self, engine: Engine, row: Row, wishes: frozenset[str], *, once: bool = False, watch: Watch | None = None
    ) -> _socket.socket:
        """Have it start a container that was claimed for it; returns the first client's end of the line."""
        told: Json = {"roots": [engine.root, engine.run_root], "id": row.id}
        told |= {"wishes": sorted(wishes), "once": once, "asks": bool(watch and watch.asks)}
        rights = []
        if watch:
            descriptor = watch.theirs.fileno().to_bytes(_INT, sys.byteorder)
            rights.append((_socket.SOL_SOCKET, _socket.SCM_RIGHTS, descriptor))
        try:
            self._socket.sendmsg([jsonfile.dump(told).encode()], rights, _socket.MSG_NOSIGNAL)
        except BrokenPipeError:
            hint = "somebody may have killed it: try again"
            raise MinidockError("the container's monitor ended before it began", hint=hint) from None
        if watch:
            watch.theirs.close()
        self._is_needed = True
        return self._socket


def foresee() -> None:
    """A container will be started: its monitor loads what that takes, while the command still loads its own part."""
    _foreseen.append(Newborn())


def newborn() -> Newborn:
    """The one that was foreseen; else another."""
    return _foreseen.pop() if _foreseen else Newborn()


def _bury() -> None:
    for pid in list(_born):
        if os.waitpid(pid, os.WNOHANG)[0]:
            _born.remove(pid)


def _close_databases() -> None:
    database = sys.modules.get("minidock.state.database")
    if database:
        database.close_all()


def _wait(socket: _socket.socket) -> NoReturn:
    """In the newborn process."""
    from minidock.kernel import processes

    code = 1
    try:
        processes.live_apart(NAME, socket.fileno())
        for module in _SOON_NEEDED:
            __import__(module)
        data, rights, _, _ = socket.recvmsg(wire.LONGEST, _socket.CMSG_SPACE(_INT), _socket.MSG_CMSG_CLOEXEC)
        if data:
            watching = [int.from_bytes(packed, sys.byteorder) for _, _, packed in rights]
            code = _live(socket, jsonfile.parse(data.decode()), watching)
    finally:
        os._exit(code)


def _live(socket: _socket.socket, told: Json, watching: list[int]) -> int:
    """Make what was claimed for us, unless the command has given it back meanwhile.

    `watching`: the descriptor at which somebody wants to be told of each step.
    """
    from minidock.engine.engine import Engine
    from minidock.engine.monitor.clients import Client, Clients
    from minidock.engine.monitor.process import Monitor
    from minidock.state import containers

    engine = Engine(*told["roots"])
    row = containers.again(engine.database, told["id"])
    if row is None or row.owner != owners.myself():
        return 1
    monitor = Monitor(engine, row, Clients(Client(socket, frozenset(told["wishes"]), once=told["once"])))
    if watching:
        from minidock.engine.stepping.teller import Teller

        monitor.observers.append(Teller(_socket.socket(fileno=watching[0]), asks=told["asks"]))
    try:
        monitor.live()
    except Exception as bug:  # the outermost edge of this process: it must not return into the command's code
        monitor.lament(bug)
        return 1
    return 0
