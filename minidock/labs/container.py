"""Lab container: everything that the labs before this one were about, in one process."""

from __future__ import annotations

import os

from minidock.kernel import cgroups, namespaces
from minidock.kernel.process_status import Status
from minidock.labs import mount, rootfs
from minidock.labs import scene as facts
from minidock.labs.lab import Lab, Missing
from minidock.labs.uts import hostname

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.labs.places import Place
    from minidock.labs.scene import Scene

_KINDS = ("pid", "mount", "uts", "ipc", "network", "cgroup")
_TOO_MUCH = ("CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_PTRACE", "CAP_SYS_TIME", "CAP_NET_ADMIN")
_OWN = ("playground", "shell")


def _prepare(place: Place) -> dict[str, str]:
    rootfs.bring("setpriv", place.rootfs)
    return {}


def _subjects(scene: Scene) -> list[int]:
    found = [pid for pid in scene.outside("pid") if facts.is_first(pid)]
    if not found:
        raise Missing("none")
    return found


def _first(_: Scene, __: int) -> None:
    """That is what makes a subject."""


def _namespaces(scene: Scene, pid: int) -> None:
    shared = [namespaces.FILES.get(kind, kind) for kind in _KINDS if scene.shares(pid, kind)]
    if shared:
        raise Missing("shared", process=facts.called(pid), kinds=", ".join(shared))


def _root(scene: Scene, pid: int) -> None:
    """Reported as the lab mount would, which had the same to say."""
    for judge in (mount.root, mount.pivoted, mount.detached):
        judge(scene, pid)


def _proc(_: Scene, pid: int) -> None:
    if not facts.proc_is_own(pid):
        raise Missing("hosts", process=facts.called(pid))


def _cgroup(scene: Scene, pid: int) -> None:
    made = [entry.name for entry in os.scandir(scene.group) if entry.is_dir() and entry.name not in _OWN]
    if not any(pid in cgroups.processes(f"{scene.group}/{name}") for name in made):
        raise Missing("shell" if made else "none", process=facts.called(pid), group=scene.group)


def weak(_: Scene, pid: int) -> None:
    """It, and whatever it executes, cannot have those capabilities that would let it out."""
    left = [name for name in _TOO_MUCH if name in Status(pid).capabilities("bounding")]
    if left:
        raise Missing("strong", process=facts.called(pid), names=", ".join(left))


LAB = Lab(
    "container",
    minutes=30,
    steps=("process.clone", "namespace.mount", "root.pivot", "mount.proc", "identity.bounding-set", "process.exec"),
    subjects=_subjects,
    criteria={
        "first": _first,
        "namespaces": _namespaces,
        "root": _root,
        "proc": _proc,
        "hostname": hostname,
        "cgroup": _cgroup,
        "capabilities": weak,
    },
    prepare=_prepare,
)
