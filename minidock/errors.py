"""The one kind of error that people see: what happened, to which thing, and what to do next."""

from __future__ import annotations

import os


class MinidockError(Exception):
    """An error for a person: `message` names the object and the value, `hint` says what to do next.

    `code` is the exit code a command line should end with; 126 and 127 keep the shell's meaning
    (found but cannot be executed, not found).
    """

    def __init__(self, message: str, *, hint: str = "", code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class ClientRefusal(MinidockError):
    """What Docker's client refuses by itself. Such errors end even `run` with 1, where others end it with 125."""


def reason(error: OSError) -> str:
    """What the kernel said, in words: `mount(…): Operation not permitted`."""
    said = os.strerror(error.errno) if error.errno else str(error)
    return f"{error.filename}: {said}" if error.filename else said


def advice(error: OSError) -> str:
    """What to do next, where the kernel's answer alone tells."""
    return "this needs root: try again with sudo" if isinstance(error, PermissionError) and os.geteuid() else ""
