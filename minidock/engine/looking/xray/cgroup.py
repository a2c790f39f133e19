"""A container's cgroup: its files, what is in them, and what that means. cgroups(7)

Every limit and every figure of a container is a file in this directory. Those of a controller that the host does not
have under version 2 are not there, and `controllers` says which there are.
"""

from __future__ import annotations

import os

from minidock.engine.looking.xray.cgroup_meanings import MEANINGS
from minidock.errors import MinidockError
from minidock.kernel import cgroups
from minidock.kernel.cgroup_stats import Stats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.looking.xray.subject import Subject
    from minidock.jsonfile import Json

_MOST_BELOW = 50  # of the groups that a container has made for itself
_LONGEST = 200  # of a value


def read(subject: Subject) -> Json:
    """The group, and those that the container has made below it."""
    subject.demand_running()
    directory = subject.group
    try:
        controllers = cgroups.offered(directory)
        return {
            "path": directory.removeprefix(cgroups.mount_point()),
            "mount": cgroups.mount_point(),
            "controllers": controllers,
            "files": [file for name in MEANINGS if (file := _file(directory, name))],
            "use": _use(directory),
            "processes": len(cgroups.processes(directory, below=False)),
            "below": _below(directory),
        }
    except OSError as error:
        raise MinidockError(f"its cgroup is gone: {os.strerror(error.errno or 0)}") from None


def _file(directory: str, name: str) -> Json | None:
    """One file; none if there is none, or it cannot be read (a pressure file of a kernel that keeps no count)."""
    try:
        text = cgroups.read(directory, name).strip()
    except OSError:
        return None
    return {"file": name, "value": " · ".join(text.splitlines())[:_LONGEST], "meaning": MEANINGS[name](text)}


def _use(directory: str) -> Json:
    """What meters show. None: no controller keeps that figure here, or there is no limit."""
    stats = Stats(directory)
    return {
        "cpu_microseconds": stats.cpu.get("usage_usec"),
        "memory": stats.memory,
        "memory_limit": stats.memory_limit,
        "pids": stats.pids,
        "pids_limit": stats.pids_limit,
    }


def _below(directory: str) -> list[Json]:
    found: list[Json] = []
    waiting = [directory]
    while waiting and len(found) < _MOST_BELOW:
        here = waiting.pop()
        for name in sorted(_directories(here)):
            path = f"{here}/{name}"
            waiting.append(path)
            found.append({"path": path.removeprefix(directory), "processes": len(cgroups.processes(path, below=False))})
    return sorted(found, key=lambda group: str(group["path"]))[:_MOST_BELOW]


def _directories(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:  # gone meanwhile, or deeper than a path can say
        return []
