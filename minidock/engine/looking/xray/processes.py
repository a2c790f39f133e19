"""A container's processes as a tree, each by both its numbers: the host's, and the one it has inside.

A process has a number in its own pid namespace and in each one around it; the kernel tells all of them, the outermost
first, as NSpid in /proc/PID/status. pid_namespaces(7), proc_pid_status(5)
"""

from __future__ import annotations

from minidock.kernel import processes
from minidock.kernel.process_status import Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from minidock.engine.looking.xray.subject import Subject
    from minidock.jsonfile import Json

_LONGEST = 400  # of a command line


def read(subject: Subject) -> Json:
    """Each with how deep in the tree it is, children after their parents."""
    subject.demand_running()
    found = {pid: process for pid in subject.processes() if (process := _process(pid))}
    return [*_tree(found)]


def _process(pid: int) -> Json | None:
    """One process; none if it has ended meanwhile."""
    try:
        status = Status(pid)
        words = processes.command_line(pid, _LONGEST + 1)
        pids = status.numbers
        return {
            "pid": pid,
            "inside": pids[-1],
            "pids": pids,
            "parent": status.parent,
            "uid": status.effective_user,
            "threads": status.threads,
            "state": status.state,
            "command": words[:_LONGEST] or f"[{status.name}]",
        }
    except (OSError, KeyError):
        return None


def _tree(found: Mapping[int, Json]) -> Iterator[Json]:
    children: dict[int, list[int]] = {}
    for pid, process in found.items():
        children.setdefault(process["parent"], []).append(pid)
    # Whose parent is not of the container is a root: its first process, and what `exec` has started.
    waiting = [(pid, 0) for pid in sorted(found, reverse=True) if found[pid]["parent"] not in found]
    while waiting:
        pid, depth = waiting.pop()
        yield {**found[pid], "depth": depth}
        waiting += [(child, depth + 1) for child in sorted(children.get(pid, ()), reverse=True)]
