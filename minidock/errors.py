"""The one kind of error that people see: what happened, to which thing, and what to do next."""

from __future__ import annotations

import os
from errno import errorcode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class MinidockError(Exception):
    """An error for a person: `message` names the object and the value, `hint` says what to do next.

    `code` is the exit code a command line should end with; 126 and 127 keep the shell's meaning
    (found but cannot be executed, not found). `facts` are what is known of how it came to fail, for diagnosis/ to go
    by; what that finds takes the place of the hint: the cause, a command that confirms it, and what mends it.
    """

    def __init__(self, message: str, *, hint: str = "", code: int = 1, facts: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        self.facts: dict[str, Any] = facts or {}
        self.finding: dict[str, str] = {}

    @property
    def advice(self) -> str:
        """What follows the message: lines, each beginning with two spaces; nothing, if there is nothing to say."""
        said = {**self.finding, **({"hint": self.hint} if self.hint else {})}
        return "\n".join(f"  {what}: {text}" for what, text in said.items())

    def __str__(self) -> str:
        return f"{self.message}\n{self.advice}" if self.advice else self.message

    def told(self) -> dict[str, Any]:
        """All of it, for another process that `heard` makes the same error of."""
        told = {"failed": self.message, "hint": self.hint, "code": self.code}
        return {**told, "facts": self.facts, "finding": self.finding}


def heard(told: dict[str, Any]) -> MinidockError:
    """The error that another process tells of."""
    error = MinidockError(told["failed"], hint=told["hint"], code=told["code"], facts=told["facts"])
    error.finding = told["finding"]
    return error


class ClientRefusal(MinidockError):
    """What Docker's client refuses by itself. Such errors end even `run` with 1, where others end it with 125."""


def reason(error: OSError) -> str:
    """What the kernel said, in words: `mount(…): Operation not permitted`."""
    said = os.strerror(error.errno) if error.errno else str(error)
    return f"{error.filename}: {said}" if error.filename else said


def name_of(number: int) -> str:
    """What an errno is called: of several names the one that strace shows. errno(3)"""
    return {95: "EOPNOTSUPP", 35: "EDEADLK"}.get(number) or errorcode.get(number, "")


def harmless(text: str, instead: str = "?") -> str:
    """What somebody else has said, on one line, and without what a terminal would take for more than text."""
    return "".join(letter if letter.isprintable() else instead for letter in text)


def one_line(text: str) -> str:
    """For a comment, or a line of a list: what would begin another line, or move a cursor, is spelled out."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def facts_of(error: OSError) -> dict[str, Any]:
    """What a failed call tells of itself, for diagnosis/."""
    call = error.filename.decode(errors="replace") if isinstance(error.filename, bytes) else error.filename
    return {"errno": error.errno or 0, "call": str(call) if call is not None else ""}
