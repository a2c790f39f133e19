"""One more program in a running container: its monitor has it executed (bearing.py); the command has its streams."""

from __future__ import annotations

import os
import time

from minidock.engine.life import asking, bearing
from minidock.engine.life.session import Manner, Session, check_terminal, write_all
from minidock.engine.monitor.streams import Streams
from minidock.errors import MinidockError
from minidock.kernel import processes, processors, signals
from minidock.kernel.watching import READ, wait
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Iterator, Sequence

    from minidock.engine.engine import Engine
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
    """A program that is executed in a container. It can be the far end of a session."""

    def __init__(self, engine: Engine, word: str, request: Request, *, detached: bool = False) -> None:
        """Ask for it, at once whoever seems to be meant; the state is looked at while that is tried."""
        self.code: int | None = None
        self._pidfd = -1
        self._name = os.urandom(32).hex()
        self._engine = engine
        self._request = request
        self._detached = detached
        self._is_told = False
        if self._ask(lambda: asking.by_word(engine.run_root, word), word, sure=False):
            processors.make_room()
            self.row = engine.find(word)
            try:
                self._begin()
                return
            except asking.Mistaken:
                self._streams.close()
        self.row = engine.find(word)
        self._ask(lambda: _line_to(engine, self.row), word, sure=True)
        self._begin()

    def _ask(self, find: Callable[[], _socket.socket | None], word: str, *, sure: bool) -> bool:
        """Whether there was somebody to ask. `word`: how the container was called; `sure`: it is known to be this one.
        The other ends of the streams are where a child of ours would inherit them.
        """
        request = self._request
        streams = self._streams = Streams(
            _show, terminal=request.terminal, interactive=request.interactive, silent=self._detached
        )
        bearer = None
        ours = [os.dup(fd) for fd in range(3)]
        try:
            processes.let_go_of_streams()
            console = streams.lend()
            lent = [0, 1, 2, *([console.fileno()] if console else [])]
            bearer = bearing.ask(find, {"word": word, "sure": sure}, vars(request), lent)
        finally:
            streams.take_back()
            for fd, saved in enumerate(ours):
                os.dup2(saved, fd)
                os.close(saved)
            if bearer is None:
                streams.close()
        if bearer is None:
            return False
        self._bearer = bearer
        return True

    def _begin(self) -> None:
        """As in Docker, it is told before it is known whether it can be executed."""
        if not self._is_told:
            self._tell()
        try:
            self._pidfd = self._bearer.begun()
        except asking.Mistaken:
            raise
        except MinidockError as error:
            error.code = _COULD_NOT if error.code == 1 else error.code
            raise

    def _tell(self) -> None:
        line = " ".join(self._request.words).encode(errors="replace").decode()  # words may be any bytes
        with self._engine.database.change() as change:
            for action in ("exec_create", "exec_start"):
                containers.event(change, self.row, f"{action}: {line}", execID=self._name)
        self._is_told = True

    def tell_end(self, code: int) -> None:
        with self._engine.database.change() as change:
            containers.event(change, self.row, "exec_die", execID=self._name, exitCode=str(code))

    @property
    def wants_input(self) -> bool:
        return self._streams.wants_input

    def watched(self) -> Iterator[Watched]:
        yield self._bearer.fileno(), READ, self._end
        yield from self._streams.watched_outputs()
        yield from self._streams.watched_input()

    def _end(self) -> None:
        deadline = time.monotonic() + _LAST_WORDS
        while not self._streams.is_drained and wait(self._streams.watched_outputs(), deadline - time.monotonic()):
            pass
        self.code = self._bearer.ended()

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
            processes.let_go_of_streams()
            ended: list[bool] = []
            while not ended:
                wait([(self._pidfd, READ, lambda: ended.append(True)), *self._streams.watched_outputs()])
        finally:
            os._exit(0)


def _line_to(engine: Engine, row: Row) -> _socket.socket:
    """To the monitor of a container that runs, as the state has it."""
    if row.status == containers.PAUSED:
        raise MinidockError(f"container {row.name} is paused, unpause the container before exec")
    if row.status == containers.RESTARTING:
        raise MinidockError(f"container {row.id} is restarting, wait until the container is running")
    line = asking.by_id(engine.run_root, row.id) if row.status == containers.RUNNING else None
    if line is None:
        raise MinidockError(f"container {row.id} is not running", hint=f"minidock start {row.name}")
    return line


def _show(stream: str, data: bytes) -> None:
    write_all(1 if stream == "stdout" else 2, data)


def run(engine: Engine, word: str, request: Request, manner: Manner) -> int | None:
    """Execute, and be with the program; its exit code, or None for a person who left before its end."""
    check_terminal(terminal=request.terminal, typing=request.interactive)
    execution = Execution(engine, word, request)
    code = Session(execution, manner, typing=request.interactive, terminal=request.terminal).stay()
    if code is None:
        execution.leave()
        return None
    execution.tell_end(code)
    return code


def run_detached(engine: Engine, word: str, request: Request) -> None:
    Execution(engine, word, request, detached=True).leave()
