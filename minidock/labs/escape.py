"""Lab escape: a way out of a container that is only a chroot, and its mending.

The playground has a pid namespace of its own here, so that the "host" that a learner breaks out to is the playground:
number 1 of its /proc is the process that keeps it, and nothing of the real host.
"""

from __future__ import annotations

import os
import shlex

from minidock.labs import mount, rootfs
from minidock.labs import scene as facts
from minidock.labs.container import weak
from minidock.labs.lab import PLAYGROUND, Lab, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.labs.places import Place
    from minidock.labs.scene import Scene

_SCRIPTS = {
    "weak": """\
#!/bin/sh
# A container, says whoever wrote this: what is started here sees busybox's files, and no others.
echo $$ >{group}/weak/cgroup.procs
exec chroot {rootfs} /bin/sh "$@"
""",
    "mended": """\
#!/bin/sh
# The same container, to be mended. What is started here is checked.
echo $$ >{group}/mended/cgroup.procs
exec chroot {rootfs} /bin/sh "$@"
""",
}


def _prepare(place: Place) -> dict[str, str]:
    """The two containers, each with a cgroup to know its processes by."""
    rootfs.bring("setpriv", place.rootfs)
    for name, text in _SCRIPTS.items():
        script = text.format(group=shlex.quote(place.group), rootfs=shlex.quote(place.rootfs))
        with open(place.file(name), "x", encoding="utf-8") as file:
            file.write(script)
            os.fchmod(file.fileno(), 0o755)
    return {}


class _Both:
    """A process of the weak container that is out, and the mended container's first."""

    def __init__(self, scene: Scene, mended: int) -> None:
        outside = facts.root_of(scene.keeper)
        self.inmates = scene.processes("weak")
        self.escaped = [pid for pid in self.inmates if facts.root_of(pid) == outside]
        self.mended = mended


def _subjects(scene: Scene) -> list[_Both]:
    own = [pid for pid in scene.processes("mended") if not scene.shares(pid, "pid") and facts.is_first(pid)]
    return [_Both(scene, pid) for pid in own or scene.processes("mended")[-1:] or [0]]


def _escaped(_: Scene, both: _Both) -> None:
    if not both.inmates:
        raise Missing("none")
    if not both.escaped:
        raise Missing("inside", process=facts.called(both.inmates[-1]))


def _mended(both: _Both) -> int:
    if not both.mended:
        raise Missing("none")
    return both.mended


def _pid(scene: Scene, both: _Both) -> None:
    pid = _mended(both)
    if scene.shares(pid, "pid"):
        raise Missing("shared", process=facts.called(pid))
    if not facts.is_first(pid):
        raise Missing("later", process=facts.called(pid))


def _root(scene: Scene, both: _Both) -> None:
    pid = _mended(both)
    if scene.shares(pid, "mount"):
        raise Missing("shared", process=facts.called(pid))
    for judge in (mount.root, mount.pivoted, mount.detached):
        judge(scene, pid)


def _capabilities(scene: Scene, both: _Both) -> None:
    weak(scene, _mended(both))


LAB = Lab(
    "escape",
    minutes=30,
    steps=("namespace.pid", "root.pivot", "identity.bounding-set"),
    subjects=_subjects,
    criteria={"escaped": _escaped, "pid": _pid, "root": _root, "capabilities": _capabilities},
    prepare=_prepare,
    kinds=(*PLAYGROUND, "pid"),
    groups=("weak", "mended"),
)
