"""Waiting for the state to change: no process tells others of its changes, but each change is written to a file.

That file is SQLite's write-ahead log, `state.db-wal`, which is there as long as anybody has the database open.
inotify(7) tells of a write to it. That comes a moment before the change can be seen, which is when SQLite has
noted its length in memory that processes share, of which inotify tells nothing. So after each write one looks
again a little later, too.
"""

from __future__ import annotations

import os

from minidock.kernel import inotify
from minidock.kernel.watching import READ, wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.state.database import Database

_A_LITTLE = 0.01  # seconds from a write to the time when it can surely be seen
_LOOK_AGAIN = 1.0  # in any case: inotify may be used up, or the system be slow
_WITHOUT_INOTIFY = 0.1


class Waiting:
    """To be made before the first look, so that nothing can happen unseen between that and the first wait."""

    def __init__(self, database: Database) -> None:
        database.version()  # opens it: from now on the file is there
        self._inotify = _watch(f"{database.path}-wal")
        self._is_settling = False

    def wait(self, most: float | None = None) -> bool:
        """Until there may be something new, or `most` seconds have passed; whether something was written."""
        usual = _LOOK_AGAIN if self._inotify >= 0 else _WITHOUT_INOTIFY
        seconds = _A_LITTLE if self._is_settling else usual
        watched = [(self._inotify, READ, lambda: None)] if self._inotify >= 0 else []
        self._is_settling = wait(watched, seconds if most is None else min(most, seconds))
        if self._is_settling:
            inotify.forget(self._inotify)
        return self._is_settling

    def close(self) -> None:
        if self._inotify >= 0:
            os.close(self._inotify)


def _watch(path: str) -> int:
    """An inotify descriptor; -1 if there is none to be had, since this user has used up all of them."""
    try:
        fd = inotify.opened()
    except OSError:
        return -1
    try:
        inotify.watch(fd, path, inotify.MODIFY)
    except OSError:
        os.close(fd)
        return -1
    return fd
