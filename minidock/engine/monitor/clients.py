"""Who looks at a container: each client a connection, each with wishes of its own, all at the same time."""

from __future__ import annotations

import _socket
import os

from minidock import jsonfile
from minidock.engine.life import wire
from minidock.kernel.watching import READ, WRITE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.engine.monitor.streams import Streams
    from minidock.jsonfile import Json
    from minidock.kernel.watching import Watched

_MOST_WAITING = 1 << 20  # bytes that a slow client may leave unread before the program has to wait for it


class Client:
    """One connection to the monitor."""

    def __init__(self, socket: _socket.socket, wishes: frozenset[str] = frozenset(), *, once: bool = False) -> None:
        socket.setblocking(False)
        self.socket = socket
        self.wishes = wishes  # of stdin, stdout, stderr
        self.once = once  # its end is the end of the program's input: Docker's StdinOnce
        self.is_gone = False
        self._waiting: list[bytes] = []

    @property
    def backlog(self) -> int:
        return sum(map(len, self._waiting))

    def send(self, message: bytes) -> None:
        self._waiting.append(message)
        self.flush()

    def flush(self) -> None:
        while self._waiting and not self.is_gone:
            try:
                self.socket.send(self._waiting[0], _socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return
            except OSError:
                self.is_gone = True
                return
            del self._waiting[0]


def _inherited(fd: int) -> _socket.socket:
    os.set_inheritable(fd, False)
    return _socket.socket(fileno=fd)


class Clients:
    """All connections to one monitor, and the address where new ones are made."""

    def __init__(self, *first: Client) -> None:
        self._clients = list(first)
        self._listener: _socket.socket | None = None

    @classmethod
    def restored(cls, told: Json) -> Clients:
        """Those of this process before it began afresh."""
        clients = cls(*(Client(_inherited(fd), frozenset(wishes), once=once) for fd, wishes, once in told["clients"]))
        if told["listener"] >= 0:
            clients._listener = _inherited(told["listener"])
        return clients

    @property
    def descriptors(self) -> list[int]:
        """Clients see by their end that we have ended: no other process may hold them open."""
        listener = [self._listener.fileno()] if self._listener else []
        return [*listener, *(client.socket.fileno() for client in self._clients)]

    def told(self) -> Json | None:
        """None while somebody has not taken all that was sent."""
        if any(client.backlog for client in self._clients):
            return None
        clients = [[client.socket.fileno(), sorted(client.wishes), client.once] for client in self._clients]
        return {"clients": clients, "listener": self._listener.fileno() if self._listener else -1}

    def listen(self, directory: str) -> None:
        self._listener = wire.listening(directory, wire.SOCKET, 64)

    def stop_listening(self) -> None:
        if self._listener:
            self._listener.close()
            self._listener = None

    @property
    def are_keeping_up(self) -> bool:
        """A program whose output nobody takes has to wait, as if it wrote to them directly: nothing is lost."""
        return all(client.backlog < _MOST_WAITING for client in self._clients)

    def show(self, stream: str, data: bytes) -> None:
        message = wire.STREAMS[stream] + data
        for client in self._clients:
            if stream in client.wishes:
                client.send(message)

    def tell(self, message: bytes) -> None:
        for client in self._clients:
            client.send(message)

    def dismiss(self) -> None:
        """Say goodbye: whatever was sent is delivered by the kernel, even when this process has ended."""
        for client in self._clients:
            client.socket.setblocking(True)
            client.socket.settimeout(5)
            client.flush()
            client.socket.close()
        self._clients.clear()

    def watched(self, streams: Streams) -> Iterator[Watched]:
        self._forget_gone(streams)
        if self._listener:
            yield self._listener.fileno(), READ, self._accept
        for client in self._clients:
            if streams.wants_input:
                yield client.socket.fileno(), READ, lambda client=client: self._hear(client, streams)  # type: ignore[misc]
            if client.backlog:
                yield client.socket.fileno(), WRITE, client.flush

    def _accept(self) -> None:
        assert self._listener
        if line := wire.accepted(self._listener):
            self._clients.append(Client(line))

    def _hear(self, client: Client, streams: Streams) -> None:
        if client.is_gone:
            return
        try:
            message = client.socket.recv(wire.LONGEST)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        kind, data = message[:1], message[1:]
        if not kind:
            client.is_gone = True
        elif kind == wire.HELLO:
            self._greet(client, data)
        elif kind == wire.INPUT and "stdin" in client.wishes:
            if data:
                streams.type(data)
            elif client.once:  # others may still have something to say
                streams.end_input()
        elif kind == wire.SIZE and len(data) == 4:
            streams.resize(int.from_bytes(data[:2], "big"), int.from_bytes(data[2:], "big"))

    def _greet(self, client: Client, data: bytes) -> None:
        try:
            wishes = jsonfile.parse(data.decode())
            client.wishes = frozenset(wishes["streams"])
            client.once = bool(wishes["once"])
        except (ValueError, KeyError, TypeError):  # only root can speak here, but even root can be mistaken
            client.is_gone = True

    def _forget_gone(self, streams: Streams) -> None:
        for client in [client for client in self._clients if client.is_gone]:
            client.socket.close()
            self._clients.remove(client)
            if client.once and "stdin" in client.wishes:
                streams.end_input()
