"""An interest list: many descriptors to wait for, behind one that can itself be waited for. epoll(7)

poll(2) looks at every descriptor at every call, and Python makes the list for it anew each time. With hundreds of them,
of which one has something to say, that is most of the work. The kernel can keep the list instead.
"""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_AT_ONCE = 64  # then somebody else has a turn


class InterestList:
    """What to call for each of many descriptors. Who is called must not mind if nothing has come after all."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._calls: dict[int, Callable[[], object]] = {}

    def fileno(self) -> int:
        """Ready to be read when any descriptor is ready."""
        return self._epoll.fileno()

    def __len__(self) -> int:
        return len(self._calls)

    def watch(self, fd: int, events: int, call: Callable[[], object]) -> None:
        """From now on call this when the descriptor is ready, and nothing else."""
        if fd in self._calls:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._calls[fd] = call

    def forget(self, fd: int) -> None:
        """To be called before the descriptor is closed: the kernel remembers what is behind it, not its number."""
        if self._calls.pop(fd, None):
            self._epoll.unregister(fd)

    def serve(self) -> None:
        """Do what was said for the descriptors that are ready."""
        for fd, _ in self._epoll.poll(0, _AT_ONCE):
            if call := self._calls.get(fd):  # one before it may have closed it
                call()

    def close(self) -> None:
        self._calls.clear()
        self._epoll.close()
