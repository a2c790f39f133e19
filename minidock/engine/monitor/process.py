"""A monitor's life, from its birth in the command that starts a container to the container's rest.

The command has claimed the container (`starting`) and waits at the other end of a socket, the first client's,
to hear that the program runs, or why not. From then on the monitor needs nobody: every change of the
container's state goes from here to the database. If the monitor itself is killed, whoever looks at the
container next sees that its owner is gone (state/owners.py), and brings it to rest.
"""

from __future__ import annotations

import _socket
import os
import sys
import time

from minidock import jsonfile
from minidock.engine import wire
from minidock.engine.monitor import restarts
from minidock.engine.monitor.clients import Client, Clients
from minidock.engine.monitor.health import Health
from minidock.engine.monitor.streams import Streams
from minidock.errors import MinidockError, reason
from minidock.kernel import cgroup_stats, cgroups, processes, signals
from minidock.kernel.watching import READ, wait
from minidock.logs.drivers import open_writer
from minidock.runtime import container as runtime
from minidock.state import containers, database, owners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn, TypeVar

    from minidock.engine.engine import Engine
    from minidock.kernel.watching import Watched

    Result = TypeVar("Result")

NAME = "minidock:watch"
_LAST_WORDS = 2.0  # seconds: what was written before the end is there at once, unless others hold the pipe open
_PERSISTENCE = 60.0
_IGNORED = ("HUP", "INT", "QUIT", "TERM", "TSTP", "PIPE")  # a monitor ends when its container does
_born: list[int] = []  # by this process; to be buried by it


def begin(engine: Engine, row: containers.Row, wishes: frozenset[str], *, once: bool = False) -> _socket.socket:
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
        _live(Monitor(engine, row, Client(theirs, wishes, once=once)), parent)
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
        monitor.live(parent)
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


class Monitor:
    """The monitor of one container."""

    def __init__(self, engine: Engine, row: containers.Row, first: Client) -> None:
        self.engine = engine
        self.row = row
        self.options = engine.options(row)
        self.place = engine.place(row.id)
        self.clients = Clients(first)
        self.streams = self._new_streams()
        self.health: Health | None = None
        self.container: runtime.Container | None = None
        self._pidfd = -1
        self._last_wait = 0.0
        self._began = 0.0

    def live(self, parent: str) -> None:
        """Begin, stay, and settle; again as long as the restart policy says so."""
        self._woken, written = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signals.on(signals.NAMES["USR1"], written)
        if not self._take_over(parent):
            return
        self._log = open_writer(self.options.log_driver, self.options.log_options, self.place.file(LOG))
        while True:
            try:
                self._begin()
            except (MinidockError, OSError) as error:
                self._give_up(error)
                return
            self._stay()
            code, oom_killed = self._settle()
            if not self._wait_to_restart(code, oom_killed):
                break
        self._rest(code, oom_killed)

    def _take_over(self, parent: str) -> bool:
        """From the command that claimed the container; False if that was killed, and somebody mended it."""
        with self.engine.database.change() as change:
            sql = "UPDATE containers SET owner = ? WHERE id = ? AND owner = ?"
            return change.do(sql, owners.myself(), self.row.id, parent) == 1

    # Begin -------------------------------------------------------------------------------------------

    def _new_streams(self) -> Streams:
        return Streams(self._heard, terminal=self.options.terminal, interactive=self.options.interactive)

    def _heard(self, stream: str, data: bytes) -> None:
        self._log.write(stream, data)
        self.clients.show(stream, data)

    def _begin(self) -> None:
        """The container is made, waits, is written down, and starts."""
        console = self.streams.lend()
        self.container = runtime.create(self.engine.run_root, self.row.id, self.place.path, console=console)
        self.streams.take_back()
        self._pidfd = os.pidfd_open(self.container.pid)
        self.clients.listen(self.container.record.path)
        runtime.start(self.container)
        self._began = time.monotonic()
        self._note_start(self.container.record.pid)
        self.health = Health.of(self)
        self.clients.tell(wire.STARTED)

    def _note_start(self, pid: int) -> None:
        with self.engine.database.change() as change:
            containers.alter(
                change,
                self.row.id,
                status=containers.RUNNING,
                pid=pid,
                started=containers.now(),
                error="",
                exit_code=0,
                oom_killed=0,
                finished=self.row.finished,
            )
            containers.event(change, self.row, "start")

    def _give_up(self, error: MinidockError | OSError) -> None:
        """It could not be started: all is undone, and the reason stays to be read."""
        message, hint, code = _told(error)
        self.streams.close()
        if self.container:
            runtime.delete(self.container, force=True)
        self._log.close()
        try:
            self._note_failure(message, code)
            self._remove_if_asked()
        except MinidockError:  # a full disk, say: the next command that looks at it mends what is not written
            pass
        self.clients.tell(wire.FAILED + jsonfile.dump({"message": message, "hint": hint, "code": code}).encode())
        self.clients.dismiss()

    def _note_failure(self, message: str, code: int) -> None:
        never = containers.CREATED if not self.row.started else containers.EXITED
        with self.engine.database.change() as change:
            containers.alter(
                change, self.row.id, status=never, owner="", pid=0, error=message, exit_code=code if code > 1 else 128
            )

    # Stay --------------------------------------------------------------------------------------------

    def _stay(self) -> None:
        """Until the program has ended."""
        ended: list[bool] = []
        while not ended:
            patience = self.health.look() if self.health else None  # which may begin a check, to be watched
            wait([(self._pidfd, READ, lambda: ended.append(True)), *self._watched()], patience)

    def _watched(self) -> Iterator[Watched]:
        yield self._woken, READ, self._wake
        yield from self.clients.watched(self.streams)
        yield from self.streams.watched_input()
        if self.clients.are_keeping_up:
            yield from self.streams.watched_outputs()
        if self.health:
            yield from self.health.watched()

    def _wake(self) -> None:
        """A command has changed the state, and knocks: what was asked for may be another thing now."""
        os.read(self._woken, 64)
        row = containers.again(self.engine.database, self.row.id)
        if row:
            self.row, self.options = row, self.engine.options(row)

    # Settle ------------------------------------------------------------------------------------------

    def _settle(self) -> tuple[int, bool]:
        """The program has ended: end what it left, keep its last words. Its exit code, and if memory was short."""
        assert self.container
        if self.health:
            self.health.stop()
            self.health = None
        code = processes.wait(self.container.record.pid)
        oom_killed = cgroup_stats.table(self.container.cgroup, "memory.events").get("oom_kill", 0) > 0
        os.close(self._pidfd)
        self.clients.stop_listening()
        runtime.delete(self.container, force=True)
        self._drain()
        self.streams.close()
        return code, oom_killed

    def _drain(self) -> None:
        deadline = time.monotonic() + _LAST_WORDS
        while not self.streams.is_drained and time.monotonic() < deadline:
            wait([*self.streams.watched_outputs(), *self.clients.watched(self.streams)], deadline - time.monotonic())

    def _wait_to_restart(self, code: int, oom_killed: bool) -> bool:
        """Whether to begin again, when the time has come for it; until then a command may change its mind."""
        lived = time.monotonic() - self._began
        self._last_wait = restarts.wait_before(self._last_wait, lived)
        count = 0 if lived >= restarts.LONG_ENOUGH else self.row.restarts
        if not _persistently(lambda: self._note_restarting(code, oom_killed, count)):
            return False
        self.clients.tell(_end(code))
        self.clients.dismiss()
        deadline = time.monotonic() + self._last_wait
        while time.monotonic() < deadline:
            wait([(self._woken, READ, self._wake)], deadline - time.monotonic())
            if self.row.stop_asked:
                return False
        self.streams = self._new_streams()
        return True

    def _note_restarting(self, code: int, oom_killed: bool, count: int) -> bool:
        """Looked at and written in one transaction: a stop that was asked for until now is stronger."""
        with self.engine.database.change() as change:
            row = containers.again(change, self.row.id)
            if row is None or row.stop_asked:
                return False
            options = self.engine.options(row)
            if not restarts.is_due(options.restart, options.restart_most, code=code, count=count):
                return False
            containers.alter(
                change,
                self.row.id,
                status=containers.RESTARTING,
                pid=0,
                exit_code=code,
                oom_killed=int(oom_killed),
                finished=containers.now(),
                restarts=row.restarts + 1,
            )
            self._tell_death(change, code, oom_killed)
        self.row = containers.again(self.engine.database, self.row.id) or self.row
        return True

    def _rest(self, code: int, oom_killed: bool) -> None:
        """The end is written down, and told to everybody who waits for it."""
        self._log.close()
        _persistently(lambda: self._note_end(code, oom_killed))
        self._remove_if_asked()
        self.clients.tell(_end(code))
        self.clients.dismiss()

    def _note_end(self, code: int, oom_killed: bool) -> None:
        with self.engine.database.change() as change:
            resting = self.row.status == containers.RESTARTING  # its end is written down already
            if not resting:
                self._tell_death(change, code, oom_killed)
            containers.alter(
                change,
                self.row.id,
                status=containers.EXITED,
                owner="",
                pid=0,
                exit_code=code,
                **({} if resting else {"finished": containers.now(), "oom_killed": int(oom_killed)}),
            )

    def _tell_death(self, change: database.Change, code: int, oom_killed: bool) -> None:
        if oom_killed:
            containers.event(change, self.row, "oom")
        containers.event(change, self.row, "die", exitCode=str(code))

    def _remove_if_asked(self) -> None:
        """--rm; but a container that is stopped only to be started again stays."""
        row = containers.again(self.engine.database, self.row.id)
        if self.options.auto_remove and row and row.stop_asked != containers.TO_RESTART:
            from minidock.engine import removing

            removing.remove(self.engine, self.row, volumes=True)

    def lament(self, bug: Exception) -> None:
        """A mistake of ours: leave what a report needs. What it ran is ended, the next command mends the rest."""
        import traceback

        if self.container:
            cgroups.kill(self.container.cgroup)
        with open(self.place.file("monitor.log"), "a") as file:
            traceback.print_exception(bug, file=file)


def _persistently(act: Callable[[], Result]) -> Result:
    """What has happened must be written down, though the disk may be full for a while."""
    deadline = time.monotonic() + _PERSISTENCE
    while True:
        try:
            return act()
        except MinidockError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _told(error: MinidockError | OSError) -> tuple[str, str, int]:
    if isinstance(error, MinidockError):
        return error.message, error.hint, error.code
    return reason(error), "", 1


def _end(code: int) -> bytes:
    return wire.ENDED + jsonfile.dump({"code": code}).encode()


LOG = "json.log"
