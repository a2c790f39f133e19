"""Paths inside a directory tree that somebody else may have written.

A rootfs can hold a symlink `etc -> /etc`, and joining strings would follow it out to the host. openat2(2)
resolves a whole path as if a directory were `/`: a link, `..` or a race cannot lead outside of it, because
the kernel itself does the walking. Every path in a container's root goes through here. path_resolution(7)
"""

from __future__ import annotations

import os
import stat

from minidock.kernel import syscalls
from minidock.kernel.syscalls import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS

_INSIDE = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
_TRIES = 16  # EAGAIN: something was renamed meanwhile, so the kernel could not be sure; ask again


def open_root(path: str) -> int:
    """A directory of the host, open as the root that paths are resolved in."""
    return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def open_inside(root: int, path: str, flags: int = os.O_PATH, *, mode: int = 0, follow: bool = True) -> int:
    """Open a path as if `root` were `/`; with follow=False a symlink anywhere in it is refused (ELOOP)."""
    resolve = _INSIDE if follow else _INSIDE | RESOLVE_NO_SYMLINKS
    for _ in range(_TRIES - 1):
        try:
            return syscalls.openat2(root, path, flags, mode=mode, resolve=resolve)
        except BlockingIOError:
            continue
    return syscalls.openat2(root, path, flags, mode=mode, resolve=resolve)


def make_directory(root: int, path: str, mode: int = 0o755) -> int:
    """Open a directory inside a root, making it and its parents where they are missing."""
    try:
        return open_inside(root, path, os.O_PATH | os.O_DIRECTORY)
    except FileNotFoundError:
        pass
    parent, name = _parent(root, path, mode)
    try:
        try:
            os.mkdir(name, mode, dir_fd=parent)
        except FileExistsError:  # another process was quicker, or a symlink that leads nowhere
            pass
        return open_inside(root, path, os.O_PATH | os.O_DIRECTORY)
    finally:
        os.close(parent)


def make_file(root: int, path: str, mode: int = 0o755) -> int:
    """Open a file inside a root (O_PATH), making it, empty, and its parents where they are missing."""
    try:
        return open_inside(root, path)
    except FileNotFoundError:
        pass
    parent, name = _parent(root, path, mode)
    try:
        flags = os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(name, flags, mode & 0o666 | 0o600, dir_fd=parent))
        return open_inside(root, path)
    finally:
        os.close(parent)


def _parent(root: int, path: str, mode: int) -> tuple[int, str]:
    head, _, name = path.rstrip("/").rpartition("/")
    return make_directory(root, head or "/", mode), name


def is_directory(fd: int) -> bool:
    return stat.S_ISDIR(os.fstat(fd).st_mode)


def read_inside(root: int, path: str, limit: int = 1 << 20) -> str:
    """The text of a small regular file inside a root; a device or fifo planted there is refused unopened."""
    probe = open_inside(root, path)
    try:
        status = os.fstat(probe)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(22, "not a regular file", path)
        if not status.st_size:  # as files of /proc say: one of them, /proc/kmsg, is used up by reading
            return ""
    finally:
        os.close(probe)
    fd = open_inside(root, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    with open(fd, "rb") as file:
        return (file.read(limit) or b"").decode(errors="surrogateescape")
