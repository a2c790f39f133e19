"""One container as the kernel and its record have it: what state it is in, signals, pause and resume.

    creating ──create──▶ created ──start──▶ running ◀──pause, resume──▶ paused
                            │                  │ the program ends
                            └──────kill────▶ stopped ──delete──▶ gone

Each verb is a function of a few lines. Those that make a container walk its plan: making.py. The one that deletes
it undoes what of the plan lasts: deleting.py. https://github.com/opencontainers/runtime-spec/blob/main/runtime.md
"""

from __future__ import annotations

import errno
import os

from minidock.errors import MinidockError
from minidock.kernel import cgroups, processes, signals
from minidock.runtime.record import Record
from minidock.steps.place import Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

    from minidock.jsonfile import Json
    from minidock.oci.spec import Spec
    from minidock.steps.gate import Gate
    from minidock.steps.step import Observer


class WrongStatus(MinidockError):
    """A verb that the container's state does not allow."""


class Container:
    """One container: what is written down of it, and what the kernel says of it now."""

    def __init__(self, record: Record, spec: Spec | None = None) -> None:
        self.record = record
        self.id = record.id
        self._spec = spec
        self._document = spec.document if spec else None
        self._gate: Gate | None = None
        self.place = Place(record.id, record.bundle)
        self.reserved: list[_socket.socket] = []  # of the host's ports, by its creator, as long as that wants
        self.published: list[Json] = []  # which ports these are, and where they lead
        self.observers: list[Observer] = []  # of its making, until it is started

    @classmethod
    def load(cls, root: str, container_id: str) -> Container:
        return cls(Record.load(root, container_id))

    @property
    def gate(self) -> Gate:
        """Where it waits to be started."""
        if self._gate is None:
            from minidock.steps.gate import Gate

            self._gate = Gate(self.record.path)
        return self._gate

    @property
    def spec(self) -> Spec:
        """Its configuration. To check it takes longer than most verbs that do without."""
        if self._spec is None:
            self._spec = self.record.spec()
            self._document = self._spec.document
        return self._spec

    @property
    def document(self) -> Json:
        """The same as it was written."""
        if self._document is None:
            self._document = self.record.document()
        return self._document

    @property
    def pid(self) -> int:
        """The first process, or 0 when it has ended: a later process of the same number does not count."""
        record = self.record
        if record.pid and processes.start_time(record.pid) == record.start_time:
            return record.pid
        return 0

    @property
    def cgroup(self) -> str:
        return cgroups.locate(self.record.cgroup)

    def status(self) -> str:
        if not self.record.pid:
            return "creating"
        if not self.pid:
            return "stopped"
        if self.record.waits_at_gate():
            return "created"
        return "paused" if _frozen(self.cgroup) else "running"

    def state(self) -> Json:
        """The container as the OCI describes it: what `state` prints and hooks are told."""
        return {
            **self.place.state(self.spec),
            "status": self.status(),
            "pid": self.pid,
            "created": self.record.created,
        }

    def expect(self, *allowed: str) -> None:
        """Refuse a verb that the container's state does not allow."""
        status = self.status()
        if status not in allowed:
            raise WrongStatus(f"container {self.id} is {status}", hint=f"for this it must be {' or '.join(allowed)}")


def _frozen(group: str) -> bool:
    try:
        with open(f"{group}/cgroup.events") as file:
            return "frozen 1" in file.read()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENODEV):  # removed before or after opening
            raise
        return False


def kill(container: Container, signal: int, *, everyone: bool = False) -> None:
    """Signal the first process, or every process of the container."""
    if everyone:
        for pid in cgroups.processes(container.cgroup):
            _signal(pid, signal)
        return
    container.expect("created", "running", "paused")
    _signal(container.record.pid, signal, container.record.start_time)


def _signal(pid: int, signal: int, start_time: int = 0) -> None:
    """Signal a process, held by a descriptor before it is looked at, so that its number cannot change hands."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if not start_time or processes.start_time(pid) == start_time:
            signals.send(pidfd, signal)
    except ProcessLookupError:
        pass
    finally:
        os.close(pidfd)


def pause(container: Container) -> None:
    container.expect("running")
    cgroups.freeze(container.cgroup)


def resume(container: Container) -> None:
    container.expect("paused")
    cgroups.thaw(container.cgroup)
