"""Lab mount: a root of one's own, from which no way leads back."""

from __future__ import annotations

from minidock.kernel import namespaces
from minidock.labs import scene as facts
from minidock.labs.lab import Lab, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.labs.scene import Scene


def _subjects(scene: Scene) -> list[int]:
    found = scene.outside("mount")
    if not found:
        made = [entry.point for entry in scene.mounts() if entry.point.startswith(f"{scene.place.directory}/")]
        raise Missing("playground", point=made[-1]) if made else Missing("none", inode=scene.inode("mount"))
    return found


def _namespace(_: Scene, __: int) -> None:
    """That is what makes a subject."""


def root(scene: Scene, pid: int) -> None:
    """Its `/` is the rootfs of the lab."""
    if facts.root_of(pid) == facts.root_of(scene.keeper):
        raise Missing("hosts", process=facts.called(pid))
    if facts.root_of(pid) != facts.identity(scene.place.rootfs):
        raise Missing("other", process=facts.called(pid))


def pivoted(_: Scene, pid: int) -> None:
    """Its `/` is also that of its mount namespace: it has not been led there by chroot(2) alone."""
    if namespaces.mount_root(pid) != facts.root_of(pid):
        raise Missing("chroot", process=facts.called(pid), inode=namespaces.identity(pid, "mount")[1])


def detached(scene: Scene, pid: int) -> None:
    """Nowhere below its `/` the old one is mounted."""
    old = scene.playground_root()
    for entry in scene.mounts(pid):
        if (entry.device, entry.root) == (old.device, old.root):
            raise Missing("left", process=facts.called(pid), point=entry.point)


LAB = Lab(
    "mount",
    minutes=15,
    steps=("namespace.mount", "root.propagation", "root.pivot"),
    subjects=_subjects,
    criteria={"namespace": _namespace, "root": root, "pivoted": pivoted, "detached": detached},
)
