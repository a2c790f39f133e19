"""Lab exec: a further process in a container that runs already."""

from __future__ import annotations

import os

from minidock.engine.engine import Engine
from minidock.engine.options import Options
from minidock.errors import MinidockError
from minidock.kernel import cgroups, namespaces
from minidock.kernel.process_status import Status
from minidock.labs import scene as facts
from minidock.labs.lab import Lab, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.labs.places import Place
    from minidock.labs.scene import Scene

NAME = "lab-exec"
_OURS = "container.id"
_KINDS = ("pid", "mount", "uts", "ipc", "network", "cgroup")


def _prepare(place: Place) -> dict[str, str]:
    """A container of minidock's own."""
    options = Options("busybox", ["sleep", "infinity"])
    options.name, options.hostname, options.network = NAME, "box", "none"
    engine = Engine(place.root)
    row = engine.run_detached(options, lambda made: _write(place.file(_OURS), made.id))
    pid = engine.find(row.id).pid
    _write(place.file("init.pid"), str(pid))
    return {"container": row.id, "init": str(pid)}


def _write(path: str, word: str) -> None:
    with open(path, "x", encoding="ascii") as file:
        file.write(f"{word}\n")


def _clear(place: Place) -> None:
    """Remove the container that was made for this lab; another one may have its name."""
    try:
        with open(place.file(_OURS), encoding="ascii") as file:
            container = file.read().strip()
    except FileNotFoundError:
        return
    try:
        Engine(place.root).remove(container, force=True)
    except MinidockError:
        if os.path.isdir(f"{place.root}/containers/{container}"):  # else somebody else has removed it
            raise


def _init(scene: Scene) -> int:
    """The container's first process."""
    return int(scene.notes["init"])


def _group_of(pid: int) -> str:
    """A process's group of version 2, as a path below the mount; "" when it has ended."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            return next((line[3:].rstrip("\n") for line in file if line.startswith("0::")), "")
    except facts.ENDED:
        return ""


def _subjects(scene: Scene) -> list[int]:
    """Processes in the container's pid namespace that were not born in it: their parents are outside of it."""
    init = _init(scene)
    if _group_of(init).rpartition("/")[2] != scene.notes["container"]:
        raise Missing("stopped", name=NAME)
    there = cgroups.processes(cgroups.locate(_group_of(init)))
    everyone = [pid for pid in {*there, *scene.processes()} if pid != init]
    found = [pid for pid in everyone if scene.shares(pid, "pid", init) and not _born_there(scene, pid, init)]
    if not found:
        raise Missing("none", process=facts.called(init), inode=scene.inode("pid", init))
    return sorted(found)


def _born_there(scene: Scene, pid: int, init: int) -> bool:
    parent = Status(pid).parent
    return parent != 0 and scene.shares(parent, "pid", init)


def _inside(_: Scene, __: int) -> None:
    """That is what makes a subject."""


def _namespaces(scene: Scene, pid: int) -> None:
    init = _init(scene)
    lacking = [kind for kind in _KINDS if not scene.shares(pid, kind, init)]
    if lacking:
        files = ", ".join(namespaces.FILES.get(kind, kind) for kind in lacking)
        raise Missing("outside", process=facts.called(pid), kinds=files)


def _root(scene: Scene, pid: int) -> None:
    if facts.root_of(pid) != facts.root_of(_init(scene)):
        raise Missing("other", process=facts.called(pid))


def _cgroup(scene: Scene, pid: int) -> None:
    wanted, found = _group_of(_init(scene)), _group_of(pid)
    if found != wanted:
        raise Missing("other", process=facts.called(pid), found=found, wanted=wanted)


LAB = Lab(
    "exec",
    minutes=15,
    steps=("cgroup.join", "namespace.join", "process.exec"),
    subjects=_subjects,
    criteria={"inside": _inside, "namespaces": _namespaces, "root": _root, "cgroup": _cgroup},
    prepare=_prepare,
    clear=_clear,
)
