"""Lab pid: a process that is number one, and a /proc that shows no others."""

from __future__ import annotations

import os

from minidock.kernel import namespaces
from minidock.labs import scene as facts
from minidock.labs.lab import Lab, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.labs.scene import Scene


def _subjects(scene: Scene) -> list[int]:
    """Processes in a pid namespace of their own, the first ones of these before the others."""
    found = scene.outside("pid")
    if not found:
        _explain(scene)
    return sorted(found, key=lambda pid: not facts.is_first(pid))


def _explain(scene: Scene) -> None:
    for pid in scene.processes():
        if _has_asked(pid):
            raise Missing("unforked", process=facts.called(pid))
    raise Missing("none", inode=scene.inode("pid"))


def _has_asked(pid: int) -> bool:
    """Whether its children are to be born elsewhere. Before the first one is, the link leads nowhere yet."""
    own = os.readlink(namespaces.file_of(pid, "pid"))
    try:
        return os.readlink(f"/proc/{pid}/ns/pid_for_children") != own
    except OSError:
        return True


def _first(_: Scene, pid: int) -> None:
    if not facts.is_first(pid):
        raise Missing("later", process=facts.called(pid), inode=namespaces.identity(pid, "pid")[1])


def _proc(_: Scene, pid: int) -> None:
    if facts.proc_is_own(pid):
        return
    shown = facts.numbers_in_proc(pid)
    if not shown:
        raise Missing("empty", process=facts.called(pid))
    raise Missing("hosts", process=facts.called(pid), count=len(shown))


LAB = Lab(
    "pid",
    minutes=10,
    steps=("namespace.pid", "process.clone", "mount.proc"),
    subjects=_subjects,
    criteria={"first": _first, "proc": _proc},
)
