"""What a person may answer at a stop, and how it is read."""

from __future__ import annotations

import os

GO, ON, LEAVE, CHANGES, WHY = "", "c", "q", "s", "w"
DECISIONS = (GO, ON, LEAVE)
_INPUT = 0


class Typed:
    """Standard input, a byte at a time: what follows an answer may be meant for the program."""

    fd = _INPUT

    def __init__(self) -> None:
        self.has_ended = False
        self._begun = b""

    def read(self) -> str | None:
        """A whole answer; None if there is none yet, or there will be none any more."""
        try:
            byte = os.read(_INPUT, 1)
        except OSError:  # EIO: the terminal is gone
            byte = b""
        self.has_ended = not byte
        if byte != b"\n":
            self._begun += byte
            return None
        answer, self._begun = self._begun.decode(errors="replace").strip(), b""
        return answer
