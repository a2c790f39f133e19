"""The engine: containers with names and states, in one directory of the host. Each verb is a module beside this.

There is no daemon: an Engine is only the knowledge of two directories, and a connection to the state in one of
them. Any number of them, in any number of processes, may work on the same directories at once.
"""

from __future__ import annotations

import time

from minidock.engine.directories import Place, data_root
from minidock.engine.options import Options
from minidock.runtime.record import state_root
from minidock.state import containers
from minidock.state.database import Database

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.executing import Request
    from minidock.engine.session import Manner
    from minidock.state.containers import Row
    from minidock.steps.plan import ContainerPlan


class Engine:
    """Where everything is: `root` keeps images, containers and volumes, `run_root` what lives until the next boot."""

    def __init__(self, root: str = "", run_root: str = "") -> None:
        self.root = root or data_root()
        self.run_root = run_root or state_root()
        self.database = Database(self.root)

    def find(self, word: str) -> Row:
        """A container by id, name, or beginning of an id, as it really is: one that was abandoned is mended first."""
        row = containers.find(self.database, word)
        while row.is_abandoned or row.status == containers.STARTING:
            if row.is_abandoned:
                from minidock.engine import mending

                mending.mend(self, row)
            else:  # for some milliseconds, until it is known what comes of it
                time.sleep(0.002)
            row = containers.find(self.database, word)
        return row

    def everyone(self) -> list[Row]:
        """All containers, the newest first, as they really are."""
        rows = containers.everyone(self.database)
        abandoned = [row for row in rows if row.is_abandoned]
        if not abandoned:
            return rows
        from minidock.engine import mending

        for row in abandoned:
            mending.mend(self, row)
        return containers.everyone(self.database)

    def place(self, container_id: str) -> Place:
        return Place(self.root, container_id)

    def options(self, row: Row) -> Options:
        return Options.from_data(row.wishes)

    # Containers, from the first to the last ---------------------------------------------------------

    def plan(self, options: Options) -> ContainerPlan:
        """The steps that would make such a container, for reading."""
        from minidock.engine import planning

        return planning.plan(self, options)

    def create(self, options: Options) -> Row:
        from minidock.engine import creating

        return creating.create(self, options)

    def start(self, word: str) -> None:
        """Start a container; one that runs already is left alone."""
        row = self.find(word)
        if row.status in (containers.RUNNING, containers.RESTARTING):
            return
        from minidock.engine import starting

        starting.start(self, row).close()

    def start_attached(self, word: str, manner: Manner) -> int | None:
        from minidock.engine import running

        return running.start(self, self.find(word), manner)

    def run(self, options: Options, manner: Manner) -> int | None:
        """Make a container, start it, be with it; its exit code, or None for a person who left before its end."""
        from minidock.engine import running

        return running.run(self, self.create(options), manner)

    def run_detached(self, options: Options) -> Row:
        row = self.create(options)
        from minidock.engine import starting

        starting.start(self, row).close()
        return row

    def attach(self, word: str, manner: Manner) -> int | None:
        from minidock.engine import running

        return running.attach(self, self.find(word), manner)

    def wait(self, word: str) -> int:
        from minidock.engine import waiting

        return waiting.wait(self, self.find(word))

    def stop(self, word: str, *, timeout: int | None = None, signal: str = "") -> None:
        from minidock.engine import stopping

        stopping.stop(self, self.find(word), timeout=timeout, signal=signal)

    def restart(self, word: str, *, timeout: int | None = None, signal: str = "") -> None:
        from minidock.engine import starting, stopping

        stopping.stop(self, self.find(word), timeout=timeout, signal=signal, again=True)
        row = self.find(word)
        starting.start(self, row).close()
        with self.database.change() as change:
            containers.event(change, row, "restart")

    def kill(self, word: str, signal: str = "KILL") -> None:
        from minidock.engine import stopping

        stopping.kill(self, self.find(word), signal)

    def remove(self, word: str, *, force: bool = False, volumes: bool = False) -> None:
        from minidock.engine import removing

        removing.remove(self, self.find(word), force=force, volumes=volumes)

    def pause(self, word: str) -> None:
        from minidock.engine import changing

        changing.pause(self, self.find(word))

    def unpause(self, word: str) -> None:
        from minidock.engine import changing

        changing.unpause(self, self.find(word))

    def rename(self, word: str, name: str) -> None:
        from minidock.engine import changing

        changing.rename(self, self.find(word), name)

    def execute(self, word: str, request: Request, manner: Manner) -> int | None:
        from minidock.engine import executing

        return executing.run(self, self.find(word), request, manner)

    def execute_detached(self, word: str, request: Request) -> None:
        from minidock.engine import executing

        executing.run_detached(self, self.find(word), request)
