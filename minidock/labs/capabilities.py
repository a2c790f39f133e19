"""Lab capabilities: a root that can do one single thing of all that root can do."""

from __future__ import annotations

from minidock.kernel.process_status import Status
from minidock.labs import scene as facts
from minidock.labs.lab import Lab, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.labs.scene import Scene

_KEPT = ["CAP_CHOWN"]
_MOST_NAMED = 3


def _subjects(scene: Scene) -> list[int]:
    """Whoever has less than the process that keeps the playground, which has all that this host's root has."""
    everything = [Status(scene.keeper).capabilities(which) for which in ("effective", "bounding")]
    found = []
    for pid in scene.processes():
        status = Status(pid)
        if [status.capabilities(which) for which in ("effective", "bounding")] != everything:
            found.append(pid)
    if not found:
        raise Missing("none", count=len(everything[0]))
    return found


def _root(_: Scene, pid: int) -> None:
    user = Status(pid).effective_user
    if user != 0:
        raise Missing("user", process=facts.called(pid), user=user)


def _effective(_: Scene, pid: int) -> None:
    held = Status(pid).capabilities("effective")
    if not held:
        raise Missing("nothing", process=facts.called(pid))
    if held != _KEPT:
        raise Missing("more", process=facts.called(pid), count=len(held), some=_some(held))


def _bounding(_: Scene, pid: int) -> None:
    left = Status(pid).capabilities("bounding")
    if left != _KEPT:
        raise Missing("more", process=facts.called(pid), count=len(left), some=_some(left))


def _some(names: list[str]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + (", …" if len(names) > _MOST_NAMED else "")


LAB = Lab(
    "capabilities",
    minutes=15,
    steps=("identity.bounding-set", "identity.capabilities"),
    subjects=_subjects,
    criteria={"root": _root, "effective": _effective, "bounding": _bounding},
)
