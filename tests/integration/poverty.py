"""What makes a host poor, for one command: each of these is done in a child, just before that becomes the command.

Nothing of it is seen from outside: namespaces, limits and filters end with the process that has them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import struct
from collections.abc import Callable

from minidock.kernel import capabilities, capability_names, mount_attributes, mounts, namespaces, oneself, syscalls
from minidock.kernel import seccomp as compiler
from minidock.kernel.foreign import Long
from minidock.kernel.seccomp_filter import install

Poverty = Callable[[], None]

_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446
_EXECUTE = 1


def all_of(*several: Poverty) -> Poverty:
    def poor() -> None:
        for one in several:
            one()

    return poor


def private_mounts() -> None:
    """What is mounted from here on, nobody else sees."""
    namespaces.unshare("mount")
    mounts.propagate_everything("private")


def read_only(*paths: str) -> Poverty:
    """What is on these paths cannot be written."""

    def poor() -> None:
        private_mounts()
        for path in paths:
            mount = mounts.copy(path, recursive=False)
            mounts.add_attributes(mount, mount_attributes.RDONLY)
            attach(mount, path)

    return poor


def covered(path: str, kind: str = "tmpfs", *options: str) -> Poverty:
    """Something else is mounted on a path."""

    def poor() -> None:
        private_mounts()
        attach(mounts.new(kind, list(options), source=kind), path)

    return poor


def empty_file(path: str) -> Poverty:
    """An empty file is where one was."""

    def poor() -> None:
        private_mounts()
        attach(mounts.copy("/dev/null", recursive=False), path)

    return poor


def attach(mount: int, path: str) -> None:
    target = os.open(path, os.O_PATH | os.O_CLOEXEC)
    mounts.attach(mount, target)
    os.close(target)
    os.close(mount)


def unmounted(*paths: str) -> Poverty:
    def poor() -> None:
        private_mounts()
        for path in paths:
            syscalls.umount(path, mounts.MNT_DETACH)

    return poor


def limited(kind: int, most: int) -> Poverty:
    return lambda: resource.setrlimit(kind, (most, most))


def without(*names: str) -> Poverty:
    """No such capabilities, now and in whatever it executes."""

    def poor() -> None:
        dropped = {capability_names.NUMBERS[name] for name in names}
        capabilities.bound(set(range(len(capability_names.NAMES))) - dropped)

    return poor


def denied(call: str, number: int = errno.EPERM, *conditions: dict[str, object]) -> Poverty:
    """A seccomp filter that answers one call with an errno, as those of container engines do."""
    rule = {"names": [call], "action": "SCMP_ACT_ERRNO", "errnoRet": number, "args": list(conditions)}
    architectures = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": [architectures[os.uname().machine]]}
    program = compiler.compile({**profile, "syscalls": [rule]})

    def poor() -> None:
        oneself.forbid_new_privileges()
        install(program)

    return poor


def in_user_namespace() -> None:
    """Root here, and of nothing else: only the one user is mapped."""
    namespaces.unshare("user")
    namespaces.write("/proc/self/setgroups", "deny")
    namespaces.write_id_map(os.getpid(), "uid", [(0, 0, 1)])
    namespaces.write_id_map(os.getpid(), "gid", [(0, 0, 1)])


def landlocked() -> None:
    """Landlock forbids to execute nothing, and, as for all that it confines, any change of what is mounted."""
    rules = ctypes.create_string_buffer(struct.pack("=Q", _EXECUTE), 8)
    fd = syscalls._syscall(_LANDLOCK_CREATE, Long(ctypes.addressof(rules)), 8, 0, call="landlock_create")
    everything = os.open("/", os.O_PATH | os.O_CLOEXEC)
    rule = ctypes.create_string_buffer(struct.pack("=Qi", _EXECUTE, everything), 12)
    address = Long(ctypes.addressof(rule))
    syscalls._syscall(445, fd, 1, address, 0, call="landlock_add_rule")
    oneself.forbid_new_privileges()
    syscalls._syscall(_LANDLOCK_RESTRICT, fd, 0, call="landlock_restrict_self")


def user(number: int) -> Poverty:
    return lambda: oneself.become(number, number, [])
