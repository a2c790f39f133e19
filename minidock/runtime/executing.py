"""One more program in a running container: what `exec` does."""

from __future__ import annotations

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.kernel import cgroups, processes
from minidock.kernel.capability_names import SETS
from minidock.oci.document import Node
from minidock.oci.spec import Process, read_namespaces
from minidock.runtime import init
from minidock.steps.exec_plan import exec_plan
from minidock.steps.identity import Seccomp
from minidock.steps.live import Live
from minidock.steps.process import Execute

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Sequence

    from minidock.jsonfile import Json
    from minidock.runtime.container import Container
    from minidock.steps.step import Observer


def execute(
    container: Container,
    program: Process,
    *,
    console: _socket.socket | None = None,
    observers: Sequence[Observer] = (),
) -> int:
    """Start the program; its pid, of a child of this process. Raises why it could not be started."""
    container.expect("running")
    first, linux = container.pid, Node(container.document, "").get("linux")
    plan = exec_plan(
        program,
        container_id=container.id,
        pid=first,
        cgroup=_cgroup_of(first),
        namespaces=read_namespaces(linux.get("namespaces")),
        seccomp=_filter(container, linux.get("seccomp")),
    )
    live = Live(observers=observers)
    live.console = console
    live.inside = lambda live: init.become_program(plan, live)
    started = False
    try:
        plan.walk(live)
        pid = _executed(live, program)
        started = True
    finally:
        if started:
            live.baton.close()
            processes.wait(live.pid)  # the process that forked the program, which has ended by now
        else:
            plan.undo(live)
    return pid


def _filter(container: Container, profile: Node) -> Seccomp | None:
    """The container's own; it was compiled when that was made."""
    if not profile.present():
        return None
    compiled = container.record.filter()
    if compiled:
        return Seccomp(profile.value, compiled)
    from minidock.oci.seccomp import read_seccomp

    return Seccomp(read_seccomp(profile))


def _executed(live: Live, program: Process) -> int:
    """The pid of the program. Two processes tell, on one line: the one that forked, its child's number; the child,
    if it comes to that, why it could not execute. Either may be the quicker."""
    first, second = live.baton.wait_number(), live.baton.outcome()
    if first < 0 and second is None:
        raise MinidockError(f"no process could be made in the container: errno {-first}")
    pid, number = (first, second) if first > 0 else (-(second or 0), -first)
    if number:
        failure = Execute(program.args).failure(number, pid)
        live.baton.close()  # it waits for that
        processes.wait(pid)
        raise failure
    return pid


def _cgroup_of(pid: int) -> str:
    """Where the first process is now: it may have moved into a cgroup below the container's own."""
    group = cgroups.group_of(pid)
    if not group:
        raise MinidockError(f"process {pid} is in no cgroup of version 2")
    return group


def process_from(path: str) -> Process:
    """The program described in a file, as `exec --process` is given it."""
    try:
        return Process(Node(jsonfile.read(path), "process"))
    except (OSError, ValueError) as error:
        raise MinidockError(f"{path}: {error}", hint="--process wants the OCI's process object as JSON") from None


def further_process(
    container: Container,
    args: list[str],
    *,
    terminal: bool = False,
    user: str = "",
    cwd: str = "",
    env: Sequence[str] = (),
    groups: Sequence[str] = (),
    capabilities: Sequence[str] = (),
    no_new_privileges: bool = False,
) -> Process:
    """The container's own process with another command line, as `exec` has it from its flags."""
    description = {**container.document.get("process", {}), "args": args, "terminal": terminal}
    if user:
        description["user"] = _user(user)
    if groups:
        description["user"] = {
            **description.get("user", {}),
            "additionalGids": _numbers(groups),
        }
    if cwd:
        description["cwd"] = cwd
    if capabilities:
        sets = description.get("capabilities", {})
        description["capabilities"] = {name: [*sets.get(name, []), *capabilities] for name in SETS}
    description["env"] = [*description.get("env", []), *env]
    description["noNewPrivileges"] = no_new_privileges or description.get("noNewPrivileges", False)
    return Process(Node(description, "process"))


def _numbers(words: Sequence[str]) -> list[int]:
    for word in words:
        if not word.isdecimal():
            raise MinidockError(f'invalid group "{word}"', hint="additional groups are given by their numbers")
    return [int(word) for word in words]


def _user(text: str) -> Json:
    """`1000:1000` is numbers; anything else is looked up in the container."""
    uid, _, gid = text.partition(":")
    if uid.isdecimal() and (not gid or gid.isdecimal()):
        return {"uid": int(uid), "gid": int(gid or 0)}
    return {"username": text}
