"""How a process comes into being: in namespaces and a cgroup from its first moment. clone(2)"""

from __future__ import annotations

import os

from minidock.kernel import syscalls
from minidock.kernel.processes import wait


def born(flags: int, cgroup_fd: int = 0) -> int:
    """A child in new namespaces and a cgroup from its first moment; 0 in the child."""
    return syscalls.clone3(flags, cgroup_fd)


def born_in_user_namespace(userns: int, flags: int, cgroup_fd: int = 0) -> int:
    """The same, with the child in an existing user namespace that also owns its other new namespaces.

    Whoever enters a user namespace has no way back, so a child enters it, and has a sibling (CLONE_PARENT).
    """
    reading, writing = os.pipe2(os.O_CLOEXEC)
    go_between = syscalls.clone3(0, cgroup_fd)
    if go_between == 0:
        try:
            syscalls.setns(userns, 0)
            pid = syscalls.clone3(flags | syscalls.CLONE_PARENT, cgroup_fd)
            if pid == 0:
                return 0
            os.write(writing, pid.to_bytes(4, "little"))
        except OSError as error:
            os.write(writing, (-(error.errno or 1)).to_bytes(4, "little", signed=True))
        os._exit(0)
    os.close(writing)
    told = int.from_bytes(os.read(reading, 4) or b"\xff" * 4, "little", signed=True)
    os.close(reading)
    wait(go_between)
    if told < 0:
        raise OSError(-told, os.strerror(-told), "clone3 in an existing user namespace")
    return told
