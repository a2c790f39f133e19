"""A mount namespace that outlives its last process, as long as somebody holds it by a descriptor.

When the last process of a mount namespace ends, the kernel takes its mounts apart, which takes it 2 to 5 ms, and lets
the end of that process wait for it, and whoever waits for the end as well. Who holds the namespace hears of the end at
once, and has the rest done beside all else that there is to do then. mount_namespaces(7)
"""

from __future__ import annotations

import _thread
import os


class HeldMounts:
    """The mount namespace of a process. OSError if it has ended."""

    def __init__(self, pid: int) -> None:
        self._fd = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        self._is_over = _thread.allocate_lock()

    def let_go(self) -> None:
        """Begin to: closing it takes as long as the mounts do, so another thread does it."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            self._is_over.acquire()
            _thread.start_new_thread(self._close, (fd,))

    def _close(self, fd: int) -> None:
        os.close(fd)
        self._is_over.release()

    def wait(self) -> None:
        """Until that is done, and this process has one thread again."""
        with self._is_over:
            pass
