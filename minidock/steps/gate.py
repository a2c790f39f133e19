"""The gate between create and start: a container that is made waits here until somebody says go.

A unix socket in the container's directory. The waiting process listens; `start` connects. The connection
also tells `start` how it went: it is closed by the program's execve(2), or carries the error before.
"""

from __future__ import annotations

import _socket
import os

from minidock.errors import MinidockError
from minidock.steps.baton import Baton, PeerDied

_KIND = _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC


class Gate:
    """A container's gate, by its directory."""

    def __init__(self, directory: str) -> None:
        self.path = f"{directory}/start.sock"
        self._directory = directory
        self._listener: _socket.socket | None = None

    def build(self) -> None:
        """Begin to listen; the newborn process inherits the socket."""
        self._listener = _socket.socket(_socket.AF_UNIX, _KIND, 0)
        self._at_address(self._listener.bind)
        self._listener.listen(1)

    def close(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def wait(self) -> Baton:
        """Inside: wait for somebody to knock; the answer goes through the baton."""
        assert self._listener is not None
        fd, _ = self._listener._accept()  # type: ignore[attr-defined] # what socket.accept() wraps
        self.close()
        baton = Baton(_socket.socket(fileno=fd))
        baton.pass_on()  # only the one who hears this was first
        return baton

    def knock(self) -> Baton:
        """Outside: reach the waiting process. Only the first to knock is answered."""
        socket = _socket.socket(_socket.AF_UNIX, _KIND, 0)
        baton = Baton(socket)
        try:
            self._at_address(socket.connect)
            self.tear_down()
            baton.wait()
        except (FileNotFoundError, ConnectionRefusedError, PeerDied):
            baton.close()
            raise MinidockError("the container is not waiting to be started", hint="it was started before") from None
        return baton

    def tear_down(self) -> None:
        """Somebody has knocked. Of two at once, either may be the one who is let in."""
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass

    def _at_address(self, call: _AddressCall) -> None:
        """An address has at most 107 bytes: by a descriptor of the directory it always fits. unix(7)"""
        directory = os.open(self._directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            call(f"/proc/self/fd/{directory}/start.sock")
        finally:
            os.close(directory)


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    _AddressCall = Callable[[str], object]
