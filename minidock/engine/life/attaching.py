"""A line to the monitor of a running container, over which its streams come and what is typed goes.

Any number may be attached to one container at once. Killing one of them harms nobody: the container's
streams are the monitor's.
"""

from __future__ import annotations

import _socket

from minidock import jsonfile
from minidock.engine.life import wire
from minidock.engine.life.session import write_all
from minidock.errors import MinidockError
from minidock.kernel.watching import READ, WRITE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.engine.engine import Engine
    from minidock.kernel.watching import Watched
    from minidock.state.containers import Row

ALL = frozenset(("stdin", "stdout", "stderr"))


class Line:
    """One connection. It can be the far end of a session."""

    def __init__(self, socket: _socket.socket, run_root: str, container_id: str) -> None:
        self.code: int | None = None
        self._socket = socket
        self._place = run_root, container_id
        self._unsent = b""

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> tuple[bytes, bytes]:
        """The next message: its kind, and what it holds; nothing at all when the monitor is gone."""
        try:
            message = self._received()
        except OSError:
            message = b""
        return message[:1], message[1:]

    def _received(self) -> bytes:
        try:
            return self._socket.recv(wire.LONGEST)
        except (
            ConnectionResetError
        ):  # told once, where it ended before it had read all that we said; then comes its own
            return self._socket.recv(wire.LONGEST)

    def wait(self) -> int:
        """Until the program has ended; its exit code."""
        while self.code is None:
            self._hear()
        return self.code

    def watched(self) -> Iterator[Watched]:
        yield self._socket.fileno(), READ, self._hear
        if self._unsent:
            yield self._socket.fileno(), WRITE, self._send

    def _hear(self) -> None:
        kind, data = self.receive()
        if kind == wire.OUTPUT:
            write_all(1, data)
        elif kind == wire.ERRORS:
            write_all(2, data)
        elif kind == wire.ENDED:
            self.code = int(jsonfile.parse(data.decode())["code"])
        elif not kind:
            raise MinidockError(
                "the container's monitor was killed", hint="minidock ps -a shows what became of it", code=125
            )

    @property
    def wants_input(self) -> bool:
        return not self._unsent

    def type(self, data: bytes) -> None:
        self.send(wire.INPUT + data)

    def end_input(self) -> None:
        self.send(wire.INPUT)

    def resize(self, rows: int, columns: int) -> None:
        self.send(wire.SIZE + rows.to_bytes(2, "big") + columns.to_bytes(2, "big"))

    def send(self, message: bytes) -> None:
        """At once, or when the monitor takes it: a program that does not read keeps nobody from seeing its output."""
        self._unsent = message
        self._send()

    def _send(self) -> None:
        try:
            self._socket.send(self._unsent, _socket.MSG_NOSIGNAL | _socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:  # it has ended: what it has said last is still to be received
            pass
        self._unsent = b""

    def signal(self, number: int) -> None:
        from minidock.runtime import container as runtime

        try:
            runtime.kill(runtime.Container.load(*self._place), number)
        except MinidockError:  # it has just ended
            pass

    def close(self) -> None:
        self._socket.close()


def connect(engine: Engine, row: Row, wishes: frozenset[str], *, once: bool = False) -> Line:
    """A new line to the monitor of a running container."""
    try:
        socket = wire.connected(f"{engine.run_root}/{row.id}", wire.SOCKET)
    except OSError:
        raise MinidockError(
            f"cannot attach to container {row.name}: it is not running", hint=f"minidock start {row.name}"
        ) from None
    line = Line(socket, engine.run_root, row.id)
    line.send(wire.HELLO + jsonfile.dump({"streams": sorted(wishes), "once": once}).encode())
    return line
