"""What a check sees: the processes of a lab, and what the kernel says of them.

All that a learner starts is in the lab's cgroup, and stays there whatever it forks. A process may end while it is
looked at: then FileNotFoundError or ProcessLookupError says so, and the check goes on with the others.
"""

from __future__ import annotations

import os

from minidock.kernel import cgroups, mount_table, namespaces
from minidock.kernel.process_status import Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from minidock.kernel.mount_table import Mount
    from minidock.labs.places import Place

ENDED = (FileNotFoundError, ProcessLookupError)


class Scene:
    """A lab that has been started, at one moment."""

    def __init__(self, place: Place, keeper: int, notes: Mapping[str, str]) -> None:
        self.place = place
        self.group = place.group
        self.keeper = keeper  # the process whose namespaces are the playground's
        self.notes = notes  # what `start` wrote down

    def processes(self, group: str = "") -> list[int]:
        """The learner's: those in the lab's cgroup, or in one below it, without the keeper and without zombies."""
        found = cgroups.processes(f"{self.group}/{group}" if group else self.group)
        return [pid for pid in sorted(found) if pid != self.keeper and _lives(pid)]

    def outside(self, kind: str) -> list[int]:
        """Those that have a namespace of a kind of their own."""
        return [pid for pid in self.processes() if not self.shares(pid, kind)]

    def shares(self, pid: int, kind: str, other: int = 0) -> bool:
        """Whether a process is in the same namespace as the playground, or as another process."""
        try:
            return namespaces.is_shared(kind, pid, other or self.keeper)
        except ENDED:
            return True

    def inode(self, kind: str, pid: int = 0) -> int:
        """By which number a namespace is known: pid:[4026531836]."""
        return namespaces.identity(pid or self.keeper, kind)[1]

    def mounts(self, pid: int = 0) -> list[Mount]:
        return list(mount_table.of_process(pid or self.keeper))

    def playground_root(self) -> Mount:
        """The mount that is the playground's `/`; of several on one place the last is the one that counts."""
        return [entry for entry in self.mounts() if entry.point == "/"][-1]


def called(pid: int) -> str:
    """A process as messages name it: `4242 (sh)`."""
    return f"{pid} ({Status(pid).name})"


def root_of(pid: int) -> tuple[int, int]:
    """What a process has as its `/`."""
    return identity(f"/proc/{pid}/root/.")


def identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def numbers_in_proc(pid: int) -> list[int]:
    """The processes that the /proc of a process shows."""
    return sorted(int(name) for name in os.listdir(f"/proc/{pid}/root/proc") if name.isdecimal())


def proc_is_own(pid: int) -> bool:
    """Whether its /proc is that of its own pid namespace: then number 1 there is number 1 of that namespace."""
    try:
        status = os.stat(f"/proc/{pid}/root/proc/1/ns/pid")
    except (*ENDED, PermissionError):  # the second: of the host's number 1, where even root may not look at that
        return False
    return (status.st_dev, status.st_ino) == namespaces.identity(pid, "pid")


def is_first(pid: int) -> bool:
    """Whether it is number 1 of its pid namespace."""
    return Status(pid).numbers[-1] == 1


def _lives(pid: int) -> bool:
    try:
        return not Status(pid).is_zombie
    except ENDED:
        return False


def hostname(pid: int) -> str:
    """What the machine is called that a process sees."""
    with namespaces.Inside("uts", pid):
        return os.uname().nodename
