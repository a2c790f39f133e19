"""Waiting for more to be logged, until it is known that nothing more will come."""

from __future__ import annotations

import os
import time

from minidock.kernel import inotify
from minidock.kernel.watching import READ, wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    # A descriptor that becomes readable when nothing more will be written, such as a pidfd of the monitor; or
    # a function that says so.
    End = int | Callable[[], bool]

_EVENTS = inotify.MODIFY | inotify.CREATE | inotify.MOVED_TO
_LOOK_AGAIN = 1.0  # seconds: inotify does not see what other machines do in a shared directory
_ASK_AGAIN = 0.1  # where nobody tells us: the end as a function, or no inotify to be had
_SECOND = 1_000_000_000


class Waiting:
    """A watch on the directory of a log."""

    def __init__(self, path: str, end: End, until_ns: int) -> None:
        self._end = end
        self._until_ns = until_ns
        self._inotify = _watch(os.path.dirname(path) or ".")
        self._patience = _LOOK_AGAIN if isinstance(end, int) and self._inotify >= 0 else _ASK_AGAIN

    def close(self) -> None:
        if self._inotify >= 0:
            os.close(self._inotify)

    def is_over(self) -> bool:
        """To be asked before one looks for more: what was written before the end would be missed else."""
        if self._until_ns and time.time_ns() > self._until_ns:
            return True
        if callable(self._end):
            return self._end()
        return wait([(self._end, READ, _nothing)], 0)

    def wait(self) -> None:
        """Until something has happened, or might have."""
        timeout = self._patience
        if self._until_ns:
            timeout = min(timeout, max(0, self._until_ns - time.time_ns()) / _SECOND + 0.001)
        watched = [(fd, READ, _nothing) for fd in (self._end, self._inotify) if isinstance(fd, int) and fd >= 0]
        wait(watched, timeout)
        if self._inotify >= 0:
            inotify.forget(self._inotify)


def _nothing() -> None:
    pass


def _watch(directory: str) -> int:
    """An inotify descriptor; -1 if there is none to be had, since this user has used up all of them."""
    try:
        fd = inotify.opened()
    except OSError:
        return -1
    try:
        inotify.watch(fd, directory, _EVENTS)
    except OSError:
        os.close(fd)
        return -1
    return fd
