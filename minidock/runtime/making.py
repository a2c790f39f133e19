"""Making a container: create, everything up to the program itself, and start."""

from __future__ import annotations

import os

from minidock.errors import MinidockError
from minidock.kernel import cgroups, processes
from minidock.runtime import init
from minidock.runtime.container import Container
from minidock.runtime.journal import Journal
from minidock.runtime.prepared import Prepared
from minidock.runtime.record import Record, check_id
from minidock.steps.hooks import run_hook
from minidock.steps.identity import Seccomp
from minidock.steps.live import Live
from minidock.steps.process import Execute
from minidock.steps.step import HOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Iterable, Sequence

    from minidock.oci.spec import Spec
    from minidock.steps.plan import ContainerPlan
    from minidock.steps.step import Observer


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
    journal: str = "",
    prepared: Prepared | None = None,
    meanwhile: Callable[[], object] = bool,
) -> Container:
    """Do everything up to the program itself. When it fails, what was done is undone. `meanwhile` is called while the
    other side does its steps, and this one would wait.

    `private` are descriptors whose other end is to see it when we end: the waiting process does not keep them open.
    The journal is kept where `journal` says; else with the record, and goes with it.
    """
    check_id(container_id)
    if prepared is None or not prepared.is_current():
        prepared = Prepared(container_id, bundle)
    spec = prepared.spec
    _check_console(spec, console)
    plan = _plan_to_run(prepared.plan, preserved, without)
    record = Record.make(root, container_id, bundle, prepared.place.cgroup(spec), spec)
    container = Container(record, spec)
    live = Live(observers=observers)
    live.console = console
    live.inside = lambda live: init.become_container(plan, container.gate, live, private)
    finished = False
    try:
        live.observers.insert(0, Journal(journal or record.journal, anew=True))
        container.gate.build()
        plan.create.walk(live)
        _keep_filter(record, plan)  # while the other side does its steps
        meanwhile()
        live.hand_over(HOST)
        record.pid, record.start_time = live.pid, processes.start_time(live.pid)
        record.save()
        live.baton.pass_on()
        finished = True
    finally:
        container.gate.close()
        live.baton.close()
        if not finished:
            _close(live.observers)
            plan.create.undo(live)
            record.remove()
        elif live.cgroup_fd:
            os.close(live.cgroup_fd)
        live.let_go()
    container.reserved, container.published = live.reserved, live.published
    container.observers = live.observers
    return container


def _close(observers: Sequence[Observer]) -> None:
    for observer in observers:
        observer.close()


def _keep_filter(record: Record, plan: ContainerPlan) -> None:
    for step in plan.start:
        if isinstance(step, Seccomp):
            record.keep_filter(step.program)


def _check_console(spec: Spec, console: _socket.socket | None) -> None:
    wanted = bool(spec.process and spec.process.terminal)
    if wanted and console is None:
        raise MinidockError(
            "cannot allocate tty if minidock will detach without setting console socket",
            hint="give --console-socket, or set process.terminal to false",
        )


def _plan_to_run(plan: ContainerPlan, preserved: Sequence[int], without: Iterable[str]) -> ContainerPlan:
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
    observers = container.observers or [Journal(container.record.journal)]
    try:
        _let_go(container, Execute(container.spec.process.args), observers)
    finally:
        _close(observers)
        container.observers = []
    _run_poststart(container)


def _let_go(container: Container, last: Execute, observers: Sequence[Observer]) -> None:
    """The steps that are left are all done inside; how the last one went is seen from here alone."""
    baton = container.gate.knock()
    try:
        baton.other = container.pid
        baton.pass_on()
        number = baton.outcome()
        failure = last.failure(number, container.pid) if number else None
    finally:
        baton.close()
    for observer in observers:
        if failure:
            observer.failed(last, 0.0, failure.message)
        else:
            observer.after(last, 0.0)
    if failure:
        raise failure


def _run_poststart(container: Container) -> None:
    """The program runs already; a failing hook means that it must not."""
    try:
        for hook in container.spec.hooks["poststart"]:
            run_hook(hook, container.state())
    except MinidockError:
        cgroups.kill(container.cgroup)
        raise
