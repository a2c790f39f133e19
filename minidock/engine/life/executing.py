"""One more program in a running container: `exec`. This process is its parent, so no monitor has a part in it."""

from __future__ import annotations

import os
import time

from minidock.engine.life.session import Manner, Session, check_terminal, write_all
from minidock.engine.monitor.streams import Streams
from minidock.errors import MinidockError
from minidock.kernel import processes, signals
from minidock.kernel.watching import READ, wait
from minidock.oci.document import Node
from minidock.oci.spec import Process
from minidock.runtime import container as runtime
from minidock.runtime.executing import execute
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from minidock.engine.engine import Engine
    from minidock.jsonfile import Json
    from minidock.kernel.watching import Watched
    from minidock.state.containers import Row

_COULD_NOT = 126  # as in Docker, whatever it was that kept the program from being executed
_LAST_WORDS = 1.0  # seconds, for output that others in the container still hold open


class Request:
    """What to execute, and how."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = list(words)
        self.environment: list[str] = []
        self.user = ""
        self.workdir = ""
        self.terminal = False
        self.interactive = False
        self.privileged = False


class Execution:
    """A program that runs in a container as our child. It can be the far end of a session."""

    def __init__(self, engine: Engine, row: Row, request: Request, *, detached: bool = False) -> None:
        container = _running(engine, row)
        self.name = os.urandom(32).hex()
        self.code: int | None = None
        self._streams = Streams(_show, terminal=request.terminal, interactive=request.interactive, silent=detached)
        ours = [os.dup(fd) for fd in range(3)]
        try:
            processes.let_go_of_streams()
            console = self._streams.lend()
            process = _process(container, request)
            self.pid = execute(container, process, console=console, meanwhile=lambda: self._tell(engine, row, request))
        except MinidockError as error:
            error.code = _COULD_NOT if error.code == 1 else error.code
            raise
        finally:
            self._streams.take_back()
            for fd, saved in enumerate(ours):
                os.dup2(saved, fd)
                os.close(saved)
        self._pidfd = os.pidfd_open(self.pid)

    def _tell(self, engine: Engine, row: Row, request: Request) -> None:
        """As in Docker, before it is known whether it can be executed."""
        line = " ".join(request.words).encode(errors="replace").decode()  # words may be any bytes
        with engine.database.change() as change:
            for action in ("exec_create", "exec_start"):
                containers.event(change, row, f"{action}: {line}", execID=self.name)

    @property
    def wants_input(self) -> bool:
        return self._streams.wants_input

    def watched(self) -> Iterator[Watched]:
        yield self._pidfd, READ, self._end
        yield from self._streams.watched_outputs()
        yield from self._streams.watched_input()

    def _end(self) -> None:
        deadline = time.monotonic() + _LAST_WORDS
        while not self._streams.is_drained and wait(self._streams.watched_outputs(), deadline - time.monotonic()):
            pass
        self.code = processes.wait(self.pid)

    def type(self, data: bytes) -> None:
        self._streams.type(data)

    def end_input(self) -> None:
        self._streams.end_input()

    def resize(self, rows: int, columns: int) -> None:
        self._streams.resize(rows, columns)

    def signal(self, number: int) -> None:
        try:
            signals.send(self._pidfd, number)
        except ProcessLookupError:
            pass

    def leave(self) -> None:
        """Go away without ending it: a child of ours stays to hold its terminal or pipes, as long as it runs."""
        if self._streams.is_drained or os.fork():
            return
        try:
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            for fd in range(3):
                os.dup2(null, fd)
            ended: list[bool] = []
            while not ended:
                wait([(self._pidfd, READ, lambda: ended.append(True)), *self._streams.watched_outputs()])
        finally:
            os._exit(0)


def _show(stream: str, data: bytes) -> None:
    write_all(1 if stream == "stdout" else 2, data)


def run(engine: Engine, row: Row, request: Request, manner: Manner) -> int | None:
    """Execute, and be with the program; its exit code, or None for a person who left before its end."""
    check_terminal(terminal=request.terminal, typing=request.interactive)
    execution = Execution(engine, row, request)
    code = Session(execution, manner, typing=request.interactive, terminal=request.terminal).stay()
    if code is None:
        execution.leave()
        return None
    with engine.database.change() as change:
        containers.event(change, row, "exec_die", execID=execution.name, exitCode=str(code))
    return code


def run_detached(engine: Engine, row: Row, request: Request) -> None:
    Execution(engine, row, request, detached=True).leave()


def _running(engine: Engine, row: Row) -> runtime.Container:
    if row.status == containers.PAUSED:
        raise MinidockError(f"container {row.name} is paused, unpause the container before exec")
    if row.status == containers.RESTARTING:
        raise MinidockError(f"container {row.id} is restarting, wait until the container is running")
    if row.status != containers.RUNNING:
        raise MinidockError(f"container {row.id} is not running", hint=f"minidock start {row.name}")
    return runtime.Container.load(engine.run_root, row.id)


def _process(container: runtime.Container, request: Request) -> Process:
    """The container's own process, with what is asked for in its place."""
    own: Json = container.document["process"]
    capabilities = privileges() if request.privileged else own.get("capabilities", {})
    asked = {
        **own,
        "args": request.words,
        "terminal": request.terminal,
        "env": [*own.get("env", []), *(["TERM=xterm"] if request.terminal else []), *request.environment],
        "capabilities": capabilities,
        "cwd": request.workdir or own.get("cwd", "/"),
    }
    asked.pop("consoleSize", None)
    if request.user:
        asked["user"] = _user(request.user)
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
