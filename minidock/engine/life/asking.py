"""Asking a container's monitor for something, without the database, which takes longer to load than what is asked.

The monitor is found by the container's name (by_name.py), and told that name: only one that is called so, and whose
container runs, does what it is asked. All others are mistaken for it, and the state says who is meant. unix(7)
"""

from __future__ import annotations

import _socket

from minidock import jsonfile
from minidock.engine.life import by_name, wire
from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json

SOCKET = "ask.sock"  # in the container's directory of the runtime
MISTAKEN = b"m"  # whoever was meant, it is not this container; or this is not the time to ask


class Mistaken(MinidockError):
    """It was not the right one to ask: the state says who is, or why there is none."""


def by_word(run_root: str, word: str) -> _socket.socket | None:
    """A line to the monitor of the container that seems to be called so, by its name or its whole id."""
    name = word.removeprefix("/")
    if "/" in name or name in ("", ".", ".."):
        return None
    return _connected(by_name.place(run_root, name)) or _connected(f"{run_root}/{name}")


def by_id(run_root: str, container_id: str) -> _socket.socket | None:
    return _connected(f"{run_root}/{container_id}")


def _connected(directory: str) -> _socket.socket | None:
    try:
        return wire.connected(directory, SOCKET)
    except OSError:
        return None


def ask(line: _socket.socket, asked: Json, *descriptors: int) -> None:
    """What comes of it is heard from the other side, or that it has gone."""
    try:
        wire.send(line, jsonfile.dump(asked).encode(), *descriptors)
    except BrokenPipeError:
        pass
