"""Which processor a process runs on, where the kernel makes two take turns on one. sched(7), sched_setaffinity(2)

A kernel leaves a new process on the processor of its parent, and wakes who reads from a socket on the processor of who
wrote, unless it knows of others that share a cache with it. In virtual machines it often knows of none. There the one
of the two waits until the other waits for something, or the next tick but one: 2 ms on average, with 250 ticks a
second, though another processor has nothing to do.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_EVERY = range(1024)  # and those that are not there yet


class Elsewhere:
    """All processors but this one. Nothing happens where somebody has chosen processors: their choice stands."""

    def __init__(self) -> None:
        some = os.sched_getaffinity(0)
        are_all = len(some) == os.cpu_count() and len(some) <= len(_EVERY)
        self._others = some - {_current()} if are_all else set()

    def send(self, pid: int) -> None:
        """Have a child run there, while we go on here: at once after the fork, and made before it."""
        if self._others:
            _allow(pid, self._others)

    def stay_anywhere(self) -> None:
        """In the child, once it is sure that it was sent: from now on, wherever the kernel likes."""
        if self._others:
            _allow(0, _EVERY)


def make_room() -> None:
    """Go on elsewhere: somebody was woken here, and we do not wait for them yet."""
    elsewhere = Elsewhere()
    elsewhere.send(0)
    elsewhere.stay_anywhere()


def _allow(pid: int, processors: Iterable[int]) -> None:
    """It matters to nothing but the time that it takes."""
    try:
        os.sched_setaffinity(pid, processors)
    except OSError:  # it has ended, or its cgroup has no other processor, or the host forbids it
        pass


def _current() -> int:
    """proc_pid_stat(5)"""
    with open("/proc/self/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[36])
