"""Mounts: the tree of file systems that a process sees, built from detached pieces.

Since Linux 5.2 a mount can be made without a place: fsopen(2) and fsmount(2) give a descriptor for a file
system that is in no tree yet, open_tree(2) for a copy of an existing one. Nobody else can reach it until
move_mount(2) attaches it, and then on a descriptor too, so no path is walked at the moment that matters.
The old mount(2) resolves its target path in that moment, which is how containers were tricked into mounting
on the host (CVE-2021-30465).
"""

from __future__ import annotations

import os

from minidock.kernel import syscalls
from minidock.kernel.mount_attributes import ATIME_MASK, IDMAP, PROPAGATION
from minidock.kernel.syscalls import (
    AT_EMPTY_PATH,
    AT_FDCWD,
    AT_RECURSIVE,
    FSCONFIG_CMD_CREATE,
    FSCONFIG_SET_FLAG,
    FSCONFIG_SET_STRING,
    OPEN_TREE_CLONE,
)

MNT_DETACH = 2


def new(filesystem: str, options: list[str], attributes: int = 0, source: str = "") -> int:
    """A detached mount of a new file system; options are `key` or `key=value`, as mount(8) takes them."""
    fs = syscalls.fsopen(filesystem)
    try:
        if source:
            syscalls.fsconfig(fs, FSCONFIG_SET_STRING, "source", source)
        for option in options:
            key, equals, value = option.partition("=")
            if equals:
                syscalls.fsconfig(fs, FSCONFIG_SET_STRING, key, value)
            else:
                syscalls.fsconfig(fs, FSCONFIG_SET_FLAG, key)
        syscalls.fsconfig(fs, FSCONFIG_CMD_CREATE)
        return syscalls.fsmount(fs, attributes)
    except OSError as error:
        raise with_log(fs, error) from error
    finally:
        os.close(fs)


def with_log(fs: int, error: OSError) -> OSError:
    """The kernel leaves its reasons as messages on the descriptor; errno alone says little."""
    try:
        said = os.read(fs, 4096).decode(errors="replace").strip()
    except OSError:  # it left none
        return error
    return OSError(error.errno, error.strerror, f"{error.filename} ({said.partition(' ')[2]})")


def copy(path: str, *, recursive: bool) -> int:
    """A detached copy of the tree at a path of the host: what a bind mount attaches."""
    flags = OPEN_TREE_CLONE | (AT_RECURSIVE if recursive else 0)
    return syscalls.open_tree(AT_FDCWD, path, flags)


def copy_of(fd: int, *, recursive: bool = False) -> int:
    """A detached copy of what a descriptor is open on: no path that could be swapped meanwhile."""
    return syscalls.open_tree(fd, "", OPEN_TREE_CLONE | AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0))


def attach(mount: int, target: int) -> None:
    """Put a detached mount on what `target` is open on. The descriptor then is the mount's own root."""
    syscalls.move_mount(mount, target)


def add_attributes(mount: int, attributes: int, *, clear: int = 0, recursive: bool = False) -> None:
    """Add attributes such as RDONLY to a mount, or to every mount of its tree at once."""
    # The access-time attributes are one field of three bits: to set a value, the whole field is cleared.
    clear |= ATIME_MASK if (attributes | clear) & ATIME_MASK else 0
    syscalls.mount_setattr(mount, add=attributes, clear=clear, recursive=recursive)


def propagate(mount: int, kind: str, *, recursive: bool = False) -> None:
    """Set how mounts below this one spread to and from its copies."""
    syscalls.mount_setattr(mount, propagation=PROPAGATION[kind], recursive=recursive)


def propagate_everything(kind: str) -> None:
    """The same for every mount of this mount namespace."""
    fd = os.open("/", os.O_PATH | os.O_CLOEXEC)
    try:
        propagate(fd, kind, recursive=True)
    finally:
        os.close(fd)


def map_ids(mount: int, userns: int, *, recursive: bool = False) -> None:
    """Let the owners of files appear as a user namespace maps them, without changing the files."""
    syscalls.mount_setattr(mount, add=IDMAP, userns=userns, recursive=recursive)


def pivot(root: int) -> None:
    """Make a mounted directory the root of this mount namespace, and let go of the old root.

    pivot_root(2) with "." twice stacks the old root on the new one, so no directory is needed to hold it;
    then the old one, on top, is detached. Unlike after chroot(2), nothing of the host is left to climb to.
    """
    old = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fchdir(root)
        syscalls.pivot_root(".", ".")
        os.fchdir(old)
        # Slave first: the unmounting must not spread to the host's copies of these mounts.
        propagate(old, "slave", recursive=True)
        syscalls.umount(".", MNT_DETACH)
    finally:
        os.close(old)
    os.chdir("/")
