"""Another terminal at the making of a container: `minidock step CONTAINER`. It hears the same, and may answer."""

from __future__ import annotations

import _socket

from minidock import jsonfile
from minidock.engine.life import wire
from minidock.engine.stepping import answers, waiting, watch
from minidock.engine.stepping.story import STOP, Story
from minidock.errors import MinidockError
from minidock.kernel.watching import READ, wait
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine
    from minidock.engine.stepping.story import Face
    from minidock.jsonfile import Json
    from minidock.kernel.watching import Watched
    from minidock.state.containers import Row


def join(engine: Engine, word: str, face: Face) -> None:
    """Until the container is made, or is not to be."""
    row = containers.find(engine.database, word)  # as it is: it will be `starting` until this is over
    guest = _Guest(_connected(engine, row), face)
    steps = watch.steps_of(engine, row, engine.options(row))
    face.begin(row.name, row.id, steps)
    guest.story = Story(steps, face)
    guest.stay()


def _connected(engine: Engine, row: Row) -> _socket.socket:
    try:
        return wire.connected(f"{engine.run_root}/{row.id}", waiting.SOCKET)
    except OSError:
        raise MinidockError(
            f"container {row.name} is not being made step by step", hint="minidock run --step begins that"
        ) from None


class _Guest:
    """One line to the command that was told to wait."""

    story: Story

    def __init__(self, socket: _socket.socket, face: Face) -> None:
        self._socket = socket
        self._face = face
        self._at = ""  # the step that waits for an answer
        self._typed = answers.Typed()
        self._is_over = False

    def stay(self) -> None:
        try:
            while not self._is_over:
                watched: list[Watched] = [(self._socket.fileno(), READ, self._hear)]
                if self._at and not self._typed.has_ended:  # the end of this terminal is no answer
                    watched.append((self._typed.fd, READ, self._read))
                wait(watched)
        finally:
            self._socket.close()

    def _hear(self) -> None:
        try:
            data = self._socket.recv(watch.LONGEST)
        except OSError:
            data = b""
        if data:
            self._take(jsonfile.parse(data.decode()))
        else:
            self._is_over = True

    def _take(self, message: Json) -> None:
        kind = message["is"]
        if kind == answers.CHANGES:
            self._face.changes(message["lines"])
            self._face.ask()
            return
        self._at = message["step"] if kind == STOP else ""
        self.story.tell(message)

    def _read(self) -> None:
        answer = self._typed.read()
        if answer is None or not self._at:
            return
        self._face.answered(here=True)
        if answer == answers.WHY:
            self._face.why(self.story.step(self._at))
            self._face.ask()
        elif answer in (*answers.DECISIONS, answers.CHANGES):
            self._at = self._at if answer == answers.CHANGES else ""
            self._socket.send(f"{answer}\n".encode(), _socket.MSG_NOSIGNAL)
        else:
            self._face.unknown(answer)
            self._face.ask()
