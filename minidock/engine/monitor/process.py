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

from minidock.engine.configuring import log_attributes
from minidock.engine.life import wire
from minidock.engine.monitor.asked import Asked
from minidock.engine.monitor.streams import Streams
from minidock.errors import MinidockError
from minidock.kernel import signals
from minidock.kernel.held_mounts import HeldMounts
from minidock.kernel.watching import READ, wait
from minidock.logs.drivers import open_writer
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Iterator

    from minidock.engine.engine import Engine
    from minidock.engine.monitor.clients import Clients
    from minidock.engine.monitor.health import Health
    from minidock.engine.monitor.keeper_watch import KeeperWatch
    from minidock.engine.monitor.relays import Relays
    from minidock.kernel.watching import Watched
    from minidock.logs.writer import Writer
    from minidock.runtime.container import Container
    from minidock.runtime.prepared import Prepared
    from minidock.steps.step import Observer

LOG = "json.log"
NEEDED_AT_THE_END = (
    *("minidock.engine.monitor.ending", "minidock.kernel.cgroup_stats", "minidock.runtime.deleting"),
    "minidock.state.database",
)
_NEEDED_FROM_THE_START = (
    *("minidock.engine.monitor.notes", "minidock.engine.monitor.afresh", "minidock.engine.monitor.health"),
    "minidock.engine.monitor.keeper_watch",
)


class Monitor:
    """The monitor of one container."""

    def __init__(self, engine: Engine, row: containers.Row, clients: Clients) -> None:
        self.engine = engine
        self.row = row
        self.options = engine.options(row)
        self.place = engine.place(row.id)
        self.clients = clients
        self.asked = Asked(self)
        self.streams = self._new_streams()
        self.log = self._open_log()
        self.health: Health | None = None
        self.pid = 0  # of the program, our child
        self.pidfd = -1
        self.mounts: HeldMounts | None = None  # the program's, so that we hear of its end at once
        self.names: KeeperWatch | None = None  # while the program runs, if it can be in a network with names
        self.relays: Relays | None = None  # has the sockets bound to the ports of the host that lead to it
        self.observers: list[Observer] = []  # of its first start
        self.prepared: Prepared | None = None  # for its first start
        self.began = 0.0  # by the clock that counts from boot
        self.last_wait = 0.0  # before it was started again
        self._knocks, written = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signals.on(signals.NAMES["USR1"], written)

    def live(self) -> None:
        if self._begin():
            self.go_on()

    def go_on(self) -> None:
        """Stay, and settle; again as long as the restart policy says so."""
        while True:
            self._stay()
            from minidock.engine.monitor import ending

            end = ending.settle(self)
            if not ending.wait_to_restart(self, end):
                ending.rest(self, end)
                return
            self.streams = self._new_streams()
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
            from minidock.engine.monitor import ending

            ending.give_up(self, error)
            return False
        from minidock.engine.monitor.health import Health

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
                private=[*self.clients.descriptors, *self.asked.descriptors],
                without=self.options.without,
                observers=self.observers,
                journal=self.place.journal,
                prepared=self.prepared,
                meanwhile=self._load_the_rest,
            )
        finally:
            self.streams.take_back()
        self.hold(made.record.pid)
        self.relays = self._new_relays(made.reserved)
        self.clients.listen(made.record.path)
        self.asked.listen(made.record.path)
        making.start(made)
        self.observers, self.prepared = [], None
        self.began = time.monotonic()
        from minidock.engine.monitor import notes

        notes.start(self.engine, self.row, self.pid, made.published)
        self.row.status = containers.RUNNING

    def hold(self, pid: int) -> None:
        """Be told of its end."""
        self.pid, self.pidfd = pid, os.pidfd_open(pid)
        try:
            self.mounts = HeldMounts(pid)
        except OSError:  # it has ended by now
            self.mounts = None

    def _load_the_rest(self) -> None:
        """The other side makes the container, and this one would only wait: for the state, which is opened, and, as it
        may be a short life, for the end, and what removes a container with --rm."""
        removing = ["minidock.engine.life.removing"] if self.options.auto_remove else []
        for module in (*_NEEDED_FROM_THE_START, *NEEDED_AT_THE_END, *removing):
            __import__(module)
        self.engine.database.open()

    def _new_relays(self, reserved: list[_socket.socket]) -> Relays | None:
        if not reserved:
            return None
        from minidock.engine.monitor.relays import Relays

        return Relays(self.engine.database, self.row.id, reserved)

    # Stay --------------------------------------------------------------------------------------------

    def _stay(self) -> None:
        """Until the program has ended."""
        from minidock.engine.monitor import afresh
        from minidock.engine.monitor.keeper_watch import KeeperWatch

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
        yield self.woken
        yield from self.asked.watched()
        yield from self.clients.watched(self.streams)
        yield from self.streams.watched_input()
        if self.clients.are_keeping_up:
            yield from self.streams.watched_outputs()
        for watching in (self.health, self.names, self.relays):
            if watching:
                yield from watching.watched()

    @property
    def woken(self) -> Watched:
        """To be watched for commands that knock."""
        return self._knocks, READ, self._wake

    def _wake(self) -> None:
        """A command has changed the state, and knocks: what was asked for may be another thing now."""
        os.read(self._knocks, 64)
        row = containers.again(self.engine.database, self.row.id)
        if row:
            self.row, self.options = row, self.engine.options(row)
            self.asked.be_called(row.name)
        if self.names:
            self.names.look_again()

    def load(self) -> Container:
        """The container as the runtime knows it."""
        from minidock.runtime.container import Container

        return Container.load(self.engine.run_root, self.row.id)

    def lament(self, bug: Exception) -> None:
        """A mistake of ours: leave what a report needs. What it ran is ended, the next command mends the rest."""
        import traceback

        with open(self.place.file("monitor.log"), "a") as file:
            traceback.print_exception(bug, file=file)
        if self.pidfd >= 0:
            from minidock.engine.monitor import ending

            ending.end_container(self)
