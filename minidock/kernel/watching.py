"""Waiting for any of several descriptors at once. poll(2)

Whoever waits says anew each time what for, and what to call when it comes: nothing is registered for longer
than one wait. What is called may close what is called after it, so that has to look first.
"""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Watched = tuple[int, int, Callable[[], object]]  # a descriptor, READ or WRITE, what to do

READ, WRITE = select.POLLIN, select.POLLOUT


def wait(watched: Iterable[Watched], timeout: float | None = None) -> bool:
    """Wait until something is ready, and do what was said for it; False when the time was over before."""
    poll = select.poll()
    calls: dict[int, list[tuple[int, Callable[[], object]]]] = {}
    for fd, events, call in watched:
        calls.setdefault(fd, []).append((events, call))
        poll.register(fd, sum({events for events, _ in calls[fd]}))
    ready = poll.poll(None if timeout is None else max(0, timeout) * 1000)
    for fd, came in ready:
        for events, call in calls[fd]:
            if came & (events | select.POLLERR | select.POLLHUP | select.POLLNVAL):
                call()
    return bool(ready)
