"""A monitor's life, from the start of a container to the container's rest.

The command has claimed the container (`starting`) and waits at the other end of a socket, the first client's,
to hear that the program runs, or why not. From then on the monitor needs nobody: every change of the
container's state goes from here to the database. If the monitor itself is killed, whoever looks at the
container next sees that its owner is gone (state/owners.py), and brings it to rest.

What starts and ends containers is loaded when it is needed, and let go after (afresh.py): most of its life a
monitor only waits, and there may be hundreds.
"""

from __future__ import annotations

import os
import time

from minidock import jsonfile
from minidock.engine.configuring import log_attributes
from minidock.engine.life import wire
from minidock.engine.monitor import afresh, notes, restarts
from minidock.engine.monitor.health import Health
from minidock.engine.monitor.keeper_watch import KeeperWatch
from minidock.engine.monitor.streams import Streams
from minidock.errors import MinidockError, reason
from minidock.kernel import namespaces, signals
from minidock.kernel.watching import READ, wait
from minidock.logs.drivers import open_writer
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Iterator

    from minidock.engine.engine import Engine
    from minidock.engine.monitor.clients import Clients
    from minidock.engine.monitor.relays import Relays
    from minidock.kernel.watching import Watched
    from minidock.logs.writer import Writer
    from minidock.runtime.container import Container
    from minidock.steps.step import Observer

LOG = "json.log"
_NEEDED_AT_THE_END = ("minidock.kernel.cgroup_stats", "minidock.runtime.deleting")
_LAST_WORDS = 2.0  # seconds: what was written before the end is there at once, unless others hold the pipe open


class Monitor:
    """The monitor of one container."""

    def __init__(self, engine: Engine, row: containers.Row, clients: Clients) -> None:
        self.engine = engine
        self.row = row
        self.options = engine.options(row)
        self.place = engine.place(row.id)
        self.clients = clients
        self.streams = self._new_streams()
        self.log = self._open_log()
        self.health: Health | None = None
        self.pid = 0  # of the program, our child
        self.pidfd = -1
        self.mounts: namespaces.Held | None = None  # the program's, so that we hear of its end at once
        self.names: KeeperWatch | None = None  # while the program runs, if it can be in a network with names
        self.relays: Relays | None = None  # has the sockets bound to the ports of the host that lead to it
        self.observers: list[Observer] = []  # of its first start
        self.began = 0.0  # by the clock that counts from boot
        self.last_wait = 0.0  # before it was started again
        self._woken, written = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signals.on(signals.NAMES["USR1"], written)

    def live(self) -> None:
        if self._begin():
            self.go_on()

    def go_on(self) -> None:
        """Stay, and settle; again as long as the restart policy says so."""
        while True:
            self._stay()
            end = self._settle()
            if not self._wait_to_restart(end):
                self._rest(end)
                return
            if not self._begin():
                return

    # Begin -------------------------------------------------------------------------------------------

    def _open_log(self) -> Writer:
        asked = self.options.log_options
        mentioned = log_attributes.attributes(self.row, self.options) if asked else {}
        return open_writer(self.options.log_driver, asked, self.place.file(LOG), mentioned)

    def _new_streams(self) -> Streams:
        return Streams(self._heard, terminal=self.options.terminal, interactive=self.options.interactive)

    def _heard(self, stream: str, data: bytes) -> None:
        self.log.write(stream, data)
        self.clients.show(stream, data)

    def _begin(self) -> bool:
        """The container is made and started, or all that was done is undone; and it is told."""
        try:
            self._make()
        except (MinidockError, OSError) as error:
            self._give_up(error)
            return False
        self.health = Health.of(self)
        self.clients.tell(wire.STARTED)
        return True

    def _make(self) -> None:
        from minidock.runtime import making

        console = self.streams.lend()
        try:
            made = making.create(
                *(self.engine.run_root, self.row.id, self.place.path),
                console=console,
                private=self.clients.descriptors,
                without=self.options.without,
                observers=self.observers,
                journal=self.place.journal,
            )
        finally:
            self.streams.take_back()
        self.hold(made.record.pid)
        self.relays = self._new_relays(made.reserved)
        self.clients.listen(made.record.path)
        making.start(made)
        self.observers = []
        self.began = time.monotonic()
        notes.start(self.engine, self.row, self.pid, made.published)
        self.row.status = containers.RUNNING

    def hold(self, pid: int) -> None:
        """Be told of its end."""
        self.pid, self.pidfd = pid, os.pidfd_open(pid)
        try:
            self.mounts = namespaces.Held(pid, "mount")
        except OSError:  # it has ended by now
            self.mounts = None

    def _new_relays(self, reserved: list[_socket.socket]) -> Relays | None:
        if not reserved:
            return None
        from minidock.engine.monitor.relays import Relays

        return Relays(self.engine.database, self.row.id, reserved)

    def _give_up(self, error: MinidockError | OSError) -> None:
        error = error if isinstance(error, MinidockError) else _explained(error)
        self.streams.close()
        self.clients.stop_listening()
        if self.pidfd >= 0:
            self._end_container()
        self.log.close()
        try:
            if notes.failure(self.engine, self.row, error.message, error.code):
                self._remove()
        except MinidockError:  # a full disk, say: the next command that looks at it mends what is not written
            pass
        self.clients.tell(wire.FAILED + jsonfile.dump(error.told()).encode())
        self.clients.dismiss()

    # Stay --------------------------------------------------------------------------------------------

    def _stay(self) -> None:
        """Until the program has ended."""
        ended: list[bool] = []
        self.names = KeeperWatch.of(self)
        while not ended:
            times = [
                self.health.look() if self.health else None,  # which may begin a check, to be watched
                self.names.look() if self.names else None,
                afresh.time_until(self),
            ]
            patience = min([time for time in times if time is not None], default=None)
            wait([(self.pidfd, READ, lambda: ended.append(True)), *self._watched()], patience)
        if self.names:
            self.names.stop()
            self.names = None

    def _watched(self) -> Iterator[Watched]:
        yield self._woken, READ, self._wake
        yield from self.clients.watched(self.streams)
        yield from self.streams.watched_input()
        if self.clients.are_keeping_up:
            yield from self.streams.watched_outputs()
        for watching in (self.health, self.names, self.relays):
            if watching:
                yield from watching.watched()

    def _wake(self) -> None:
        """A command has changed the state, and knocks: what was asked for may be another thing now."""
        os.read(self._woken, 64)
        row = containers.again(self.engine.database, self.row.id)
        if row:
            self.row, self.options = row, self.engine.options(row)
            if row.stop_asked:  # so it will end soon
                for module in _NEEDED_AT_THE_END:
                    __import__(module)
        if self.names:
            self.names.look_again()

    # Settle ------------------------------------------------------------------------------------------

    def load(self) -> Container:
        """The container as the runtime knows it."""
        from minidock.runtime.container import Container

        return Container.load(self.engine.run_root, self.row.id)

    def _settle(self) -> notes.End:
        """The program has ended: end what it left, keep its last words; how it ended."""
        from minidock.kernel import processes

        if self.health:
            self.health.stop()
            self.health = None
        code = processes.wait(self.pid)
        self.clients.stop_listening()
        oom_killed = self._end_container()
        self._drain()
        self.streams.close()
        self.log.flush()
        return notes.End(code, oom_killed=oom_killed)

    def _end_container(self) -> bool:
        """All that the kernel still has of it; whether memory was short, which only its cgroup knows."""
        from minidock.kernel import cgroup_stats
        from minidock.runtime import deleting

        mounts, self.mounts = self.mounts, None
        if mounts:
            mounts.let_go()
        container = self.load()
        oom_killed = cgroup_stats.table(container.cgroup, "memory.events").get("oom_kill", 0) > 0
        deleting.delete(container, force=True)
        os.close(self.pidfd)
        self.pidfd = -1
        if self.relays:
            self.relays.close()
            self.relays = None
        if mounts:  # whoever starts it again mounts the same directories
            mounts.wait()
        return oom_killed

    def _drain(self) -> None:
        deadline = time.monotonic() + _LAST_WORDS
        while not self.streams.is_drained and time.monotonic() < deadline:
            outputs = self.streams.watched_outputs() if self.clients.are_keeping_up else ()
            wait([*outputs, *self.clients.watched(self.streams)], deadline - time.monotonic())

    def _wait_to_restart(self, end: notes.End) -> bool:
        """Whether to begin again, when the time has come for it; until then a command may change its mind."""
        lived = time.monotonic() - self.began
        self.last_wait = restarts.wait_before(self.last_wait, lived)
        count = 0 if lived >= restarts.LONG_ENOUGH else self.row.restarts
        waiting = notes.persistently(lambda: notes.restarting(self.engine, self.row, end, count))
        if waiting is None:
            return False
        self.row = waiting
        self.clients.tell(_ended(end.code))
        self.clients.dismiss()
        deadline = time.monotonic() + self.last_wait
        while wanted := not self.row.stop_asked and notes.is_due(self.options, end, count):
            if time.monotonic() > deadline:
                break
            wait([(self._woken, READ, self._wake)], deadline - time.monotonic())
        self.streams = self._new_streams()
        return wanted

    def _rest(self, end: notes.End) -> None:
        """The end is written down, and told to everybody who waits for it."""
        self.log.close()
        if notes.persistently(lambda: notes.rest(self.engine, self.row, end)):
            self._remove()
        self.clients.tell(_ended(end.code))
        self.clients.dismiss()

    def _remove(self) -> None:
        from minidock.engine.life import removing

        removing.finish(self.engine, self.row, volumes=True)

    def lament(self, bug: Exception) -> None:
        """A mistake of ours: leave what a report needs. What it ran is ended, the next command mends the rest."""
        import traceback

        with open(self.place.file("monitor.log"), "a") as file:
            traceback.print_exception(bug, file=file)
        if self.pidfd >= 0:
            self._end_container()


def _explained(error: OSError) -> MinidockError:
    from minidock.diagnosis import diagnosing

    return diagnosing.failed(reason(error), error)


def _ended(code: int) -> bytes:
    return wire.ENDED + jsonfile.dump({"code": code}).encode()
