"""A person at a container: their terminal, or pipes, at the near end; at the far end a container's streams.

The far end may be a line to a monitor (attaching.py), or a program that this process itself executes in a
container (executing.py). Without a terminal, signals are passed on; with one, keys are, raw, so that Ctrl-C is
typed there and not felt here.
"""

from __future__ import annotations

import os

from minidock.engine.life import detach_keys
from minidock.errors import ClientRefusal
from minidock.kernel import signals, terminals
from minidock.kernel.arrivals import Signals
from minidock.kernel.watching import READ, wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from minidock.kernel.watching import Watched

    class Far(Protocol):
        """What a session asks of its other end."""

        code: int | None  # how the program ended; None: not yet

        @property
        def wants_input(self) -> bool: ...
        def watched(self) -> Iterator[Watched]: ...
        def type(self, data: bytes) -> None: ...
        def end_input(self) -> None: ...
        def resize(self, rows: int, columns: int) -> None: ...
        def signal(self, number: int) -> None: ...


_CHUNK = 65536


def check_terminal(*, terminal: bool, typing: bool) -> None:
    if terminal and typing and not os.isatty(0):
        raise ClientRefusal("the input device is not a TTY", hint="leave -t out when input comes from a pipe or file")


class Manner:
    """How a person wants to be at a container."""

    def __init__(self, *, typing: bool = True, proxy: bool = True, keys: str = detach_keys.DEFAULT) -> None:
        self.typing = typing  # pass on what is typed, if the container has an input at all
        self.proxy = proxy  # pass on signals
        self.keys = detach_keys.parse(keys)


class Session:
    """From the first word to the last, or until the person leaves."""

    def __init__(self, far: Far, manner: Manner, *, typing: bool, terminal: bool) -> None:
        self._far = far
        self._typing = typing
        self._terminal = terminal
        self._keys = detach_keys.Watch(manner.keys if terminal and typing else b"")
        self._signals = Signals() if manner.proxy or terminal else None
        self._interrupted = 0

    def stay(self) -> int | None:
        """The exit code; None when the detach keys were pressed, and the program goes on."""
        saved = terminals.make_raw(0) if self._terminal and self._typing and os.isatty(0) else None
        try:
            self._resize()
            while self._far.code is None and not self._keys.are_pressed and not self._interrupted:
                wait(self._watched())
        finally:
            if saved is not None:
                terminals.restore(0, saved)
        return 128 + self._interrupted if self._interrupted else self._far.code

    def _watched(self) -> Iterator[Watched]:
        yield from self._far.watched()
        if self._typing and self._far.wants_input:
            yield 0, READ, self._read
        if self._signals:
            yield self._signals.fd, READ, self._pass_on

    def _read(self) -> None:
        try:
            typed = os.read(0, _CHUNK)
        except OSError:  # EIO: our terminal is gone
            typed = b""
        if not typed:
            self._typing = False
            self._far.end_input()
        elif data := self._keys.passed(typed):
            self._far.type(data)

    def _resize(self) -> None:
        if self._terminal and os.isatty(1):
            columns, rows = os.get_terminal_size(1)
            self._far.resize(rows, columns)

    def _pass_on(self) -> None:
        assert self._signals
        for number in self._signals.arrived():
            if number == signals.WINCH:
                self._resize()
            elif self._terminal:  # it was meant for this process: keys go to the container as keys
                self._interrupted = number
            else:
                self._far.signal(number)


def write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
