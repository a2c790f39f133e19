"""inotify: to be told when something happens in a directory, instead of looking again and again. inotify(7)"""

from __future__ import annotations

import os

from minidock.kernel import syscalls

MODIFY, MOVED_TO, CREATE = 0x02, 0x80, 0x100
_BATCH = 64 << 10


def opened() -> int:
    """A descriptor that is readable whenever something has happened. A user may have 128 of them."""
    return syscalls.check(syscalls.libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK), "inotify_init1()")


def watch(fd: int, directory: str, events: int) -> int:
    """Have events in a directory, not below it, make the descriptor readable."""
    call = f'inotify_add_watch({fd}, "{directory}", {events:#x})'
    return syscalls.check(syscalls.libc.inotify_add_watch(fd, os.fsencode(directory), events), call)


def forget(fd: int) -> None:
    """Take all events that have come, for those who only want to know that there were some."""
    try:
        while os.read(fd, _BATCH):
            pass
    except BlockingIOError:
        pass
