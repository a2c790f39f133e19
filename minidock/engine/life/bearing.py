"""Having a container's monitor execute one more program: it has all that takes loaded, and a command has not.

The monitor forks a process that bears the program (engine/monitor/bearers.py): its parent, which tells how it began,
and how it ended. The command has the program's streams, whose other ends go along with what it asks for.
"""

from __future__ import annotations

import os

from minidock import jsonfile
from minidock.engine.life import asking, wire
from minidock.errors import MinidockError, heard

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Sequence

    from minidock.jsonfile import Json


def ask(find: Callable[[], _socket.socket | None], asked: Json, request: Json, streams: Sequence[int]) -> Bearer | None:
    """Have the monitor that is found execute something. Only then is it looked for: who connects, and says later what
    for, wakes it twice. What is to be executed may be longer than a message.
    """
    memory = wire.in_memory(jsonfile.dump(request))
    try:
        line = find()
        if line is None:
            return None
        asking.ask(line, asked, memory, *streams)
    finally:
        os.close(memory)
    return Bearer(line)


class Bearer:
    """The line to whoever bears the program."""

    def __init__(self, line: _socket.socket) -> None:
        self._line = line

    def fileno(self) -> int:
        """Readable when the program has ended."""
        return self._line.fileno()

    def begun(self) -> int:
        """A descriptor of the program's process. MinidockError: why it could not be executed."""
        message, descriptors = wire.receive(self._line)
        if message[:1] == wire.STARTED:
            return descriptors[0]
        if message[:1] == wire.FAILED:
            raise heard(jsonfile.parse(message[1:].decode()))
        raise asking.Mistaken("the container ended meanwhile", hint="minidock ps -a shows what became of it")

    def ended(self) -> int:
        """The program's exit code."""
        message, _ = wire.receive(self._line)
        if message[:1] != wire.ENDED:
            raise MinidockError("the parent of the executed program was killed", hint="minidock top shows what runs")
        return int(message[1:])
