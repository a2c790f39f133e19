"""A mount namespace that is held outlives its last process, and goes when it is let go."""

from __future__ import annotations

import os
import signal

import pytest

from minidock.kernel.held_mounts import HeldMounts
from minidock.kernel.namespaces import file_of, unshare


def _alone() -> int:
    """A process in a mount namespace of its own; its pid."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            unshare("mount")
            os.write(writing, b"!")
            signal.pause()
        finally:
            os._exit(1)
    assert os.read(reading, 1) == b"!"
    os.close(reading)
    os.close(writing)
    return pid


def _holders(inode: int) -> int:
    """How many descriptors of ours are on that namespace."""
    links = [os.stat(f"/proc/self/fd/{fd}").st_ino for fd in os.listdir("/proc/self/fd") if _is_open(fd)]
    return links.count(inode)


def _is_open(fd: str) -> bool:
    return os.path.exists(f"/proc/self/fd/{fd}")


def test_it_is_held_beyond_the_end_of_its_process_until_it_is_let_go() -> None:
    pid = _alone()
    inode = os.stat(file_of(pid, "mount")).st_ino
    held = HeldMounts(pid)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert _holders(inode) == 1
    held.let_go()
    held.let_go()  # whoever ends it may have been interrupted, and begin once more
    held.wait()
    assert _holders(inode) == 0
    held.wait()


def test_that_of_a_process_that_has_ended_cannot_be_held() -> None:
    pid = _alone()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with pytest.raises(OSError, match="No such"):
        HeldMounts(pid)
