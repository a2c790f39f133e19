"""The sockets that hold a container's ports of the host; and what comes to them, which nobody else takes there.

The firewall sends packets for a published port on to the container, and the socket on that port never sees one. But
the kernel lets nothing that is from or for ::1 leave the loopback device, and translates no IPv6 into IPv4. What
comes that way ends here, and is passed on by hand: a second connection to the container, and whatever comes by
either is sent by the other. It is slow beside the firewall, and the container sees the host as its peer. Docker has a
process for each port for this, docker-proxy.
"""

from __future__ import annotations

import _socket
import os
import time

from minidock.kernel.interest import InterestList
from minidock.kernel.watching import READ, WRITE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from minidock.kernel.watching import Watched
    from minidock.state.database import Database

    Address = tuple[str, int] | tuple[str, int, int, int]

_MOST_PASSAGES = 200  # connections; more wait until one ends
_MOST_PEERS = 200  # of datagrams; more take the place of the one that was silent for longest
_CHUNK = 65536
_PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}
_SO_PROTOCOL = 38


class Relays:
    """The ports of one container."""

    def __init__(self, database: Database, container: str, reserved: Iterable[_socket.socket]) -> None:
        self._database = database
        self._container = container
        self._ports = list(reserved)
        self._interest = InterestList()
        self._passages: set[Passage] = set()
        self._peers: dict[tuple[int, str, int], Peer] = {}
        for port in self._ports:
            port.setblocking(False)
            self._listen(port)

    @classmethod
    def restored(cls, database: Database, container: str, descriptors: Iterable[int]) -> Relays:
        """Those of this process before it began afresh."""
        sockets = []
        for fd in descriptors:
            os.set_inheritable(fd, False)
            sockets.append(_socket.socket(fileno=fd))
        return cls(database, container, sockets)

    @property
    def descriptors(self) -> list[int]:
        return [port.fileno() for port in self._ports]

    @property
    def is_busy(self) -> bool:
        """Whether there are connections, which would end if this process began afresh."""
        return bool(self._passages)

    def watched(self) -> Iterator[Watched]:
        yield self._interest.fileno(), READ, self._interest.serve

    def close(self) -> None:
        self._interest.close()
        for passage in self._passages:
            passage.close()
        for peer in self._peers.values():
            peer.close()
        for port in self._ports:
            port.close()
        self._passages.clear()
        self._peers.clear()
        self._ports.clear()

    def _target(self, port: _socket.socket) -> tuple[str, int] | None:
        """Where a port leads: that may change while the container runs, with its networks."""
        host, number = port.getsockname()[:2]
        protocol = _PROTOCOLS[port.getsockopt(_socket.SOL_SOCKET, _SO_PROTOCOL)]
        sql = "SELECT address, port FROM published WHERE container = ? AND protocol = ? AND host = ? AND host_port = ?"
        found = self._database.rows(sql, self._container, protocol, host, number)
        return (found[0][0], found[0][1]) if found and found[0][0] else None

    # Connections --------------------------------------------------------------------------------------

    def _listen(self, port: _socket.socket) -> None:
        call = self._receive if port.type & 0xF == _socket.SOCK_DGRAM else self._accept
        self._interest.watch(port.fileno(), READ, lambda: call(port))

    def _accept(self, port: _socket.socket) -> None:
        try:
            fd, _ = port._accept()  # type: ignore[attr-defined] # what socket.accept() wraps
        except OSError:  # it went away again
            return
        client = _socket.socket(fileno=fd)
        target = self._target(port)
        server = _connected(target, client.type & 0xF) if target else None
        if server is None:
            client.close()
            return
        self._passages.add(Passage(client, server, self._interest, self._end))
        if len(self._passages) == _MOST_PASSAGES:
            for one in self._ports:
                self._interest.forget(one.fileno())

    def _end(self, passage: Passage) -> None:
        if len(self._passages) == _MOST_PASSAGES:
            for port in self._ports:
                self._listen(port)
        self._passages.discard(passage)

    # Datagrams ----------------------------------------------------------------------------------------

    def _receive(self, port: _socket.socket) -> None:
        try:
            data, address = port.recvfrom(_CHUNK)
        except OSError:
            return
        key = (port.fileno(), *address[:2])
        peer = self._peers.get(key) or self._new_peer(key, port, address)
        if peer:
            peer.send(data)

    def _new_peer(self, key: tuple[int, str, int], port: _socket.socket, address: Address) -> Peer | None:
        target = self._target(port)
        server = _connected(target, _socket.SOCK_DGRAM) if target else None
        if server is None:
            return None
        if len(self._peers) == _MOST_PEERS:
            silent = min(self._peers, key=lambda one: self._peers[one].last_use)
            self._interest.forget(self._peers[silent].server.fileno())
            self._peers.pop(silent).close()
        made = self._peers[key] = Peer(port, address, server)
        self._interest.watch(server.fileno(), READ, made.answer)
        return made


def _connected(target: tuple[str, int], kind: int) -> _socket.socket | None:
    """A connection to the container: of one that is just being made, it is told later whether it will be."""
    made = _socket.socket(_socket.AF_INET6 if ":" in target[0] else _socket.AF_INET, kind | _socket.SOCK_CLOEXEC)
    made.setblocking(False)
    try:
        made.connect(target)
    except BlockingIOError:
        pass
    except OSError:
        made.close()
        return None
    return made


class Peer:
    """Somebody who sends datagrams to a port, and who the answers are for."""

    def __init__(self, port: _socket.socket, address: Address, server: _socket.socket) -> None:
        self.server = server
        self.last_use = time.monotonic()
        self._port = port
        self._address = address

    def send(self, data: bytes) -> None:
        self.last_use = time.monotonic()
        try:
            self.server.send(data)
        except OSError:  # datagrams may be lost; and nobody may listen in there
            pass

    def answer(self) -> None:
        self.last_use = time.monotonic()
        try:
            self._port.sendto(self.server.recv(_CHUNK), self._address)
        except OSError:
            pass

    def close(self) -> None:
        self.server.close()


class Passage:
    """Two connections, of which each has what comes by the other."""

    def __init__(
        self, client: _socket.socket, server: _socket.socket, interest: InterestList, ended: Callable[[Passage], None]
    ) -> None:
        client.setblocking(False)
        self._ways = (Way(client, server), Way(server, client))
        self._interest = interest
        self._ended = ended
        self._wait()

    def _go(self) -> None:
        """Something is ready."""
        try:
            for way in self._ways:
                way.move()
        except OSError:
            self._stop()
            return
        if all(way.is_closed for way in self._ways):
            self._stop()
        else:
            self._wait()

    def _events(self, fd: int) -> int:
        events = 0
        for way in self._ways:
            events |= READ if way.source.fileno() == fd and way.wants_more else 0
            events |= WRITE if way.sink.fileno() == fd and way.waiting else 0
        return events

    def _wait(self) -> None:
        """A connection that was ended from both sides is told of whatever one waits for, epoll(7): so it is not asked
        about while what came by it still waits for the other to take it."""
        for way in self._ways:
            fd = way.source.fileno()
            events = self._events(fd)
            if events:
                self._interest.watch(fd, events, self._go)
            else:
                self._interest.forget(fd)

    def _stop(self) -> None:
        for way in self._ways:
            self._interest.forget(way.source.fileno())
        self.close()
        self._ended(self)

    def close(self) -> None:
        for way in self._ways:
            way.source.close()


class Way:
    """One direction: what comes from a source goes to a sink, and so does the end."""

    def __init__(self, source: _socket.socket, sink: _socket.socket) -> None:
        self.source = source
        self.sink = sink
        self.waiting = b""  # to be taken by the sink
        self.has_ended = False  # nothing more will come
        self.is_closed = False  # and the sink has been told

    @property
    def wants_more(self) -> bool:
        return not self.waiting and not self.has_ended

    def move(self) -> None:
        """As far as it goes without waiting; OSError if either is broken."""
        try:
            if self.wants_more:
                self.waiting = self.source.recv(_CHUNK)
                self.has_ended = not self.waiting
            if self.waiting:
                self.waiting = self.waiting[self.sink.send(self.waiting, _socket.MSG_NOSIGNAL) :]
        except BlockingIOError:
            return
        if self.has_ended and not self.waiting and not self.is_closed:
            self.sink.shutdown(_socket.SHUT_WR)
            self.is_closed = True
