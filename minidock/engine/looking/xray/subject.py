"""A container that is looked at: what must be known of it before the kernel can be asked."""

from __future__ import annotations

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.kernel import cgroups
from minidock.runtime import container as runtime
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.jsonfile import Json
    from minidock.state.containers import Row


class Subject:
    """One container. Without a first process there is nothing to ask the kernel about it."""

    def __init__(self, engine: Engine, row: Row) -> None:
        self.engine = engine
        self.row = row
        self.document: Json = _configuration(engine, row)
        self._container = _runtime_container(engine, row)
        self.pid = self._container.pid if self._container else 0

    @property
    def group(self) -> str:
        """The directory of its cgroup."""
        self.demand_running()
        assert self._container
        return self._container.cgroup

    def demand_running(self) -> None:
        if not self.pid:
            raise MinidockError(f"it does not run: it is {self.row.status}")

    def has_ended(self) -> bool:
        """Whether the process that was asked about is gone: its number may be another's by now."""
        return bool(self.pid and self._container and self._container.pid != self.pid)

    def processes(self) -> list[int]:
        return sorted(cgroups.processes(self.group)) if self.pid else []


def _configuration(engine: Engine, row: Row) -> Json:
    """The OCI configuration; nothing of it if the container is just being removed."""
    try:
        document = jsonfile.read(engine.place(row.id).file("config.json"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _runtime_container(engine: Engine, row: Row) -> runtime.Container | None:
    if row.status not in containers.ALIVE:
        return None
    try:
        return runtime.Container.load(engine.run_root, row.id)
    except (MinidockError, OSError):  # it has ended, and is about to be restarted, or to be written down as ended
        return None
