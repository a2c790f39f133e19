"""Signals sent to this process, as bytes to be read in a loop that waits for other things too. signal(7)"""

from __future__ import annotations

import os

from minidock.kernel import signals

_FORWARDED = ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "CONT", "WINCH", "ALRM", "TSTP")


class Signals:
    """Those that are passed on to a program. To be begun before the program is."""

    def __init__(self) -> None:
        self.fd, self._written = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        for name in _FORWARDED:
            signals.on(signals.NAMES[name], self._written)

    def arrived(self) -> bytes:
        return os.read(self.fd, 64)
