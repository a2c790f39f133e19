"""The three streams of a container's program, as its monitor holds them: pipes, or the master of a terminal."""

from __future__ import annotations

import os

from minidock.engine.life import wire
from minidock.kernel import processes, terminals
from minidock.kernel.watching import READ, WRITE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Iterator

    from minidock.jsonfile import Json
    from minidock.kernel.watching import Watched

    Heard = Callable[[str, bytes], object]  # told of each piece of output: its stream, and what was written

_NAMES = ("stdin", "stdout", "stderr")


class Streams:
    """One run's streams. Made before the container, since it inherits its ends of them."""

    def __init__(self, heard: Heard, *, terminal: bool, interactive: bool, silent: bool = False) -> None:
        self._heard = heard
        self._silent = silent  # nobody listens: what it writes goes nowhere
        self._terminal = terminal
        self._interactive = interactive
        self._outputs: dict[int, str] = {}  # our ends, and what comes out of them
        self._input = -1
        self._typed = b""  # not taken by the program yet
        self._input_ends = False
        self._consoles: tuple[_socket.socket, _socket.socket] | None = None

    def lend(self) -> _socket.socket | None:
        """Put the container's ends where the process that is about to be born inherits them: 0, 1 and 2."""
        if self._terminal:
            from minidock.runtime.foreground import console_pair

            self._consoles = console_pair()
            return self._consoles[1]
        for number, name in enumerate(_NAMES):
            if not self._silent and (number or self._interactive):
                self._lend_pipe(number, name)
        return None

    def _lend_pipe(self, number: int, name: str) -> None:
        reading, writing = os.pipe2(os.O_CLOEXEC)
        ours, theirs = (writing, reading) if number == 0 else (reading, writing)
        os.dup2(theirs, number)
        os.close(theirs)
        os.set_blocking(ours, False)
        if number:
            self._outputs[ours] = name
        else:
            self._input = ours

    def take_back(self) -> None:
        """The container has its ends: ours must not keep them open, or the program's end would not be seen."""
        processes.let_go_of_streams()
        if self._consoles:
            ours, theirs = self._consoles
            theirs.close()
            master = terminals.receive_over(ours)
            ours.close()
            self._consoles = None
            if master:
                os.set_blocking(master, False)
                self._outputs[master] = "stdout"
                self._input = os.dup(master)

    # The program's output ----------------------------------------------------------------------------

    @property
    def is_drained(self) -> bool:
        return not self._outputs

    def watched_outputs(self) -> Iterator[Watched]:
        for fd in list(self._outputs):
            yield fd, READ, lambda fd=fd: self._read(fd)  # type: ignore[misc] # bound in this round

    def _read(self, fd: int) -> None:
        if fd not in self._outputs:  # closed in the same round
            return
        try:
            data = os.read(fd, wire.CHUNK)
        except BlockingIOError:
            return
        except OSError:  # EIO: the last holder of the terminal closed it
            data = b""
        if data:
            self._heard(self._outputs[fd], data)
        else:
            del self._outputs[fd]
            os.close(fd)

    def resize(self, rows: int, columns: int) -> None:
        if self._terminal and self._input >= 0:
            terminals.set_size(self._input, rows, columns)

    # Its input ---------------------------------------------------------------------------------------

    @property
    def wants_input(self) -> bool:
        """Whether more may be typed: what was typed before has been taken."""
        return not self._typed

    def type(self, data: bytes) -> None:
        if self._input >= 0 and not self._input_ends:
            self._typed += data
            self._write()

    def end_input(self) -> None:
        """No more will be typed. A terminal has no end of input: there, people type Ctrl-D."""
        if self._terminal:
            return
        self._input_ends = True
        if not self._typed:
            self._close_input()

    def watched_input(self) -> Iterator[Watched]:
        if self._typed:
            yield self._input, WRITE, self._write

    def _write(self) -> None:
        if self._input < 0:
            return
        try:
            self._typed = self._typed[os.write(self._input, self._typed) :]
        except BlockingIOError:
            return
        except OSError:  # EPIPE, EIO: nobody reads any more
            self._typed, self._input_ends = b"", True
        if self._input_ends and not self._typed:
            self._close_input()

    def _close_input(self) -> None:
        if self._input >= 0:
            os.close(self._input)
            self._input = -1

    # Handed over to the same process, begun afresh ----------------------------------------------------

    @property
    def descriptors(self) -> list[int]:
        return [*self._outputs, *([self._input] if self._input >= 0 else [])]

    def told(self) -> Json | None:
        """None while there is something typed that the program has not taken."""
        if self._typed:
            return None
        return {"outputs": list(self._outputs.items()), "input": self._input, "ends": self._input_ends}

    def restore(self, told: Json) -> None:
        self._outputs = dict(told["outputs"])
        self._input, self._input_ends = told["input"], told["ends"]
        for fd in self.descriptors:
            os.set_inheritable(fd, False)

    def close(self) -> None:
        self._typed = b""
        self._close_input()
        for fd in self._outputs:
            os.close(fd)
        self._outputs.clear()
        for socket in self._consoles or ():
            socket.close()
        self._consoles = None
