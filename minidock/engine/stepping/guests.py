"""Those who watch from other terminals (guest.py), at the command's end: where they come in, and a line to each."""

from __future__ import annotations

import _socket
import os

from minidock import jsonfile
from minidock.engine.life import wire
from minidock.engine.stepping.waiting import SOCKET
from minidock.kernel.watching import READ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from minidock.jsonfile import Json
    from minidock.kernel.watching import Watched

    Hear = Callable[[_socket.socket, str], object]  # told who has answered, and what

_LONGEST_ANSWER = 16


class Guests:
    """None can come before `listen`. Each hears all that was told before it came."""

    def __init__(self) -> None:
        self._lines: list[_socket.socket] = []
        self._listener: _socket.socket | None = None
        self._address = ""
        self._past: list[Json] = []

    def listen(self, directory: str) -> None:
        if self._listener is None:
            self._address = f"{directory}/{SOCKET}"
            self._listener = wire.listening(directory, SOCKET, 8)

    def watched(self, now: Json | None, hear: Hear) -> Iterator[Watched]:
        """`now`: the question that waits for an answer."""
        if self._listener:
            yield self._listener.fileno(), READ, lambda: self._welcome(now)
        for line in list(self._lines):
            yield line.fileno(), READ, lambda line=line: self._hear(line, hear)  # type: ignore[misc]

    def tell(self, message: Json, *, to_be_kept: bool) -> None:
        if to_be_kept:
            self._past.append(message)
        for line in list(self._lines):
            self.reply(line, message)

    def reply(self, line: _socket.socket, message: Json) -> None:
        try:
            line.send(jsonfile.dump(message).encode(), _socket.MSG_NOSIGNAL)
        except OSError:  # gone, or it does not listen
            self._dismiss(line)

    def close(self) -> None:
        for line in self._lines:
            line.close()
        self._lines.clear()
        if self._listener:
            self._listener.close()
            try:
                os.unlink(self._address)
            except FileNotFoundError:  # it went with the container's directory
                pass

    def _welcome(self, now: Json | None) -> None:
        assert self._listener
        line = wire.accepted(self._listener)
        if not line:
            return
        line.setblocking(False)
        self._lines.append(line)
        for message in (*self._past, *([now] if now else [])):
            self.reply(line, message)

    def _hear(self, line: _socket.socket, hear: Hear) -> None:
        try:
            data = line.recv(_LONGEST_ANSWER)
        except OSError:
            data = b""
        if data:
            hear(line, data.decode(errors="replace").strip())
        else:
            self._dismiss(line)

    def _dismiss(self, line: _socket.socket) -> None:
        if line in self._lines:
            self._lines.remove(line)
            line.close()
