"""One more program in a running container, as a list of steps: the same idea as plan.py, and a shorter list."""

from __future__ import annotations

from minidock.kernel.namespaces import FLAGS
from minidock.steps import birth, identity, process
from minidock.steps.program import found, named, weakened
from minidock.steps.step import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from minidock.oci.spec import Process
    from minidock.steps.step import Step


def exec_plan(
    program: Process,
    *,
    container_id: str,
    pid: int,
    cgroup: str,
    namespaces: Collection[str],
    seccomp: identity.Seccomp | None = None,
) -> Plan:
    """The steps that run one more program in a running container, whose first process is `pid`."""
    kinds = [kind for kind in FLAGS if kind in namespaces]
    steps: list[Step] = [
        birth.JoinCgroup(cgroup),
        birth.Birth([]),
        *([identity.Rlimits(program.rlimits)] if program.rlimits else []),
        *([identity.OomScore(program.oom_score_adj)] if program.oom_score_adj is not None else []),
        process.JoinContainer(pid, kinds),
        *(_mapped_root() if "user" in kinds else []),
        *(_console(program) if program.terminal else []),
        identity.SessionKeyring(container_id),
        *found(program, make_directory=False),
        *weakened(program, seccomp),
        process.Execute(program.args, fork=True, terminal=program.terminal),
    ]
    return Plan(named(steps))


def _mapped_root() -> list[Step]:
    from minidock.steps import namespaces

    return [namespaces.BecomeMappedRoot()]


def _console(program: Process) -> list[Step]:
    from minidock.steps import devices

    return [devices.Console(program.rows, program.columns, bind=False)]
