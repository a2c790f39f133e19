"""Signals sent to this process, as bytes to be read in a loop that waits for other things too. signal(7)"""

from __future__ import annotations

import os

from minidock.kernel import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

_INTERRUPTING = ("HUP", "INT", "TERM")
_FORWARDED = ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "CONT", "WINCH", "ALRM", "TSTP")


class Signals:
    """Those that are passed on to a program. To be begun before the program is."""

    def __init__(self) -> None:
        self.fd, self._written = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        for name in _FORWARDED:
            signals.on(signals.NAMES[name], self._written)

    def arrived(self) -> bytes:
        return os.read(self.fd, 64)


class Interruptions:
    """In a `with` block, those that stop a command: Ctrl-C, or its terminal's end. After it they are as before."""

    def __init__(self) -> None:
        self.fd, self._written = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._before = {number: signals.handler(number) for number in map(signals.NAMES.__getitem__, _INTERRUPTING)}

    def __enter__(self) -> Self:
        for number in self._before:
            signals.on(number, self._written)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signals.put_back(number, handler)
        os.close(self.fd)
        os.close(self._written)

    def arrived(self) -> bytes:
        return os.read(self.fd, 64)
