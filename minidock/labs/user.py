"""Lab user: root inside, nobody outside."""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.kernel.namespaces import id_map
from minidock.kernel.process_status import Status
from minidock.labs import scene as facts
from minidock.labs.lab import Lab, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.labs.scene import Scene

NAME = "box"
# What can forbid it: how many there may be, and Debian's and Ubuntu's own switches.
_SWITCHES = (
    ("user.max_user_namespaces", "0", "1000"),
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
)


def _refuse() -> None:
    for name, forbidding, mending in _SWITCHES:
        if _sysctl(name) == forbidding:
            raise MinidockError(
                f"this host lets no ordinary user make user namespaces: {name} is {forbidding}",
                hint=f"sysctl -w {name}={mending}; or do the labs in the virtual machine: vagrant up",
            )


def _sysctl(name: str) -> str:
    try:
        with open(f"/proc/sys/{name.replace('.', '/')}", encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:  # this kernel has no such switch
        return ""


def _subjects(scene: Scene) -> list[int]:
    found = scene.outside("user")
    if not found:
        raise Missing("none", inode=scene.inode("user"))
    return found


def _namespace(_: Scene, __: int) -> None:
    """That is what makes a subject."""


def _ordinary(_: Scene, pid: int) -> None:
    if Status(pid).effective_user == 0:
        raise Missing("root", process=facts.called(pid))


def _mapped(_: Scene, pid: int) -> None:
    rows = id_map(pid, "uid")
    if not rows:
        raise Missing("empty", process=facts.called(pid))
    user = Status(pid).effective_user
    if not any(inside == 0 and outside == user for inside, outside, _count in rows):
        inside, outside, _count = rows[0]
        raise Missing("other", process=facts.called(pid), inside=inside, outside=outside)


def _power(scene: Scene, pid: int) -> None:
    if "CAP_SYS_ADMIN" not in Status(pid).capabilities("effective"):
        raise Missing("weak", process=facts.called(pid))
    if scene.shares(pid, "uts"):
        raise Missing("borrowed", process=facts.called(pid), inode=scene.inode("uts"))
    name = facts.hostname(pid)
    if name != NAME:
        raise Missing("unnamed", process=facts.called(pid), name=name)


LAB = Lab(
    "user",
    minutes=15,
    steps=("namespace.user", "user.map", "user.root"),
    subjects=_subjects,
    criteria={"namespace": _namespace, "ordinary": _ordinary, "mapped": _mapped, "power": _power},
    refuse=_refuse,
)
