"""What the runtime tells without changing anything: lists, counts, plans, and what it is able to do."""

from __future__ import annotations

import os
import sys

from minidock.errors import MinidockError, one_line
from minidock.kernel import cgroup_stats, cgroups
from minidock.oci.spec import HOOKS, NAMESPACES, read_spec
from minidock.runtime.container import Container
from minidock.runtime.record import known_ids
from minidock.steps.place import Place
from minidock.steps.plan import container_plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.jsonfile import Json
    from minidock.steps.plan import ContainerPlan
    from minidock.steps.step import Step


def plan_of(bundle: str) -> ContainerPlan:
    """The plan of a bundle that nobody runs: reading it needs no privileges."""
    return container_plan(read_spec(f"{bundle}/config.json"), Place("example", os.path.abspath(bundle)))


def plan_as_text(plan: ContainerPlan) -> str:
    return "".join(f"{line}\n" for _, line in plan_lines(plan))


def plan_lines(plan: ContainerPlan) -> Iterator[tuple[str, str]]:
    """The lines of a plan, each with what it is: what a step does, why, and the commands that would do the same."""
    for number, step in enumerate(plan, 1):
        yield "what", f"{number:3}. [{step.side}] {one_line(f'{step.name}: {step.says()}')}"
        yield "why", f"     why: {one_line(step.why)} — {step.man}"
        for line in step.shell().split("\n"):
            yield "how", f"     {'' if line.startswith('#') else '$ '}{one_line(line)}"


def plan_as_data(plan: ContainerPlan) -> list[Json]:
    return [step_as_data(step) for step in plan]


def plan_as_script(plan: ContainerPlan, title: str) -> str:
    from minidock.steps.script import script

    return script(title, plan)


def step_as_data(step: Step) -> Json:
    keys = {"name": step.name, "side": step.side, "says": step.says(), "why": step.why}
    return {**keys, "shell": step.shell(), "undo": step.unshell(), "man": step.man}


def table(root: str) -> list[Json]:
    """One row for each container, with runc's names for the columns."""
    rows = []
    for container_id in known_ids(root):
        try:
            rows.append(_row(Container.load(root, container_id)))
        except MinidockError as error:  # one that is damaged, or just being deleted, does not hide the others
            sys.stderr.write(f"container {container_id}: {error.message}\n")
    return rows


def _row(container: Container) -> Json:
    owner = os.stat(container.record.path).st_uid
    return {**container.state(), "rootfs": container.place.root(container.spec), "owner": str(owner)}


def as_columns(rows: list[Json]) -> str:
    """A list of containers as people read it."""
    lines: list[tuple[str, ...]] = [("ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER")]
    lines += [tuple(str(row[key]) for key in ("id", "pid", "status", "bundle", "created", "owner")) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in padded) + "\n"


def processes_of(container: Container) -> list[int]:
    return cgroups.processes(container.cgroup)


def counted(container: Container) -> Json:
    """What the cgroup has counted, as `events --stats` gives it."""
    group = container.cgroup
    if not os.path.isdir(group):
        raise MinidockError(f"container {container.id} has no cgroup any more")
    memory = {
        "current": cgroup_stats.number(group, "memory.current"),
        "events": cgroup_stats.table(group, "memory.events"),
    }
    pids = {
        "current": cgroup_stats.number(group, "pids.current"),
        "limit": cgroup_stats.number(group, "pids.max"),
    }
    pressure = {name: cgroup_stats.pressure(group, name) for name in ("cpu", "memory", "io")}
    cpu = cgroup_stats.table(group, "cpu.stat")
    data = {
        "cpu": cpu,
        "memory": memory,
        "pids": pids,
        "io": cgroup_stats.by_device(group),
        "pressure": pressure,
    }
    return {"type": "stats", "id": container.id, "data": data}


def features() -> Json:
    """The OCI's features document. https://github.com/opencontainers/runtime-spec/blob/main/features.md"""
    from minidock.kernel.capability_names import NUMBERS
    from minidock.steps.mount_options import known_options

    return {
        "ociVersionMin": "1.0.0",
        "ociVersionMax": "1.2.0",
        "hooks": list(HOOKS),
        "mountOptions": known_options(),
        "linux": {
            "namespaces": list(NAMESPACES),
            "capabilities": list(NUMBERS),
            "cgroup": {"v1": False, "v2": True, "systemd": False, "systemdUser": False},
            "seccomp": {"enabled": True},
            "apparmor": {"enabled": False},
            "selinux": {"enabled": False},
            "mountExtensions": {"idmap": {"enabled": True}},
        },
    }
