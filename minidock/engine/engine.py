"""The engine: containers with names and states, in one directory of the host. Each verb is a module beside this.

There is no daemon: an Engine is only the knowledge of two directories, and a connection to the state in one of
them. Any number of them, in any number of processes, may work on the same directories at once.
"""

from __future__ import annotations

import time

from minidock.engine.directories import Place, data_root
from minidock.engine.options import Options
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from minidock.engine.executing import Request
    from minidock.engine.session import Manner
    from minidock.jsonfile import Json
    from minidock.state.containers import Row
    from minidock.state.database import Database
    from minidock.steps.plan import ContainerPlan
    from minidock.volumes.store import Volume

    Filters = Mapping[str, Sequence[str]]

_NO_FILTERS: Filters = {}
_NOTHING: dict[str, str] = {}


def _run_root() -> str:
    from minidock.runtime.record import state_root

    return state_root()


class Engine:
    """Where everything is: `root` keeps images, containers and volumes, `run_root` what lives until the next boot."""

    def __init__(self, root: str = "", run_root: str = "") -> None:
        self.root = root or data_root()
        self.run_root = run_root or _run_root()
        self._database: Database | None = None

    @property
    def database(self) -> Database:
        """The state. SQLite is loaded when it is first asked: a monitor that only waits does without."""
        if self._database is None:
            from minidock.state.database import Database

            self._database = Database(self.root)
        return self._database

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

    # Looking at containers ---------------------------------------------------------------------------

    def containers(self, *, everything: bool = False, newest: int = 0, filters: Filters = _NO_FILTERS) -> list[Row]:
        """Those that run, or all, or the newest so many; of these, those that pass the filters of `ps`."""
        from minidock.engine import listing

        return listing.chosen(self, everything=everything, newest=newest, wanted=filters)

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

    # Volumes ------------------------------------------------------------------------------------------

    def create_volume(
        self,
        name: str = "",
        *,
        driver: str = "local",
        options: Mapping[str, str] = _NOTHING,
        labels: Mapping[str, str] = _NOTHING,
    ) -> Volume:
        """A volume; the one of this name if it exists already, as it is. Without a name it gets one."""
        from minidock.engine import volumes

        return volumes.create(self, name, driver=driver, options=options, labels=labels)

    def volumes(self, filters: Filters = _NO_FILTERS) -> list[Volume]:
        """All of them, or those that pass the filters of `volume ls`."""
        from minidock.engine import volumes

        return volumes.listed(self, filters)

    def inspect_volume(self, name: str) -> Json:
        from minidock.engine import volumes

        return volumes.inspected(self, name)

    def remove_volume(self, name: str, *, force: bool = False) -> None:
        """Remove a volume that no container has. `force`: one that does not exist is no mistake."""
        from minidock.engine import volumes

        volumes.remove(self, name, force=force)

    def prune_volumes(self, filters: Filters = _NO_FILTERS) -> tuple[list[str], int]:
        """Remove the nameless volumes that no container has, or all such; their names, and the bytes they took."""
        from minidock.engine import volumes

        return volumes.prune(self, filters)

    # Small changes ------------------------------------------------------------------------------------

    def rename(self, word: str, name: str) -> None:
        from minidock.engine import changing

        changing.rename(self, self.find(word), name)

    def execute(self, word: str, request: Request, manner: Manner) -> int | None:
        from minidock.engine import executing

        return executing.run(self, self.find(word), request, manner)

    def execute_detached(self, word: str, request: Request) -> None:
        from minidock.engine import executing

        executing.run_detached(self, self.find(word), request)
