"""The keeper's life: one thread, which waits for requests, and for the ends of the containers that it attends."""

from __future__ import annotations

import _socket
import errno
import fcntl
import os
import struct
import time

from minidock import jsonfile
from minidock.errors import MinidockError, reason
from minidock.kernel.watching import READ, wait
from minidock.networks.keeper.later import Later
from minidock.networks.keeper.operations import OPERATIONS
from minidock.networks.keeper.tools import Tools
from minidock.steps.keeper import LONGEST, socket_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.jsonfile import Json
    from minidock.kernel.watching import Watched

_LEISURE = 10.0  # seconds without anybody, after which it goes
_MOST_DESCRIPTORS = 8  # with one request


class Server:
    """The process as an object."""

    def __init__(self, listener: int, root: str, run: str, table: str) -> None:
        self._listener = _socket.socket(fileno=listener)
        self._listener.setblocking(False)
        self._run = run
        self._name = socket_name(table)
        self._clients: list[Client] = []
        self._tools = Tools(root, table)
        self._last_use = time.monotonic()

    def serve(self) -> None:
        """Until nobody needs it any more."""
        self._tools.resume()
        while True:
            watched = list(self._watched())  # first: who is gone is let go there, and may have been the last
            wait(watched, self._patience())
            if self._is_idle() and time.monotonic() >= self._last_use + _LEISURE and self._has_left():
                return

    def _is_idle(self) -> bool:
        return not self._clients and not self._tools.attended

    def _patience(self) -> float | None:
        times = [due for due in (self._tools.deadline(),) if due is not None]
        if self._is_idle():
            times.append(self._last_use + _LEISURE - time.monotonic())
        return max(0.0, min(times)) if times else None

    def _watched(self) -> Iterator[Watched]:
        for client in [client for client in self._clients if client.is_gone]:
            client.close()
            self._clients.remove(client)
            self._last_use = time.monotonic()
        for pidfd in list(self._tools.attended):  # before clients: who has ended makes room for who comes
            yield pidfd, READ, lambda pidfd=pidfd: self._part(pidfd)  # type: ignore[misc]
        yield self._listener.fileno(), READ, self._accept
        yield from self._tools.watched()
        for client in self._clients:
            client.follow_up()
            yield client.socket.fileno(), READ, lambda client=client: self._hear(client)  # type: ignore[misc]
        yield from self._tools.names.watched()

    def _accept(self) -> None:
        try:
            fd, _ = self._listener._accept()  # type: ignore[attr-defined] # what socket.accept() wraps
        except OSError:  # it went away again
            return
        self._clients.append(Client(_socket.socket(fileno=fd), self._tools))

    def _hear(self, client: Client) -> None:
        client.serve()
        self._last_use = time.monotonic()

    def _part(self, pidfd: int) -> None:
        self._tools.part(pidfd)
        self._last_use = time.monotonic()

    def _has_left(self) -> bool:
        """Take the address away, under the lock that whoever starts a keeper holds: nobody connects in between."""
        lock = os.open(f"{self._run}/keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # somebody is just about to connect
                return False
            self._accept()
            if not self._clients:
                os.unlink(f"{self._run}/{self._name}")
            return not self._clients
        finally:
            os.close(lock)


class Client:
    """One connection: whoever is at its other end asks, and is answered, one request at a time."""

    def __init__(self, socket: _socket.socket, tools: Tools) -> None:
        socket.setblocking(False)
        self.socket = socket
        self.is_gone = False
        self._tools = tools
        self._awaited: Later | None = None

    def serve(self) -> None:
        try:
            data, ancillary, _, _ = self.socket.recvmsg(LONGEST, _ROOM, _socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except OSError:
            data, ancillary = b"", []
        descriptors = [fd for _, _, rights in ancillary for (fd,) in struct.iter_unpack("i", rights)]
        try:
            outcome = _outcome(self._tools, data, descriptors) if data else None
        finally:
            for fd in descriptors:
                os.close(fd)
        if outcome is None:
            self.is_gone = True
        elif isinstance(outcome.get("done"), Later):
            self._awaited = outcome["done"]
        else:
            self._answer(outcome)

    def follow_up(self) -> None:
        """Answer what could not be answered at once."""
        if self._awaited and self._awaited.is_ready:
            self._awaited = None
            self._answer({"done": None})

    def _answer(self, answer: Json) -> None:
        try:
            self.socket.send(jsonfile.dump(answer).encode(), _socket.MSG_NOSIGNAL)
        except OSError:  # it is gone, or does not read what it asked for
            self.is_gone = True

    def close(self) -> None:
        self.socket.close()


_ROOM = _socket.CMSG_SPACE(4 * _MOST_DESCRIPTORS)


def _outcome(tools: Tools, data: bytes, descriptors: list[int]) -> Json:
    """Do what a request asks for; what it comes to, or why not. Whatever it says, the keeper lives on."""
    try:
        request = jsonfile.parse(data.decode())
        operation = OPERATIONS[request.pop("do")]
        return {"done": operation(tools, request, descriptors)}
    except MinidockError as error:
        return {**error.told(), "errno": 0}
    except OSError as error:
        return {"failed": error.filename or reason(error), "errno": error.errno or errno.EIO}
    except Exception as bug:  # the outermost edge: one bad request must not be the end of all others
        return {**MinidockError(f"the network keeper cannot do this: {bug!r}").told(), "errno": 0}
