"""Messages over TCP: each with its length before it, in two bytes. RFC 1035, 4.2.2; RFC 7766

Both the clients that ask us and the servers that we ask are spoken to like this, without ever waiting for them.
"""

from __future__ import annotations

import _socket

from minidock.kernel.watching import READ, WRITE

_MOST_UNSENT = 1 << 17  # bytes: two of the longest messages
_CHUNK = 1 << 14


class Ended(Exception):
    """The other side is gone, or does not listen."""


class Conversation:
    """One connection."""

    def __init__(self, socket: _socket.socket) -> None:
        socket.setblocking(False)
        self.socket = socket
        self._arrived = b""
        self._unsent = b""

    @property
    def events(self) -> int:
        """What to wait for."""
        return READ | WRITE if self._unsent else READ

    def hear(self) -> list[bytes]:
        """The messages that have come as a whole."""
        try:
            data = self.socket.recv(_CHUNK)
        except BlockingIOError:
            return []
        except OSError as error:
            raise Ended from error
        if not data:
            raise Ended
        self._arrived += data
        return self._messages()

    def _messages(self) -> list[bytes]:
        found, at = [], 0
        while at + 2 <= len(self._arrived):
            end = at + 2 + int.from_bytes(self._arrived[at : at + 2], "big")
            if end > len(self._arrived):
                break
            found.append(self._arrived[at + 2 : end])
            at = end
        self._arrived = self._arrived[at:]
        return found

    def say(self, message: bytes) -> None:
        if len(self._unsent) > _MOST_UNSENT:
            raise Ended
        self._unsent += len(message).to_bytes(2, "big") + message
        self.flush()

    def flush(self) -> None:
        """Send what can be sent now. While a connection is being made, that is nothing."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self.socket.send(self._unsent, _socket.MSG_NOSIGNAL) :]
        except BlockingIOError:
            pass
        except OSError as error:
            raise Ended from error
