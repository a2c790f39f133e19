"""Standing between a person and a running program: waits for its end, passes on signals and keystrokes.

Without a terminal the program has our own standard streams, and only signals are passed on. With one, the
container's terminal is joined to ours: keys go in raw, so that Ctrl-C is typed there and not felt here.
"""

from __future__ import annotations

import _socket
import os
import select

from minidock.kernel import processes, signals, terminals
from minidock.kernel.arrivals import Signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

_CHUNK = 65536
_LAST_WORDS_MS = 100  # as long as others hold the terminal open; else its end is told at once


class Screen:
    """Our terminal joined to the container's, given back as it was when done."""

    def __init__(self, master: int) -> None:
        self.master = master
        self.interactive = os.isatty(0)
        self._saved: list[object] | None = None

    def __enter__(self) -> Self:
        if self.interactive:
            self._saved = terminals.make_raw(0)
            self.resize()
        return self

    def __exit__(self, *_: object) -> None:
        if self._saved is not None:
            terminals.restore(0, self._saved)
        os.close(self.master)

    def resize(self) -> None:
        if self.interactive:
            terminals.copy_size(0, self.master)

    def keys(self) -> bool:
        """Pass on what was typed; False at the end of our input."""
        data = os.read(0, _CHUNK)
        if data:
            _write_all(self.master, data)
        return bool(data)

    def show(self) -> bool:
        """Show what the program wrote; False once nobody in the container holds the terminal any more."""
        try:
            data = os.read(self.master, _CHUNK)
        except OSError:  # EIO: the last slave was closed
            return False
        _write_all(1, data)
        return bool(data)

    def show_rest(self) -> None:
        """The program has ended, but what it wrote may still be on its way through the terminal."""
        poll = select.poll()
        poll.register(self.master, select.POLLIN)
        while poll.poll(_LAST_WORDS_MS) and self.show():
            pass


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def console_pair() -> tuple[_socket.socket, _socket.socket]:
    """Ours and the container's end of what a terminal's master is sent over."""
    return _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC, 0)


def attend(pid: int, arriving: Signals, master: int = 0) -> int:
    """Stay until the program ends; its exit code."""
    if master:
        with Screen(master) as screen:
            _loop(pid, arriving, screen)
    else:
        _loop(pid, arriving, None)
    return processes.wait(pid)


def _loop(pid: int, arriving: Signals, screen: Screen | None) -> None:
    pidfd = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(arriving.fd, select.POLLIN)
    if screen:
        poll.register(screen.master, select.POLLIN)
        poll.register(0, select.POLLIN)
    try:
        while True:
            ready = {fd for fd, _ in poll.poll()}
            if screen and screen.master in ready and not screen.show():
                poll.unregister(screen.master)
            elif pidfd in ready:
                if screen:
                    screen.show_rest()
                return
            if screen and 0 in ready and not screen.keys():
                poll.unregister(0)
            if arriving.fd in ready:
                _pass_on(arriving.arrived(), pidfd, screen)
    finally:
        os.close(pidfd)


def _pass_on(numbers: bytes, pidfd: int, screen: Screen | None) -> None:
    for number in numbers:
        if number == signals.WINCH and screen:
            screen.resize()
            continue
        try:
            signals.send(pidfd, number)
        except ProcessLookupError:  # it has just ended
            return
