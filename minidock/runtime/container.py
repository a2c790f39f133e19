"""A container's life: create, start, pause, kill, delete, and what state it is in.

    creating ──create──▶ created ──start──▶ running ◀──pause, resume──▶ paused
                            │                  │ the program ends
                            └──────kill────▶ stopped ──delete──▶ gone

Each verb is a function of a few lines over the plan: create walks it, delete undoes it.
https://github.com/opencontainers/runtime-spec/blob/main/runtime.md
"""

from __future__ import annotations

import errno
import os
import sys

from minidock.errors import MinidockError
from minidock.kernel import cgroups, processes, signals
from minidock.oci.spec import read_spec
from minidock.runtime import init
from minidock.runtime.journal import Journal
from minidock.runtime.record import Record, check_id
from minidock.steps.cgroup import CreateCgroup
from minidock.steps.gate import Gate
from minidock.steps.hooks import run_hook
from minidock.steps.live import Live
from minidock.steps.plan import ContainerPlan, Place, container_plan
from minidock.steps.process import Execute
from minidock.steps.step import HOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Iterable, Sequence

    from minidock.jsonfile import Json
    from minidock.oci.spec import Spec
    from minidock.steps.step import Observer


class Container:
    """One container: what is written down of it, and what the kernel says of it now."""

    def __init__(self, record: Record, spec: Spec | None = None, plan: ContainerPlan | None = None) -> None:
        self.record = record
        self.id = record.id
        self.spec = spec or record.spec()
        self._plan = plan
        self.place = Place(record.id, record.bundle)
        self.gate = Gate(record.path)
        self.reserved: list[_socket.socket] = []  # of the host's ports, by its creator, as long as that wants
        self.published: list[Json] = []  # which ports these are, and where they lead

    @classmethod
    def load(cls, root: str, container_id: str) -> Container:
        return cls(Record.load(root, container_id))

    @property
    def pid(self) -> int:
        """The first process, or 0 when it has ended: a later process of the same number does not count."""
        record = self.record
        if record.pid and processes.start_time(record.pid) == record.start_time:
            return record.pid
        return 0

    @property
    def cgroup(self) -> str:
        return cgroups.locate(self.place.cgroup(self.spec))

    def status(self) -> str:
        if not self.record.pid:
            return "creating"
        if not self.pid:
            return "stopped"
        if self.gate.is_standing():
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

    def plan(self) -> ContainerPlan:
        """The plan it was made by, or, in another process, the same again: plans follow from the configuration."""
        return self._plan or container_plan(self.spec, self.place)

    def expect(self, *allowed: str) -> None:
        """Refuse a verb that the container's state does not allow."""
        status = self.status()
        if status not in allowed:
            raise MinidockError(f"container {self.id} is {status}", hint=f"for this it must be {' or '.join(allowed)}")


def _frozen(group: str) -> bool:
    try:
        with open(f"{group}/cgroup.events") as file:
            return "frozen 1" in file.read()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENODEV):  # removed before or after opening
            raise
        return False


def create(
    root: str,
    container_id: str,
    bundle: str,
    *,
    console: _socket.socket | None = None,
    preserved: Sequence[int] = (),
    private: Iterable[int] = (),
    without: Iterable[str] = (),
    observers: Sequence[Observer] = (),
) -> Container:
    """Do everything up to the program itself. When it fails, what was done is undone.

    `private` are descriptors whose other end is to see it when we end: the waiting process does not keep them open.
    """
    check_id(container_id)
    spec = read_spec(f"{bundle}/config.json")
    _check_console(spec, console)
    place = Place(container_id, bundle)
    plan = _plan_to_run(spec, place, preserved, without)
    record = Record.make(root, container_id, bundle, place.cgroup(spec), spec)
    container = Container(record, spec, plan)
    live = Live(observers=observers)
    live.console = console
    live.inside = lambda live: init.become_container(plan, container.gate, live, private)
    finished = False
    try:
        live.observers.insert(0, Journal(record.path))
        container.gate.build()
        plan.create.walk(live)
        live.hand_over(HOST)
        record.pid, record.start_time = live.pid, processes.start_time(live.pid)
        record.save()
        live.baton.pass_on()
        finished = True
    finally:
        for observer in live.observers:
            observer.close()
        container.gate.close()
        live.baton.close()
        if not finished:
            plan.create.undo(live)
            record.remove()
        elif live.cgroup_fd:
            os.close(live.cgroup_fd)
        live.let_go()
    container.reserved, container.published = live.reserved, live.published
    return container


def _check_console(spec: Spec, console: _socket.socket | None) -> None:
    wanted = bool(spec.process and spec.process.terminal)
    if wanted and console is None:
        raise MinidockError(
            "cannot allocate tty if minidock will detach without setting console socket",
            hint="give --console-socket, or set process.terminal to false",
        )


def _plan_to_run(spec: Spec, place: Place, preserved: Sequence[int], without: Iterable[str]) -> ContainerPlan:
    plan = container_plan(spec, place)
    plan = plan.without(without) if without else plan
    for step in plan.start:
        if isinstance(step, Execute):
            step.preserved = list(preserved)
    return plan


def start(container: Container) -> None:
    """Let the waiting process become the program. Returns once it has, or raises why it could not."""
    if container.spec.process is None:
        raise MinidockError(f"container {container.id}: config.json has no process to start")
    container.expect("created")
    baton = container.gate.knock()
    try:
        baton.pass_on()
        number = baton.outcome()
    finally:
        baton.close()
    if number:
        raise Execute(container.spec.process.args).failure(number)
    _run_poststart(container)


def _run_poststart(container: Container) -> None:
    """The program runs already; a failing hook means that it must not."""
    try:
        for hook in container.spec.hooks["poststart"]:
            run_hook(hook, container.state())
    except MinidockError:
        cgroups.kill(container.cgroup)
        raise


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


def delete(container: Container, *, force: bool = False) -> None:
    """Undo the plan and forget the container. A plan can be undone by any process, at any later time."""
    if not force:
        container.expect("stopped", "created")
    try:
        lock = container.record.lock()
    except FileNotFoundError:  # somebody else was quicker
        return
    try:
        if not container.record.exists():
            return
        live = Live(pid=container.pid)
        failures = container.plan().create.undo(live)
        live.let_go()
        if failures:
            raise failures[0]
        for hook in container.spec.hooks["poststop"]:
            _run_last_hook(container, hook)
        container.record.remove()
    finally:
        os.close(lock)


def delete_damaged(root: str, container_id: str) -> None:
    """Forget a container whose files cannot be read, and end what runs in its cgroup, wherever it is named."""
    record = Record(root, container_id)
    groups = {f"/minidock/{container_id}"}
    try:
        groups.add(Record.load(root, container_id).cgroup)
    except MinidockError:
        pass
    try:
        groups.add(Place(container_id, "").cgroup(record.spec()))
    except MinidockError:
        pass
    for group in groups:
        CreateCgroup(group, owner=container_id).undo(Live())
    record.remove()


def _run_last_hook(container: Container, hook: Hook) -> None:
    """A failing poststop hook is a warning: the container is gone either way."""
    try:
        run_hook(hook, {**container.state(), "status": "stopped", "pid": 0})
    except MinidockError as error:
        sys.stderr.write(f"warning: {error.message}\n")


if TYPE_CHECKING:
    from minidock.oci.spec import Hook
