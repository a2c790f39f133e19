"""What a container's monitor and its clients say to each other: one message a packet, its first byte the kind.

The socket keeps the limits of messages (SOCK_SEQPACKET), so none has to be counted. A client that says nothing
else wants nothing but the end: so `wait` is a client too. unix(7)
"""

from __future__ import annotations

import _socket
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

INPUT, SIZE, HELLO = b"i", b"w", b"h"  # from a client: typed (nothing: the end of input); rows and columns; its wishes
OUTPUT, ERRORS = b"1", b"2"  # to a client: what the program wrote
STARTED, FAILED, ENDED = b"s", b"f", b"x"  # the program runs; could not be started, and why; ended, and how
KIND = _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC
CHUNK = 65536
LONGEST = CHUNK + 1
STREAMS = {"stdout": OUTPUT, "stderr": ERRORS}
SOCKET = "attach.sock"  # in the container's directory of the runtime
_INT = 4  # bytes of a descriptor's number, in a message that passes it on
_MOST_DESCRIPTORS = 5  # that are passed on with a message


def listening(directory: str, name: str, most: int) -> _socket.socket:
    """A socket of this name, for so many at a time to wait at."""
    listener = _socket.socket(_socket.AF_UNIX, KIND, 0)
    _at(directory, name, listener.bind)
    listener.listen(most)
    listener.setblocking(False)
    return listener


def connected(directory: str, name: str) -> _socket.socket:
    """A line to whoever listens there."""
    line = _socket.socket(_socket.AF_UNIX, KIND, 0)
    try:
        _at(directory, name, line.connect)
    except OSError:
        line.close()
        raise
    return line


def accepted(listener: _socket.socket) -> _socket.socket | None:
    """The line to who has come; none if it went away again."""
    try:
        fd, _ = listener._accept()  # type: ignore[attr-defined] # what socket.accept() wraps
    except OSError:
        return None
    return _socket.socket(fileno=fd)


def send(line: _socket.socket, data: bytes, *descriptors: int) -> None:
    """Pass descriptors on along with a message."""
    packed = b"".join(fd.to_bytes(_INT, sys.byteorder) for fd in descriptors)
    rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed)] if descriptors else []
    line.sendmsg([data], rights, _socket.MSG_NOSIGNAL)


def tell(line: _socket.socket, message: bytes) -> None:
    """Whoever has gone away does not hear it."""
    try:
        line.send(message, _socket.MSG_NOSIGNAL)
    except OSError:
        pass


def receive(line: _socket.socket) -> tuple[bytes, list[int]]:
    """A message, and the descriptors that came along. Nothing, where the other side has gone."""
    room = _socket.CMSG_SPACE(_INT * _MOST_DESCRIPTORS)
    try:
        data, rights, _, _ = line.recvmsg(LONGEST, room, _socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return b"", []
    packed = rights[0][2] if rights else b""
    numbers = [packed[place : place + _INT] for place in range(0, len(packed), _INT)]
    return data, [int.from_bytes(number, sys.byteorder) for number in numbers]


def in_memory(text: str) -> int:
    """A file with a text that may be longer than a message, to be passed on."""
    memory = os.memfd_create("told", os.MFD_CLOEXEC)
    os.write(memory, text.encode())
    os.lseek(memory, 0, os.SEEK_SET)
    return memory


def read(memory: int) -> str:
    """The text of such a file, which is closed."""
    with open(memory, "rb") as file:
        return file.read().decode()


def _at(directory: str, name: str, call: Callable[[str], object]) -> None:
    """An address has at most 107 bytes: by a descriptor of the directory it always fits. unix(7)"""
    fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        call(f"/proc/self/fd/{fd}/{name}")
    finally:
        os.close(fd)
