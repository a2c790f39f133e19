"""Questions that are not ours, sent on to servers that may know: as the bytes they are, and without ever waiting.

Whoever can make us believe a false answer can send a container's traffic where they like (CVE-2008-1447, Kaminsky). So
each question goes out from a socket of its own, on a port that the kernel picks at random, with a number of its own
from the kernel's random source; the socket is connected, so only the server's own address is heard; and what comes
must repeat number and question. What does not is no answer, and the wait goes on.

A server that is silent, fails or refuses is followed by the next. Over TCP comes what the client asked over TCP: then
an answer has been cut off before, and the question is asked again in a way that it fits.
"""

from __future__ import annotations

import _socket
import os
import time

from minidock.kernel.namespaces import Visit
from minidock.kernel.watching import READ
from minidock.networks.names import message
from minidock.networks.names.conversations import Conversation, Ended

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from minidock.kernel.interest import InterestList
    from minidock.networks.names.upstream import Server

PATIENCE = 4.0  # seconds for each server: Docker's
MOST_OF_ONE, MOST_OF_ALL = 256, 1024  # questions on their way, of one container and of all
_PORT = 53


class _TryNext(Exception):
    """Nothing can be had from this server."""


class Errand:
    """One question on its way: to one server after the other, until one knows."""

    def __init__(
        self, container: str, netns_fd: int, data: bytes, question: bytes, servers: Iterable[Server], *, by_stream: bool
    ) -> None:
        self.container = container
        self.until = 0.0
        self._netns_fd = netns_fd
        self._data = data
        self._question = question
        self._servers = iter(servers)
        self._by_stream = by_stream
        self._number = 0
        self._conversation: Conversation | None = None
        self.socket: _socket.socket | None = None

    def ask_next(self) -> bool:
        """Ask the next server that can be asked; False if there is none."""
        for server in self._servers:
            self.close()
            try:
                self.socket = self._connected(server)
                self._send(self.socket)
            except (OSError, ValueError, _TryNext):  # no way there, no such device, no address at all
                continue
            self.until = time.monotonic() + PATIENCE
            return True
        return False

    def _connected(self, server: Server) -> _socket.socket:
        if server.from_host:
            return _connected(server.address, by_stream=self._by_stream)
        with Visit("network", self._netns_fd):
            return _connected(server.address, by_stream=self._by_stream)

    def _send(self, socket: _socket.socket) -> None:
        self._number = int.from_bytes(os.urandom(2), "big")
        data = message.renumbered(self._data, self._number)
        if not self._by_stream:
            socket.send(data)
            return
        self._conversation = Conversation(socket)
        try:
            self._conversation.say(data)
        except Ended:
            raise _TryNext from None

    @property
    def events(self) -> int:
        return self._conversation.events if self._conversation else READ

    def hear(self) -> bytes:
        """The answer; nothing if it has not come yet."""
        for data in self._arrived():
            if not message.answers(data, self._number, self._question):
                continue
            if message.code_of(data) in (message.SERVFAIL, message.REFUSED):
                raise _TryNext
            return message.renumbered(data, int.from_bytes(self._data[:2], "big"))
        return b""

    def _arrived(self) -> list[bytes]:
        assert self.socket
        try:
            if not self._conversation:
                return [self.socket.recv(message.LONGEST)]
            self._conversation.flush()
            return self._conversation.hear()
        except BlockingIOError:
            return []
        except (OSError, Ended):  # nobody listens there: ICMP has said so. udp(7)
            raise _TryNext from None

    def close(self) -> None:
        if self.socket:
            self.socket.close()
        self.socket = self._conversation = None


def _connected(address: str, *, by_stream: bool) -> _socket.socket:
    """A socket in the namespace where this process is now. The address is checked to be one: else connect(2) would
    first be preceded by a look-up, which waits, and for ourselves.
    """
    plain, _, device = address.partition("%")
    family = _socket.AF_INET6 if ":" in plain else _socket.AF_INET
    _socket.inet_pton(family, plain)
    where = (plain, _PORT, 0, _socket.if_nametoindex(device) if device else 0) if ":" in plain else (plain, _PORT)
    made = _socket.socket(family, _socket.SOCK_STREAM if by_stream else _socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.connect(where)
    except BlockingIOError:  # of TCP: it is on its way
        pass
    except OSError:
        made.close()
        raise
    return made


class Forwarder:
    """All errands of all containers."""

    def __init__(self, interest: InterestList) -> None:
        self._interest = interest
        self._errands: dict[Errand, Callable[[bytes], object]] = {}

    def send(self, errand: Errand, done: Callable[[bytes], object]) -> bool:
        """Send it off, and call `done` with the answer, or nothing if nobody has any. False: there are too many."""
        of_one = sum(other.container == errand.container for other in self._errands)
        if of_one >= MOST_OF_ONE or len(self._errands) >= MOST_OF_ALL:
            return False
        self._errands[errand] = done
        self._go_on(errand)
        return True

    def forget(self, container: str) -> None:
        """Nobody waits for these any more."""
        for errand in [errand for errand in self._errands if errand.container == container]:
            self._drop(errand)

    @property
    def deadline(self) -> float | None:
        return min((errand.until for errand in self._errands), default=None)

    def expire(self) -> None:
        now = time.monotonic()
        for errand in [errand for errand in self._errands if errand.until <= now]:
            self._go_on(errand)

    def _go_on(self, errand: Errand) -> None:
        self._look_away(errand)
        if errand.ask_next():
            self._look_at(errand)
        else:
            self._end(errand, b"")

    def _look_at(self, errand: Errand) -> None:
        if errand.socket:
            self._interest.watch(errand.socket.fileno(), errand.events, lambda: self._hear(errand))

    def _look_away(self, errand: Errand) -> None:
        if errand.socket:
            self._interest.forget(errand.socket.fileno())

    def _hear(self, errand: Errand) -> None:
        try:
            answer = errand.hear()
        except _TryNext:
            self._go_on(errand)
            return
        if answer:
            self._end(errand, answer)
        else:
            self._look_at(errand)

    def _end(self, errand: Errand, answer: bytes) -> None:
        if done := self._drop(errand):
            done(answer)

    def _drop(self, errand: Errand) -> Callable[[bytes], object] | None:
        self._look_away(errand)
        errand.close()
        return self._errands.pop(errand, None)
