"""Programs that commands have executed in a monitor's container: each has a parent of its own, forked from the monitor.

So the monitor waits for none of them, and none of them is in its way. It sees to it that those parents are buried.
"""

from __future__ import annotations

import _socket
import os

from minidock import jsonfile
from minidock.engine.life import asking, wire
from minidock.errors import MinidockError, reason
from minidock.kernel import processes
from minidock.kernel.watching import READ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import NoReturn

    from minidock.engine.monitor.process import Monitor
    from minidock.jsonfile import Json
    from minidock.kernel.watching import Watched
    from minidock.oci.spec import Process
    from minidock.runtime.container import Container

# What an exec takes: loaded by a monitor that has time.
NEEDED = ("minidock.runtime.executing", "minidock.kernel.birth")
_NAME = "minidock:exec"
_STREAMS = 3
_MOST_DESCRIPTORS = 1 << 20


class Bearers:
    """What a monitor has to do with them."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._children: dict[int, int] = {}  # by a descriptor that says when they have ended

    def fork(self, line: _socket.socket, descriptors: Sequence[int], *, sure: bool) -> None:
        """One more, that talks to whoever has asked for it, and is sure, or not, that it is to be this container."""
        pid = os.fork()
        if pid == 0:
            _live(line, self._monitor.engine.run_root, self._monitor.row.id, descriptors, sure=sure)
        self._children[os.pidfd_open(pid)] = pid

    def watched(self) -> Iterator[Watched]:
        for pidfd in self._children:
            yield pidfd, READ, lambda pidfd=pidfd: self._bury(pidfd)  # type: ignore[misc]

    def _bury(self, pidfd: int) -> None:
        os.waitpid(self._children.pop(pidfd), 0)
        os.close(pidfd)

    def told(self) -> list[int]:
        """For the same process, begun afresh."""
        return list(self._children.values())

    def restore(self, told: Sequence[int]) -> None:
        self._children = {os.pidfd_open(pid): pid for pid in told}


# The parent of one program --------------------------------------------------------------------------------


def _live(
    line: _socket.socket, run_root: str, container_id: str, descriptors: Sequence[int], *, sure: bool
) -> NoReturn:
    """In the forked process: of all that its monitor holds it keeps what it was given. It has no use for the database,
    and SQLite's locks are the monitor's: the descriptors are closed, and nothing else is done about it."""
    try:
        os.setsid()
        processes.rename(_NAME)
        _close_all_but({line.fileno(), *descriptors})
        _bear(line, run_root, container_id, *descriptors, sure=sure)
    finally:
        os._exit(0)


def _close_all_but(kept: set[int]) -> None:
    first = _STREAMS
    for fd in sorted(kept):
        os.closerange(first, fd)
        first = fd + 1
    os.closerange(first, _MOST_DESCRIPTORS)


def _bear(line: _socket.socket, run_root: str, container_id: str, memory: int, *streams: int, sure: bool) -> None:
    """Execute what is asked for; stay until its end."""
    from minidock.runtime.container import Container, WrongStatus
    from minidock.runtime.record import Missing

    try:
        pid = _execute(Container.load(run_root, container_id), memory, streams)
    except (WrongStatus, Missing) as error:  # it is paused, say, or ends: the state says more
        return _fail(line, error) if sure else wire.tell(line, asking.MISTAKEN)
    except MinidockError as error:
        return _fail(line, error)
    except OSError as error:
        from minidock.diagnosis import diagnosing

        return _fail(line, diagnosing.failed(reason(error), error))
    except Exception as bug:  # the outermost edge of this process: the command must hear of it
        return _fail(line, MinidockError(f"a bug in minidock: {bug!r}"))
    try:
        wire.send(line, wire.STARTED, os.pidfd_open(pid))
    except BrokenPipeError:  # the command has gone away
        pass
    return wire.tell(line, wire.ENDED + b"%d" % processes.wait(pid))


def _fail(line: _socket.socket, error: MinidockError) -> None:
    wire.tell(line, wire.FAILED + jsonfile.dump(error.told()).encode())


def _execute(container: Container, memory: int, streams: Sequence[int]) -> int:
    """The program's pid. It inherits the streams, and we keep none of them: their ends are to be seen."""
    from minidock.runtime.executing import execute

    request = jsonfile.parse(wire.read(memory))
    console = _socket.socket(fileno=streams[_STREAMS]) if len(streams) > _STREAMS else None
    for number, fd in enumerate(streams[:_STREAMS]):
        os.dup2(fd, number)
        os.close(fd)
    try:
        return execute(container, _process(container, request), console=console)
    finally:
        processes.let_go_of_streams()
        if console:
            console.close()


def _process(container: Container, request: Json) -> Process:
    """The container's own process, with what is asked for in its place."""
    from minidock.oci.document import Node
    from minidock.oci.spec import Process

    own: Json = container.document["process"]
    capabilities = privileges() if request["privileged"] else own.get("capabilities", {})
    asked = {
        **own,
        "args": request["words"],
        "terminal": request["terminal"],
        "env": [*own.get("env", []), *(["TERM=xterm"] if request["terminal"] else []), *request["environment"]],
        "capabilities": capabilities,
        "cwd": request["workdir"] or own.get("cwd", "/"),
    }
    asked.pop("consoleSize", None)
    if request["user"]:
        asked["user"] = _user(request["user"])
    return Process(Node(asked, "process"))


def privileges() -> Json:
    from minidock.engine.configuring.privileges import available
    from minidock.runtime import defaults

    return defaults.capability_sets(available())


def _user(text: str) -> Json:
    """Two numbers are taken as they are; all else is looked up in the container, for its groups too."""
    who, _, group = text.partition(":")
    if who.isdecimal() and group.isdecimal():
        return {"uid": int(who), "gid": int(group), "additionalGids": [int(group)]}
    return {"uid": 0, "gid": 0, "username": text}
