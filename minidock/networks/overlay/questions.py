"""Asking etcd without waiting: questions whose answers come when they come. The keeper's way: it has others to serve.

A question is a connection of its own. Its descriptor is watched by the keeper's poll(2) together with all others; when
there is room, the question is written; when something came, it is read, and each line of the answer is handed on.
"""

from __future__ import annotations

import _socket

from minidock.errors import reason
from minidock.kernel.watching import READ, WRITE
from minidock.networks.overlay.gateway import Answer, Trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from minidock.jsonfile import Json
    from minidock.kernel.watching import Watched
    from minidock.networks.overlay.gateway import Address
    from minidock.networks.overlay.wire import Wire

_PIECE = 1 << 16


class Question:
    """One question on its way. `heard` is called for each line of the answer, `ended` once: with "", or with why."""

    def __init__(
        self,
        where: Address,
        wire: Wire,
        *,
        heard: Callable[[Json], object],
        ended: Callable[[str], object],
    ) -> None:
        self._wire = wire  # with the question
        self._answer = Answer()
        self._heard = heard
        self._ended = ended
        self._socket: _socket.socket | None = None
        try:
            self._connect(where)
        except OSError as error:
            self._end(reason(error))

    def _connect(self, where: Address) -> None:
        family, kind, protocol, _, address = _socket.getaddrinfo(where.host, where.port, 0, _socket.SOCK_STREAM)[0]
        self._socket = _socket.socket(family, kind | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK, protocol)
        try:
            self._socket.connect(address)
        except BlockingIOError:  # it is being connected: writable means that it is, or that it failed
            pass

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    def close(self) -> None:
        """Ask no more; nobody is told."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def watched(self) -> Iterator[Watched]:
        if self._socket:
            yield (
                (self._socket.fileno(), WRITE, self._send)
                if self._wire.unsent
                else (self._socket.fileno(), READ, self._read)
            )

    def _send(self) -> None:
        if self._socket:
            try:
                sent = self._socket.send(self._wire.unsent, _socket.MSG_NOSIGNAL)
                self._wire.unsent = self._wire.unsent[sent:]
            except BlockingIOError:
                return
            except OSError as error:
                self._end(reason(error))

    def _read(self) -> None:
        if not self._socket:
            return
        try:
            data = self._socket.recv(_PIECE)
            plain = self._wire.received(data)
            documents = self._answer.feed(plain) if plain or not data else []
        except BlockingIOError:
            return
        except OSError as error:
            self._end(reason(error))
            return
        except Trouble as trouble:
            self._end(trouble.message)
            return
        for document in documents:
            self._heard(document)
        if not data:
            self._end("")

    def _end(self, why: str) -> None:
        self.close()
        self._ended(why)
