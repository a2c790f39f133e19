"""How a monitor is born: forked from the command that starts a container, and on its own from then on.

It is born before anybody needs it, and loads what a start takes while the command still makes the container; so
little is loaded here before the fork. When the container's configuration is written, the monitor makes the plan
while the command writes the container down. Then it is told whose monitor it is; or the line to it closes, and it
was for nothing.
"""

from __future__ import annotations

import _socket
import os
import sys

from minidock.engine.life import wire
from minidock.kernel.processors import Elsewhere

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn, Self

    from minidock.engine.directories import Place
    from minidock.engine.engine import Engine
    from minidock.engine.stepping.watch import Watch
    from minidock.jsonfile import Json
    from minidock.runtime.prepared import Prepared
    from minidock.state.containers import Row

NAME = "minidock:watch"
_SOON_NEEDED = (
    *("minidock.engine.engine", "minidock.engine.options", "minidock.state.containers"),
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
        self.has_begun = False
        elsewhere = Elsewhere()
        self._pid = os.fork()
        if self._pid == 0:
            self._socket.close()
            _wait(theirs, elsewhere)
        elsewhere.send(self._pid)
        _born.append(self._pid)
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.has_begun:
            self._socket.close()

    @property
    def owner(self) -> str:
        """Who answers for the container from the moment that it is claimed."""
        from minidock.state import owners

        return owners.name_of(self._pid)

    def expect(self, place: Place) -> None:
        """It will be this container, if all goes well: its configuration is written."""
        try:
            self._tell({"expected": place.id, "bundle": place.path})
        except BrokenPipeError:  # `begin` says so
            pass

    def begin(
        self, engine: Engine, row: Row, wishes: frozenset[str], *, once: bool = False, watch: Watch | None = None
    ) -> _socket.socket:
        """Have it start a container that was claimed for it; returns the first client's end of the line."""
        told: Json = {"roots": [engine.root, engine.run_root], "row": vars(row)}
        told |= {"wishes": sorted(wishes), "once": once, "asks": bool(watch and watch.asks)}
        self.has_begun = True  # before it knows: whoever interrupts us now must not give its container to others
        try:
            self._tell(told, [watch.theirs.fileno()] if watch else [])
        except BrokenPipeError:
            self.has_begun = False
            from minidock.errors import MinidockError

            hint = "somebody may have killed it: try again"
            raise MinidockError("the container's monitor ended before it began", hint=hint) from None
        if watch:
            watch.theirs.close()
        return self._socket

    def _tell(self, told: Json, descriptors: Sequence[int] = ()) -> None:
        """By a file in memory: what is told may be longer than a message."""
        from minidock import jsonfile

        memory = wire.in_memory(jsonfile.dump(told))
        try:
            wire.send(self._socket, b"told", memory, *descriptors)
        finally:
            os.close(memory)


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


# In the newborn process -----------------------------------------------------------------------------------


def _wait(socket: _socket.socket, elsewhere: Elsewhere) -> NoReturn:
    from minidock.kernel import processes

    code = 1
    try:
        processes.live_apart(NAME, socket.fileno())
        for module in _SOON_NEEDED:
            __import__(module)
        told, watching = _hear(socket)
        elsewhere.stay_anywhere()
        prepared = None
        if "expected" in told:
            prepared = _prepare(told)
            told, watching = _hear(socket)
        if told:
            code = _live(socket, told, watching, prepared)
    finally:
        os._exit(code)


def _hear(socket: _socket.socket) -> tuple[Json, list[int]]:
    """What is told, and the descriptor at which somebody wants to be told of each step. Nothing: nobody needs us."""
    from minidock import jsonfile

    _, descriptors = wire.receive(socket)
    return (jsonfile.parse(wire.read(descriptors[0])), descriptors[1:]) if descriptors else ({}, [])


def _prepare(told: Json) -> Prepared | None:
    """What is wrong with the configuration is said when the container is ours to make."""
    from minidock.errors import MinidockError
    from minidock.runtime.prepared import Prepared

    try:
        return Prepared(told["expected"], told["bundle"])
    except (MinidockError, OSError):
        return None


def _live(socket: _socket.socket, told: Json, watching: Sequence[int], prepared: Prepared | None) -> int:
    """Make what was claimed for us."""
    from minidock.engine.engine import Engine
    from minidock.engine.monitor.clients import Client, Clients
    from minidock.engine.monitor.process import Monitor
    from minidock.state.containers import Row

    clients = Clients(Client(socket, frozenset(told["wishes"]), once=told["once"]))
    monitor = Monitor(Engine(*told["roots"]), Row(told["row"].values()), clients)
    monitor.prepared = prepared
    if watching:
        from minidock.engine.stepping.teller import Teller

        monitor.observers.append(Teller(_socket.socket(fileno=watching[0]), asks=told["asks"]))
    try:
        monitor.live()
    except Exception as bug:  # the outermost edge of this process: it must not return into the command's code
        monitor.lament(bug)
        return 1
    return 0
