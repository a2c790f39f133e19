"""Lab cgroup: a budget of memory, processes and processor time, and what happens at its end."""

from __future__ import annotations

import os

from minidock.kernel import cgroup_stats, cgroups
from minidock.labs.lab import Lab, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.labs.scene import Scene

_MOST_MEMORY = 64 << 20
_MOST_PROCESSES = 20
_OWN = ("playground", "shell")  # the groups that the lab itself has made


def _subjects(scene: Scene) -> list[str]:
    with os.scandir(scene.group) as entries:
        made = sorted(entry.name for entry in entries if entry.is_dir() and entry.name not in _OWN)
    if not made:
        raise Missing("none", group=scene.group)
    return [f"{scene.group}/{name}" for name in made]


def _group(_: Scene, __: str) -> None:
    """That is what makes a subject."""


def _memory(_: Scene, group: str) -> None:
    limit = cgroup_stats.number(group, "memory.max")
    if limit is None:
        raise Missing("unlimited", group=group)
    if limit > _MOST_MEMORY:
        raise Missing("large", group=group, limit=limit >> 20, most=_MOST_MEMORY >> 20)


def _oom(_: Scene, group: str) -> None:
    events = cgroup_stats.table(group, "memory.events")
    if events.get("oom_kill"):
        return
    raise Missing("never", group=group, reached=events.get("max", 0), living=len(cgroups.processes(group)))


def _pids(_: Scene, group: str) -> None:
    limit = cgroup_stats.number(group, "pids.max")
    if limit is None:
        raise Missing("unlimited", group=group)
    if limit > _MOST_PROCESSES:
        raise Missing("large", group=group, limit=limit, most=_MOST_PROCESSES)
    if not cgroup_stats.table(group, "pids.events").get("max"):
        raise Missing("never", group=group, limit=limit)


def _cpu(_: Scene, group: str) -> None:
    quota, period = cgroups.read(group, "cpu.max").split()
    if quota == "max":
        raise Missing("unlimited", group=group)
    if 2 * int(quota) > int(period):
        raise Missing("large", group=group, quota=quota, period=period)
    if not cgroup_stats.table(group, "cpu.stat").get("nr_throttled"):
        raise Missing("never", group=group)


LAB = Lab(
    "cgroup",
    minutes=20,
    steps=("cgroup.create", "cgroup.memory", "cgroup.pids", "cgroup.cpu"),
    subjects=_subjects,
    criteria={"group": _group, "memory": _memory, "oom": _oom, "pids": _pids, "cpu": _cpu},
    controllers=("memory", "pids", "cpu"),
)
