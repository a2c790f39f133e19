"""The observer that tells somebody else what is done, and may wait before each step until they say "go on".

Each message is one packet, so both processes that walk a plan share one socket: by turns, as they walk. unix(7)
"""

from __future__ import annotations

import _socket

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.steps.step import Observer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json
    from minidock.steps.step import Step

BEFORE, DONE, FAILED = "before", "done", "failed"
GO = b"g"  # the answer to BEFORE; any other, or none, is to undo everything
LEFT = 130  # the exit code of whoever leaves: that of Ctrl-C


class Teller(Observer):
    """One end of the socket, in both processes."""

    def __init__(self, socket: _socket.socket, *, asks: bool) -> None:
        self._socket = socket
        self._asks = asks

    def before(self, step: Step) -> None:
        if self._asks:
            self._ask(step)
        elif not step.returns:
            self._tell({"is": BEFORE, "step": step.name})

    def after(self, step: Step, seconds: float) -> None:
        self._tell({"is": DONE, "step": step.name, "seconds": seconds})

    def failed(self, step: Step, seconds: float, message: str) -> None:
        self._tell({"is": FAILED, "step": step.name, "seconds": seconds, "message": message})

    def close(self) -> None:
        self._socket.close()

    def _ask(self, step: Step) -> None:
        try:
            self._tell({"is": BEFORE, "step": step.name})
            answer = self._socket.recv(1)
        except OSError:  # the one who was to answer is gone
            answer = b""
        if answer != GO:
            raise MinidockError(f"stopped before the step {step.name}, and undone", code=LEFT)

    def _tell(self, message: Json) -> None:
        try:
            self._socket.send(jsonfile.dump(message).encode(), _socket.MSG_NOSIGNAL)
        except OSError:  # nobody listens any more, which harms nothing
            pass
