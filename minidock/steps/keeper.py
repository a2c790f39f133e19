"""The line to the network keeper, the process that does on behalf of steps what needs netlink or nftables.

A request is a flat JSON object in one packet, with descriptors where there is something to point at; so is the answer.
Where no keeper is, the first who needs one starts it. Who that is, is settled by a lock that is held for no longer,
flock(2). The socket is bound before the new process runs, so whoever comes meanwhile connects, and waits to be heard:
nobody has to ask again and again. Each request may be made twice, so one that was under way when the keeper
died is made once more, to the next. unix(7)
"""

from __future__ import annotations

import _socket
import fcntl
import os
import struct
import sys

from minidock import jsonfile
from minidock.errors import MinidockError, heard
from minidock.kernel import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minidock.jsonfile import Json

KIND = _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC
LONGEST = 1 << 17  # bytes of a request or an answer
LISTENER = 3  # the descriptor that a keeper finds its socket at
_MODULE = "minidock.networks.keeper.__main__"
_PATIENCE = 60.0  # seconds
_CANNOT_BEGIN = {"errno": 2, "call": "libnftables.so.1"}  # what it may lack: without a firewall it is nothing
_BACKLOG = 4096
_IGNORED = ("HUP", "INT", "QUIT", "TERM", "TSTP", "PIPE")  # by the monitor that may be the one who starts it


def socket_name(table: str) -> str:
    """In the run directory, which several roots may share, each with a table of its own; and so may network namespaces,
    each of which is a host of its own for all that a keeper does.
    """
    return f"{table.replace('minidock', 'keeper', 1)}-{os.stat('/proc/self/ns/net').st_ino}.sock"


class _GoneError(Exception):
    """The keeper ended before it answered."""


class Keeper:
    """A line to the keeper of a run directory; connected when there is something to ask."""

    def __init__(self, root: str, run: str, table: str) -> None:
        self._words = [root, run, table]
        self._run = run
        self._name = socket_name(table)
        self._socket: _socket.socket | None = None
        self._starter = 0  # the process that a keeper leaves at its birth, as long as nobody has heard of its end

    def ask(self, operation: str, *descriptors: int, **arguments: Json) -> Json:
        """Have something done; what it comes to. Raises what went wrong there as if it had gone wrong here."""
        request = jsonfile.dump({"do": operation, **arguments}).encode()
        for _ in range(2):
            try:
                return _outcome(self._exchange(request, descriptors))
            except _GoneError:
                self.close()
        raise MinidockError(
            f"the network keeper ended twice while it was asked for: {operation}",
            hint=f"{self._run}/keeper.log tells why, if it was a mistake of its own",
            facts=_CANNOT_BEGIN,
        )

    def connect(self) -> None:
        """Be connected from now on: a keeper stays as long as somebody is."""
        if self._socket is None:
            self._socket = self._connected() or self._first()
        self._bury()

    def foresee(self) -> None:
        """The same, but wait for nothing; whoever asks hears what went wrong. What is left to do, `close` does."""
        try:
            self._socket = self._socket or self._connected() or self._first()
        except _GoneError:
            pass

    def fileno(self) -> int:
        return self._socket.fileno() if self._socket else -1

    def is_there(self) -> bool:
        """Whether there is a keeper now; none is started."""
        if self._socket is None:
            self._socket = self._connected()
        return self._socket is not None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._bury()

    def _bury(self) -> None:
        if self._starter:
            os.waitpid(self._starter, 0)
            self._starter = 0

    def _exchange(self, request: bytes, descriptors: Sequence[int]) -> bytes:
        packed = struct.pack(f"{len(descriptors)}i", *descriptors)
        rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed)] if descriptors else []
        try:
            self.connect()
            assert self._socket is not None
            self._socket.sendmsg([request], rights, _socket.MSG_NOSIGNAL)
            answer = self._socket.recv(LONGEST)
        except TimeoutError:
            self.close()  # what it may still say would be taken for the next answer
            raise MinidockError(f"the network keeper has not answered for {_PATIENCE:.0f} seconds") from None
        except (BrokenPipeError, ConnectionResetError):
            raise _GoneError from None
        if not answer:
            raise _GoneError
        return answer

    # Starting one -------------------------------------------------------------------------------------

    def _connected(self) -> _socket.socket | None:
        """A connection, if somebody listens."""
        made = _socket.socket(_socket.AF_UNIX, KIND, 0)
        try:
            self._at_address(made.connect)
        except (FileNotFoundError, ConnectionRefusedError):
            made.close()
            return None
        made.settimeout(_PATIENCE)
        return made

    def _first(self) -> _socket.socket:
        """The same; who comes first starts a keeper."""
        os.makedirs(self._run, mode=0o700, exist_ok=True)
        lock = os.open(f"{self._run}/keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made = self._connected()
            if made is None:
                self._start()
                made = self._connected()
        finally:
            os.close(lock)
        if made is None:  # it ended as soon as it began
            raise _GoneError
        return made

    def _start(self) -> None:
        """Bind the socket, and begin a process that has it; it leaves this one by a fork of its own."""
        listener = _socket.socket(_socket.AF_UNIX, KIND, 0)
        try:
            self._unlink()
            os.fchmod(listener.fileno(), 0o600)  # what the bound file will have, from its first moment
            self._at_address(listener.bind)
            listener.listen(_BACKLOG)
            self._starter = _spawn(self._words, listener.fileno())
        finally:
            listener.close()

    def _unlink(self) -> None:
        try:
            os.unlink(f"{self._run}/{self._name}")
        except FileNotFoundError:
            pass

    def _at_address(self, call: Callable[[str], object]) -> None:
        """An address has at most 107 bytes: by a descriptor of the directory it always fits. unix(7)"""
        directory = os.open(self._run, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            call(f"/proc/self/fd/{directory}/{self._name}")
        finally:
            os.close(directory)


def _spawn(words: list[str], listener: int) -> int:
    """The process that becomes the keeper's parent, and ends at once."""
    launcher = os.path.join(os.path.dirname(sys.modules["minidock"].__file__ or ""), "launch.py")
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    streams = [(os.POSIX_SPAWN_DUP2, null, number) for number in range(3)]
    try:
        return os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", launcher, _MODULE, *words],
            os.environ,
            file_actions=[*streams, (os.POSIX_SPAWN_DUP2, listener, LISTENER)],
            setsid=True,
            setsigmask=(),
            setsigdef=[signals.NAMES[name] for name in _IGNORED],
        )
    finally:
        os.close(null)


def _outcome(answer: bytes) -> Json:
    told = jsonfile.parse(answer.decode())
    if "failed" not in told:
        return told["done"]
    if told["errno"]:
        raise OSError(told["errno"], os.strerror(told["errno"]), told["failed"])
    raise heard(told)
