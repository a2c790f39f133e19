"""Namespaces: what makes a process see a machine of its own.

Each kind hides one thing: process numbers (pid), network devices (network), the mount tree (mount), the
host's name (uts), message queues and shared memory (ipc), the cgroup tree (cgroup), user numbers (user),
the clocks since boot (time). A process gets a new one by unshare(2) or by being born in it, and enters an
existing one by setns(2), through the files in /proc/PID/ns. namespaces(7)
"""

from __future__ import annotations

import errno
import os

from minidock.kernel import syscalls

# The kinds by the names the OCI uses, with the flag of unshare(2) and the file in /proc/PID/ns.
FLAGS = {
    "user": 0x10000000,
    "pid": 0x20000000,
    "network": 0x40000000,
    "mount": 0x00020000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "cgroup": 0x02000000,
    "time": 0x00000080,
}
FILES = {"network": "net", "mount": "mnt"}


def file_of(pid: int | str, kind: str) -> str:
    """Where a process's namespace of a kind is found: /proc/PID/ns/…"""
    return f"/proc/{pid}/ns/{FILES.get(kind, kind)}"


def unshare(kind: str) -> None:
    """Give this process a new namespace of a kind (for pid and time: its future children)."""
    syscalls.unshare(FLAGS[kind])


def open_own(kind: str) -> int:
    """This process's namespace of a kind, to come back to."""
    return os.open(file_of("self", kind), os.O_RDONLY | os.O_CLOEXEC)


def enter(kind: str, fd: int) -> None:
    """Enter the namespace behind a descriptor; the kernel refuses one of another kind."""
    syscalls.setns(fd, FLAGS[kind])


def join(kind: str, path: str) -> None:
    """Enter the namespace behind a path."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter(kind, fd)
    finally:
        os.close(fd)


class Visit:
    """A `with` block in another namespace. At its end this thread is back where it was, whatever happened."""

    def __init__(self, kind: str, fd: int) -> None:
        self._kind = kind
        self._fd = fd

    def __enter__(self) -> None:
        self._home = open_own(self._kind)
        try:
            enter(self._kind, self._fd)
        except OSError:
            os.close(self._home)
            raise

    def __exit__(self, *_: object) -> None:
        try:
            enter(self._kind, self._home)
        except OSError as error:  # whatever this process did next, it would do in the wrong place
            raise SystemExit(f"cannot come back from another namespace: {error}") from error
        finally:
            os.close(self._home)


class Inside:
    """A `with` block in the namespace that a process is in."""

    def __init__(self, kind: str, pid: int) -> None:
        self._kind = kind
        self._path = file_of(pid, kind)

    def __enter__(self) -> None:
        fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._visit = Visit(self._kind, fd)
            self._visit.__enter__()
        finally:  # once inside, the way in is no longer needed
            os.close(fd)

    def __exit__(self, *error: object) -> None:
        self._visit.__exit__(*error)


def join_all(pid: int, kinds: list[str]) -> None:
    """Enter several namespaces of one process at once: all or none, with no race against its death."""
    fd = os.pidfd_open(pid)
    try:
        syscalls.setns(fd, sum(FLAGS[kind] for kind in kinds))
    finally:
        os.close(fd)


def identity(pid: int | str, kind: str) -> tuple[int, int]:
    """What tells one namespace from another: the device and inode behind its file."""
    status = os.stat(file_of(pid, kind))
    return status.st_dev, status.st_ino


def is_shared(kind: str, pid: int, other: int | str = "self") -> bool:
    """Whether a process is in the same namespace as another, or as this one."""
    return identity(pid, kind) == identity(other, kind)


def mount_root(pid: int) -> tuple[int, int]:
    """The device and inode of the root of a process's mount namespace, whatever root the process itself has.

    After chroot(2) they differ, after pivot_root(2) they do not. A child looks: who enters another mount namespace
    loses the directory that it was in.
    """
    reading, writing = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        try:
            join("mount", file_of(pid, "mount"))
            status = os.stat("/")
            os.write(writing, f"{status.st_dev} {status.st_ino}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, encoding="ascii") as pipe:
        told = pipe.read().split()
    os.waitpid(child, 0)
    if not told:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), file_of(pid, "mount"))
    return int(told[0]), int(told[1])


def write_id_map(pid: int, which: str, ranges: list[tuple[int, int, int]]) -> None:
    """Say which users ("uid") or groups ("gid") of the host the ids in a user namespace stand for.

    Each range is (id inside, id outside, how many). The kernel takes one write, once, and of at most 340
    ranges. user_namespaces(7)
    """
    lines = "".join(f"{inside} {outside} {count}\n" for inside, outside, count in ranges)
    write(f"/proc/{pid}/{which}_map", lines)


def id_map(pid: int | str, which: str) -> list[tuple[int, int, int]]:
    """What was said so. The ids outside are told in the numbers of the user namespace that the reader is in."""
    with open(f"/proc/{pid}/{which}_map", encoding="ascii") as file:
        return [(int(inside), int(outside), int(count)) for inside, outside, count in map(str.split, file)]


def write_time_offsets(offsets: dict[str, tuple[int, int]]) -> None:
    """Shift the clocks of the time namespace that this process's next child is born in. time_namespaces(7)"""
    lines = "".join(f"{clock} {secs} {nanosecs}\n" for clock, (secs, nanosecs) in offsets.items())
    write("/proc/self/timens_offsets", lines)


def write(path: str, text: str) -> None:
    """Write a file of /proc in one write(2), as the kernel demands; an error names the file."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    except OSError as error:
        raise OSError(error.errno, error.strerror, f'write("{path}", "{text.strip()}")') from error
    finally:
        os.close(fd)
