"""The DNS server of all containers of user-defined networks.

A question that comes in is read, and answered from the state if it is about a name in a network that the container is
in; all else is sent on, and answered when the answer comes. Nothing here ever waits: whoever runs the server has a loop
in which it waits for many things at once, and asks `watched` each time what the server waits for.

    names.open(container, netns_fd)     sockets in that namespace, from now on
    names.close(container)
    names.watched(), names.deadline()   what to wait for, and until when at most: for kernel/watching.py
"""

from __future__ import annotations

import _socket
import os
import time

from minidock.errors import MinidockError
from minidock.kernel.interest import InterestList
from minidock.kernel.watching import READ
from minidock.networks.names import message
from minidock.networks.names.conversations import Conversation, Ended
from minidock.networks.names.doorway import Doorway
from minidock.networks.names.forwarding import Errand, Forwarder
from minidock.networks.names.upstream import Upstream
from minidock.networks.names.zone import Zone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from minidock.kernel.watching import Watched
    from minidock.networks.names.message import Query
    from minidock.networks.names.zone import Elsewhere
    from minidock.state.database import Database

    Reply = Callable[[bytes], object]

_AT_ONCE = 16  # datagrams of one container, before another has a turn
_LONGEST_QUERY = 4096
_MOST_CLIENTS = 32  # connections of one container
_PATIENCE = 10.0  # seconds without a word, after which a connection is closed. RFC 7766, 6.2.3


class _Client:
    """A connection from a container's program."""

    def __init__(self, socket: _socket.socket) -> None:
        self.conversation = Conversation(socket)
        self.until = time.monotonic() + _PATIENCE


class _Inside:
    """The server, as one container has it."""

    def __init__(self, database: Database, container: str, netns_fd: int) -> None:
        self.container = container
        self.upstream = Upstream(database, container)
        self.netns_fd = os.dup(netns_fd)  # close-on-exec
        try:
            self.doorway = Doorway(container, self.netns_fd)
        except OSError:
            os.close(self.netns_fd)
            raise
        self.clients: dict[int, _Client] = {}

    def close(self) -> None:
        self.doorway.close()
        os.close(self.netns_fd)


class Names:
    """The server, in all containers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._zone = Zone(database)
        self._interest = InterestList()
        self._forwarder = Forwarder(self._interest)
        self._inside: dict[str, _Inside] = {}

    def know(self, elsewhere: Elsewhere) -> None:
        """From now on, also the containers on other hosts."""
        self._zone.elsewhere = elsewhere

    # Coming and going -----------------------------------------------------------------------------------

    def open(self, container: str, netns_fd: int) -> None:
        """Be there for a container, in its network namespace, in the place of any server before."""
        known = self._inside.get(container)
        if known and os.path.sameopenfile(known.netns_fd, netns_fd):
            return
        self.close(container)
        inside = self._inside[container] = _Inside(self._database, container, netns_fd)
        doorway = inside.doorway
        self._interest.watch(doorway.datagrams.fileno(), READ, lambda: self._hear_datagrams(inside))
        self._interest.watch(doorway.connections.fileno(), READ, lambda: self._accept(inside))

    def close(self, container: str) -> None:
        """Leave. A socket keeps its namespace, and the devices in it, for as long as it is open."""
        inside = self._inside.pop(container, None)
        if inside is None:
            return
        self._forwarder.forget(container)
        for fd in list(inside.clients):
            self._dismiss(inside, fd)
        self._interest.forget(inside.doorway.datagrams.fileno())
        self._interest.forget(inside.doorway.connections.fileno())
        inside.close()
        if not self._inside:  # nobody keeps a state open that may be another one when somebody comes again
            self._zone.forget()
            self._database.close()

    def close_all(self) -> None:
        for container in list(self._inside):
            self.close(container)
        self._interest.close()

    # Waiting --------------------------------------------------------------------------------------------

    def watched(self) -> Iterator[Watched]:
        """One descriptor stands for all sockets in all containers. What has waited too long is given up first."""
        self._forwarder.expire()
        now = time.monotonic()
        for inside in self._inside.values():
            for fd in [fd for fd, client in inside.clients.items() if client.until <= now]:
                self._dismiss(inside, fd)
        yield self._interest.fileno(), READ, self._interest.serve

    def deadline(self) -> float | None:
        """The moment, of the monotonic clock, when `watched` has something to give up; None if it has not."""
        ends = [client.until for inside in self._inside.values() for client in inside.clients.values()]
        return min([*ends, *filter(None, [self._forwarder.deadline])], default=None)

    # Questions ------------------------------------------------------------------------------------------

    def _hear_datagrams(self, inside: _Inside) -> None:
        for _ in range(_AT_ONCE):
            try:
                data, client = inside.doorway.datagrams.recvfrom(_LONGEST_QUERY)
            except OSError:  # there are no more
                return
            self._answer(inside, data, lambda answer, client=client: _send(inside, answer, client), by_stream=False)  # type: ignore[misc]

    def _answer(self, inside: _Inside, data: bytes, reply: Reply, *, by_stream: bool) -> None:
        if message.is_to_be_ignored(data):
            return
        try:
            query = message.parse(data)
        except message.Malformed:
            reply(message.refusal(data, message.FORMERR))
            return
        if not query.is_plain:
            reply(message.reply(query, code=message.NOTIMP))
            return
        try:
            records = self._ours(inside, query)
        except MinidockError:  # the state cannot be read: it may be another time
            reply(message.reply(query, code=message.SERVFAIL))
            return
        if records is None:
            self._forward(inside, query, data, reply, by_stream=by_stream)
        else:
            reply(message.reply(query, records, room=message.LONGEST if by_stream else query.room))

    def _ours(self, inside: _Inside, query: Query) -> list[bytes] | None:
        """The records that answer a query; None if others have to be asked."""
        records = self._zone.records(inside.container, query)
        is_plain = query.kind in (message.A, message.AAAA) and b"." not in query.name
        if records is None and is_plain and inside.upstream.keeps_plain_names():
            return []  # the client comes again, with a domain to search behind the name
        return records

    def _forward(self, inside: _Inside, query: Query, data: bytes, reply: Reply, *, by_stream: bool) -> None:
        """From networks that are only internal nothing leaves, not even a question (CVE-2024-29018)."""
        servers = []
        if self._zone.may_leave(inside.container):
            servers = inside.upstream.servers(has_ipv6=self._zone.has_ipv6(inside.container))
        errand = Errand(inside.container, inside.netns_fd, data, query.question, servers, by_stream=by_stream)
        failure = message.reply(query, code=message.SERVFAIL)
        if not self._forwarder.send(errand, lambda answer: reply(answer or failure)):
            reply(message.reply(query, code=message.REFUSED))

    # Connections ----------------------------------------------------------------------------------------

    def _accept(self, inside: _Inside) -> None:
        try:
            fd, _ = inside.doorway.connections._accept()  # type: ignore[attr-defined] # what socket.accept() wraps
        except OSError:  # it went away again
            return
        socket = _socket.socket(fileno=fd)
        if len(inside.clients) >= _MOST_CLIENTS:
            socket.close()
            return
        inside.clients[fd] = _Client(socket)
        self._interest.watch(fd, READ, lambda: self._converse(inside, fd))

    def _converse(self, inside: _Inside, fd: int) -> None:
        client = inside.clients[fd]
        try:
            client.conversation.flush()
            for data in client.conversation.hear():
                client.until = time.monotonic() + _PATIENCE
                self._answer(inside, data, lambda answer: self._say(inside, fd, client, answer), by_stream=True)
        except Ended:
            self._dismiss(inside, fd)
            return
        self._watch(inside, fd, client)

    def _say(self, inside: _Inside, fd: int, client: _Client, answer: bytes) -> None:
        """Answer, unless the client is gone: then its number may be another's."""
        if inside.clients.get(fd) is not client:
            return
        try:
            client.conversation.say(answer)
        except Ended:
            self._dismiss(inside, fd)
            return
        self._watch(inside, fd, client)

    def _watch(self, inside: _Inside, fd: int, client: _Client) -> None:
        if inside.clients.get(fd) is client:
            self._interest.watch(fd, client.conversation.events, lambda: self._converse(inside, fd))

    def _dismiss(self, inside: _Inside, fd: int) -> None:
        self._interest.forget(fd)
        inside.clients.pop(fd).conversation.socket.close()


def _send(inside: _Inside, answer: bytes, client: tuple[str, int]) -> None:
    try:
        inside.doorway.datagrams.sendto(answer, client)
    except OSError:  # it does not listen any more; or we have left meanwhile
        pass
