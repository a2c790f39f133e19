"""Asking a container's monitor for something, without the database, which takes longer to load than what is asked.

The monitor is found by the container's name (by_name.py), and told that name: only one that is called so, and whose
container runs, does what it is asked. All others are mistaken for it, and the state says who is meant. unix(7)
"""

from __future__ import annotations

import _socket
import sys

from minidock import jsonfile
from minidock.engine.life import by_name, wire
from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json

SOCKET = "ask.sock"  # in the container's directory of the runtime
MISTAKEN = b"m"  # whoever was meant, it is not this container; or this is not the time to ask
_INT = 4  # bytes of a descriptor's number, in a message that passes it on
_MOST_DESCRIPTORS = 5  # a request for a program, its three streams, and where a terminal's master is to be sent


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
        send(line, jsonfile.dump(asked).encode(), *descriptors)
    except BrokenPipeError:
        pass


def send(line: _socket.socket, data: bytes, *descriptors: int) -> None:
    packed = b"".join(fd.to_bytes(_INT, sys.byteorder) for fd in descriptors)
    rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed)] if descriptors else []
    line.sendmsg([data], rights, _socket.MSG_NOSIGNAL)


def receive(line: _socket.socket) -> tuple[bytes, list[int]]:
    """Nothing, where the other side has gone."""
    room = _socket.CMSG_SPACE(_INT * _MOST_DESCRIPTORS)
    try:
        data, rights, _, _ = line.recvmsg(wire.LONGEST, room, _socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return b"", []
    packed = rights[0][2] if rights else b""
    numbers = [packed[place : place + _INT] for place in range(0, len(packed), _INT)]
    return data, [int.from_bytes(number, sys.byteorder) for number in numbers]
