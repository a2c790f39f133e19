"""The steps of a program in a container: its first one, or one more (exec_plan.py)."""

from __future__ import annotations

from minidock.steps import identity, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.oci.spec import Process
    from minidock.steps.step import Step


def found(program: Process, *, make_directory: bool = True) -> list[Step]:
    """What the program needs of the image. It is looked for before anybody waits: a mistake shows at once."""
    return [
        identity.FindUser(program.user),
        process.WorkingDirectory(program.cwd, make=make_directory),
        process.FindProgram(program),
    ]


def weakened(program: Process, seccomp: identity.Seccomp | None) -> list[Step]:
    """A filter needs the right to set one, which no_new_privs replaces: with it, the filter comes last."""
    early = [seccomp] if seccomp and not program.no_new_privileges else []
    late = [seccomp] if seccomp and program.no_new_privileges else []
    for filter_ in late:
        filter_.needs = (identity.NoNewPrivileges.name,)
    return [
        *([identity.NoNewPrivileges()] if program.no_new_privileges else []),
        *early,
        identity.BoundingSet(program.capabilities["bounding"]),
        identity.BecomeUser(program.user, terminal=program.terminal),
        identity.Capabilities(program.capabilities),
        *late,
    ]


def named(steps: list[Step]) -> list[Step]:
    """Each name once: a second mount on /data becomes mount.data#2."""
    seen: dict[str, int] = {}
    for step in steps:
        seen[step.name] = seen.get(step.name, 0) + 1
        if seen[step.name] > 1:
            step.name = f"{step.name}#{seen[step.name]}"
    return steps
