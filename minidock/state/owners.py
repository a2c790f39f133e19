"""Who answers for a container at this moment: a process, named so that no other can ever be taken for it.

A container at rest has no owner. One that is being started, runs, or is being removed has one: the command
that does it, or the monitor. If that process is gone, however it ended, the kernel knows, and whoever looks at
the container next can bring it to rest. So there is no lock that could be left behind.
"""

from __future__ import annotations

import os

from minidock.kernel.processes import start_time

_BOOT = "/proc/sys/kernel/random/boot_id"


def myself() -> str:
    return name_of(os.getpid())


def name_of(pid: int) -> str:
    """Numbers are used again; a number, its start in ticks since boot, and the boot are not."""
    return f"{pid} {start_time(pid)} {_boot()}"


def lives(owner: str) -> bool:
    pid, _, _ = owner.partition(" ")
    return bool(owner) and owner == name_of(int(pid))


def process(owner: str) -> int:
    """A descriptor of the process, to wait for its end; -1 if that has come."""
    try:
        pidfd = os.pidfd_open(int(owner.partition(" ")[0] or "0"))
    except (ProcessLookupError, OSError):
        return -1
    if lives(owner):
        return pidfd
    os.close(pidfd)
    return -1


def _boot() -> str:
    with open(_BOOT) as file:
        return file.read(8)
