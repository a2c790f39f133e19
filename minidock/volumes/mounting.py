"""Volumes that are more than a directory: a share on the network, a disk, memory, another directory of the host.

`-o type=nfs -o device=:/export -o o=addr=10.0.0.1,ro` is what mount(8) would be given. The file system is
mounted on the volume's `_data`, on the host, when the first container that uses it starts, and unmounted when
the last one stops.

Why not in each container's own mount namespace, where nothing could be left behind? Two containers with one
volume in memory must see the same files: a second mount of tmpfs would be a second, empty one. And a share on
the network must be reached through the host's network, whichever the container has. So it is one mount, and it
does not count who uses it: it looks. Who finds that no living container has the volume unmounts it. Thus after
a kill the next look is enough. mount(8), tmpfs(5), nfs(5)
"""

from __future__ import annotations

import errno
import fcntl
import os

from minidock.errors import MinidockError
from minidock.kernel import mount_table, mounts, syscalls
from minidock.steps.mount_options import MountOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

IN_MEMORY = ("tmpfs", "ramfs")  # each time they are mounted they are new
_ON_NETWORK = ("nfs", "nfs4", "cifs", "smb3")  # the kernel takes addresses for these, no names
_NO_FOLLOW = 8  # UMOUNT_NOFOLLOW
_HINTS = {
    errno.ENODEV: "the kernel does not know this type of file system: is its module loaded?",
    errno.ENOENT: "does the device exist?",
    errno.EINVAL: "the type takes no such option: see -o o=",
    errno.ENOTBLK: "the device is no block device: a directory is given by -o type=none -o o=bind",
}


class Lock:
    """One at a time mounts, unmounts or fills a volume. The kernel lets go of it when its process ends. flock(2)"""

    def __init__(self, directory: str) -> None:
        self.fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        fcntl.flock(self.fd, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


def is_locked(directory: str) -> bool:
    """Whether somebody is at it at this moment."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def is_mounted(place: str) -> bool:
    real = os.path.realpath(place)
    return any(point == real for _, point, _ in mount_table.table())


def mount(place: str, options: Mapping[str, str]) -> bool:
    """Mount what the options say on a volume's `_data`; False if it is there already. The caller has the lock."""
    if is_mounted(place):
        return False
    device, kind = options["device"], options["type"]
    words = [word for word in options.get("o", "").split(",") if word]
    before = f"error while mounting volume '{place}'"
    if kind in _ON_NETWORK:
        words = [_with_address(word, before) for word in words]
    try:
        _mount(place, device, kind, words)
    except OSError as error:
        more = f", data: {options['o']}" if options.get("o") else ""
        said = str(error.filename or "").partition(" (")[2].rstrip(")")
        raise MinidockError(
            f"{before}: failed to mount local volume: "
            f"mount {device}:{place}{more}: {os.strerror(error.errno or 0).lower()}{f' ({said})' if said else ''}",
            hint=_HINTS.get(error.errno or 0, "see mount(8) for type, device and o"),
        ) from None
    return True


def _mount(place: str, device: str, kind: str, words: list[str]) -> None:
    """Detached first: what is attached has all its attributes from its first moment on."""
    options = MountOptions(words, place)
    attributes = options.add | options.add_to_tree
    if "bind" in words or "rbind" in words:
        new = mounts.copy(device, recursive=options.recursive_bind)
        mounts.add_attributes(new, attributes, recursive=bool(options.add_to_tree))
    else:
        new = mounts.new(kind, options.data, attributes, device)
    target = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        mounts.attach(new, target)
        if options.propagation:
            mounts.propagate(new, options.propagation, recursive=options.propagate_tree)
    finally:
        os.close(target)
        os.close(new)


def _with_address(word: str, before: str) -> str:
    """The word, or if it is `addr=NAME`, the address that this name has now."""
    key, _, host = word.partition("=")
    if key != "addr":
        return word
    from _socket import SOCK_DGRAM, gaierror, getaddrinfo

    try:
        return f"addr={getaddrinfo(host, None, 0, SOCK_DGRAM)[0][4][0]}"
    except (gaierror, UnicodeError) as error:  # the second for what cannot be a name at all
        raise MinidockError(
            f"{before}: error resolving passed in network volume address: lookup {host}: {error.args[-1]}",
            hint="addr= is the server's name or address",
        ) from None


def unmount(place: str) -> bool:
    """Take away what is mounted on a volume's `_data`; whether there was something."""
    found = False
    while True:
        try:
            syscalls.umount(place, mounts.MNT_DETACH | _NO_FOLLOW)
            found = True
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOENT):  # nothing is mounted there, or nothing is there
                return found
            raise
