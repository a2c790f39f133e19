"""Lab uts: a host name, and message queues, of one's own."""

from __future__ import annotations

import os

from minidock.kernel import namespaces
from minidock.labs import scene as facts
from minidock.labs.lab import Lab, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.labs.places import Place
    from minidock.labs.scene import Scene

NAME = "box"


def _prepare(_: Place) -> dict[str, str]:
    return {"hostname": os.uname().nodename}


def _subjects(scene: Scene) -> list[int]:
    found = scene.outside("uts")
    if found:
        return found
    name = facts.hostname(scene.keeper)
    if name != scene.notes["hostname"]:
        raise Missing("playground", name=name, inode=scene.inode("uts"))
    raise Missing("none", inode=scene.inode("uts"))


def _namespace(_: Scene, __: int) -> None:
    """That is what makes a subject."""


def hostname(_: Scene, pid: int) -> None:
    """The machine that it sees is called `box`."""
    name = facts.hostname(pid)
    if name != NAME:
        raise Missing("other", process=facts.called(pid), name=name)


def _ipc(scene: Scene, pid: int) -> None:
    if scene.shares(pid, "ipc"):
        raise Missing("shared", process=facts.called(pid), inode=scene.inode("ipc"))


def _queue(scene: Scene, pid: int) -> None:
    if _queues(pid):
        return
    elsewhere = _queues(scene.keeper)
    raise Missing("playground" if elsewhere else "none", process=facts.called(pid), count=elsewhere)


def _queues(pid: int) -> int:
    """How many System V message queues there are in a process's ipc namespace. The file's first line is a heading."""
    with namespaces.Inside("ipc", pid), open("/proc/sysvipc/msg", encoding="ascii") as table:
        return len(table.readlines()) - 1


LAB = Lab(
    "uts",
    minutes=10,
    steps=("namespace.uts", "uts.hostname", "namespace.ipc"),
    subjects=_subjects,
    criteria={"namespace": _namespace, "hostname": hostname, "ipc": _ipc, "queue": _queue},
    prepare=_prepare,
)
