"""The baton: how the two processes that walk one plan take turns, and tell each other of failure.

A pair of connected sockets. "Go on" may carry descriptors (detached mounts that only the host's side may
make); "failed" carries the error as a person should read it. If the other process dies, its end of the
pair closes, and waiting ends at once with a clear error rather than for ever.
"""

from __future__ import annotations

import _socket
import struct

from minidock import jsonfile
from minidock.errors import MinidockError, heard

_LONGEST = 65536
_NUMBER = struct.Struct("=q")
_MOST_DESCRIPTORS = 250  # the kernel passes at most 253 in one message: SCM_MAX_FD
_LONGEST_TEXT = 2048  # of a message to a person; each letter may take twelve as JSON


class PeerDied(MinidockError):
    """The other process ended without a word."""


class Baton:
    """One end of the pair; before the birth of the other process, both ends."""

    def __init__(self, mine: _socket.socket | None = None) -> None:
        self._ends: tuple[_socket.socket, _socket.socket] | None = None
        self._mine = mine
        self.other = 0  # the pid of the process at the other end, where it is known

    @property
    def shared(self) -> bool:
        return self._mine is not None

    def make(self) -> None:
        """Called just before the birth of the other process."""
        kind = _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC
        self._ends = _socket.socketpair(_socket.AF_UNIX, kind, 0)

    def take_end(self, which: int) -> None:
        """Keep one end and close the other, so that the death of either process is seen by its peer."""
        if self._ends is not None:
            self._mine, other = self._ends[which], self._ends[1 - which]
            self._ends = None
            other.close()

    def fileno(self) -> int:
        return self._mine.fileno() if self._mine is not None else -1

    def pass_on(self, descriptors: dict[str, int] | None = None) -> None:
        """Say "go on", handing over descriptors by name: as many in a message as its length and the kernel allow."""
        names: list[str] = []
        for name in descriptors or {}:
            if names and (len(names) == _MOST_DESCRIPTORS or len(jsonfile.dump([*names, name])) > _LONGEST // 2):
                self._send({"go": names, "more": True}, [(descriptors or {})[each] for each in names])
                names = []
            names.append(name)
        self._send({"go": names, "more": False}, [(descriptors or {})[each] for each in names])

    def fail(self, error: MinidockError) -> None:
        """Tell the other process why this one gives up."""
        told = {**error.told(), "failed": error.message[:_LONGEST_TEXT], "hint": error.hint[:_LONGEST_TEXT]}
        if len(jsonfile.dump(told)) > _LONGEST:
            told |= {"facts": {}, "finding": {}}
        self._send(told)

    def wait_for_end(self) -> None:
        """Be there to be looked at until the other process has no more questions, and closes its end."""
        assert self._mine is not None
        self._mine.recv(1)

    def wait(self) -> dict[str, int]:
        """Wait for "go on"; raises what the other process failed with."""
        received: dict[str, int] = {}
        while True:
            message, descriptors = self._receive()
            if "failed" in message:
                raise self._heard(message)
            received.update(zip(message["go"], descriptors, strict=True))
            if not message["more"]:
                return received

    def outcome(self) -> int | None:
        """How the other process's execve(2) went: None when its end closed, that is well; else the errno.

        A trampoline cannot write JSON: it tells a number, in 8 bytes, and every other message is longer. An
        exec that forks tells the new process's number first, which `wait_number` has read by then.
        """
        assert self._mine is not None
        data = self._mine.recv(_LONGEST)
        if len(data) == _NUMBER.size:
            return -int(_NUMBER.unpack(data)[0])
        if data:
            raise self._heard(jsonfile.parse(data.decode()))
        return None

    def wait_number(self) -> int:
        """The number that a forking trampoline tells: its child's pid, or a negative errno."""
        result = self.outcome()
        if result is None:
            raise PeerDied("the process that was to execute the program ended without a word")
        return -result

    def close(self) -> None:
        for end in (self._mine, *(self._ends or ())):
            if end is not None:
                end.close()
        self._mine = self._ends = None

    def _heard(self, told: jsonfile.Json) -> MinidockError:
        """What the other process failed with, and why: it waits, so that its world can be looked at from here.

        It cannot find out by itself. What looks for causes is loaded when there is something to explain, and that
        process loads nothing any more.
        """
        error = heard(told)
        if self.other and error.facts:
            from minidock.diagnosis import diagnosing

            diagnosing.explain(error, self.other)
        return error

    def _send(self, message: jsonfile.Json, descriptors: list[int] | None = None) -> None:
        assert self._mine is not None
        packed = struct.pack(f"{len(descriptors or [])}i", *(descriptors or []))
        rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed)] if descriptors else []
        try:
            self._mine.sendmsg([jsonfile.dump(message).encode()], rights, _socket.MSG_NOSIGNAL)
        except OSError as error:
            raise PeerDied(f"the other process of the plan is gone: {error.strerror}") from error

    def _receive(self) -> tuple[jsonfile.Json, list[int]]:
        assert self._mine is not None
        room = _socket.CMSG_SPACE(4 * _MOST_DESCRIPTORS)
        try:
            data, ancillary, _, _ = self._mine.recvmsg(_LONGEST, room, _socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            data, ancillary = b"", []
        if not data:
            raise PeerDied("the other process of the plan ended without a word")
        descriptors = [fd for _, _, rights in ancillary for (fd,) in struct.iter_unpack("i", rights)]
        return jsonfile.parse(data.decode()), descriptors
