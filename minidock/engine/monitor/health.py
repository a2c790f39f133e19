"""Health checks: a command executed in the container now and then, whose exit code says how the program is.

starting   no check has succeeded yet, and not too many have failed
healthy    the last one succeeded, or fewer than `retries` have failed since
unhealthy  `retries` in a row have failed

In the start period failures do not count. What is told of a check is Docker's State.Health: the last five.
"""

from __future__ import annotations

import os
import time

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.kernel.watching import READ
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.engine.monitor.process import Monitor
    from minidock.engine.options import Healthcheck
    from minidock.jsonfile import Json
    from minidock.kernel.watching import Watched

STARTING, HEALTHY, UNHEALTHY = "starting", "healthy", "unhealthy"
_SECOND = 1_000_000_000
_INTERVAL = _TIMEOUT = 30 * _SECOND  # of checks that do not say
_START_INTERVAL, _RETRIES = 5 * _SECOND, 3
_MOST_OUTPUT = 4096
_MOST_RESULTS = 5
_TIMED_OUT = -1


class Health:
    """The checks of one run of a container."""

    def __init__(self, monitor: Monitor, check: Healthcheck) -> None:
        self._monitor = monitor
        self._check = check
        self._status, self._streak = STARTING, 0
        self._results: list[Json] = []
        self._born = time.monotonic()
        self._next = self._born + self._pause()
        self._running: _Probe | None = None

    @classmethod
    def of(cls, monitor: Monitor) -> Health | None:
        check = monitor.options.health
        if check is None or check.test[:1] in ([], ["NONE"]):
            return None
        health = cls(monitor, check)
        health._write_down("")
        return health

    def told(self) -> Json | None:
        """For this process to begin afresh; None while a check runs."""
        if self._running:
            return None
        return {"status": self._status, "streak": self._streak, "results": self._results, "born": self._born}

    @classmethod
    def restored(cls, monitor: Monitor, told: Json) -> Health | None:
        check = monitor.options.health
        if check is None:
            return None
        health = cls(monitor, check)
        health._status, health._streak = told["status"], told["streak"]
        health._results, health._born = told["results"], told["born"]
        return health

    def _pause(self) -> float:
        in_start = self._status == STARTING and time.monotonic() - self._born < self._check.start_period / _SECOND
        check = self._check
        return ((check.start_interval or _START_INTERVAL) if in_start else (check.interval or _INTERVAL)) / _SECOND

    @property
    def _timeout(self) -> float:
        return (self._check.timeout or _TIMEOUT) / _SECOND

    def look(self) -> float:
        """Begin a check that is due, end one that takes too long; the seconds until there is something to do."""
        now = time.monotonic()
        if self._running:
            if now >= self._running.deadline:
                self._running.kill()
                self._note(_TIMED_OUT, f"Health check exceeded timeout ({self._timeout:g}s)")
        elif now >= self._next:
            self._begin()
        due = self._running.deadline if self._running else self._next
        return max(0.0, due - time.monotonic())

    def watched(self) -> Iterator[Watched]:
        if self._running:
            yield from self._running.watched(self._ended)

    def stop(self) -> None:
        if self._running:
            self._running.kill()
            self._running = None

    def _begin(self) -> None:
        container = self._monitor.load()
        if container.status() != "running":  # a paused one cannot answer
            self._next = time.monotonic() + self._pause()
            return
        started = containers.now()
        try:
            self._running = _Probe(container, _words(self._check.test), self._timeout)
        except (MinidockError, OSError) as error:
            self._running = None
            self._note(getattr(error, "code", 1), str(error), started)

    def _ended(self, code: int, output: str) -> None:
        self._note(code, output)

    def _note(self, code: int, output: str, started: int = 0) -> None:
        """One more result, and what it means."""
        began = self._running.started if self._running else started
        self._running = None
        result = {"Start": began, "End": containers.now(), "ExitCode": code, "Output": output}
        self._results = [*self._results, result][-_MOST_RESULTS:]
        before = self._status
        if code == 0:
            self._status, self._streak = HEALTHY, 0
        elif before != STARTING or time.monotonic() - self._born >= self._check.start_period / _SECOND:
            self._streak += 1
            self._status = UNHEALTHY if self._streak >= (self._check.retries or _RETRIES) else before
        self._write_down(self._status if self._status != before else "")
        self._next = time.monotonic() + self._pause()

    def _write_down(self, news: str) -> None:
        told = {"Status": self._status, "FailingStreak": self._streak, "Log": self._results}
        row = self._monitor.row
        with self._monitor.engine.database.change() as change:
            containers.alter(change, row.id, health=jsonfile.dump(told))
            if news:
                containers.event(change, row, f"health_status: {news}")


class _Probe:
    """One execution of the command."""

    def __init__(self, container: Container, words: list[str], timeout: float) -> None:
        from minidock.runtime.executing import execute, further_process

        self.started = containers.now()
        self.deadline = time.monotonic() + timeout
        self._output = b""
        self._reading, writing = os.pipe2(os.O_CLOEXEC)
        try:
            self._pid = _with_output(writing, lambda: execute(container, further_process(container, words)))
        except (MinidockError, OSError):
            os.close(self._reading)
            raise
        finally:
            os.close(writing)
        os.set_blocking(self._reading, False)
        self._pidfd = os.pidfd_open(self._pid)

    def watched(self, ended: Ended) -> Iterator[Watched]:
        yield self._pidfd, READ, lambda: ended(*self._finish())
        if self._reading >= 0:
            yield self._reading, READ, self._read

    def _read(self) -> None:
        if self._reading < 0:  # closed in the same round
            return
        try:
            data = os.read(self._reading, 65536)
        except BlockingIOError:
            return
        if not data:
            os.close(self._reading)
            self._reading = -1
        self._output = (self._output + data)[:_MOST_OUTPUT]

    def _finish(self) -> tuple[int, str]:
        from minidock.kernel import processes

        code = processes.wait(self._pid)
        os.close(self._pidfd)
        while self._reading >= 0:
            before = len(self._output)
            self._read()
            if len(self._output) == before:
                break
        self._close()
        return code, self._output.decode(errors="replace")

    def kill(self) -> None:
        """It had its time. In the container it may have children: they end with it when it is their session's."""
        try:
            os.kill(self._pid, 9)
        except ProcessLookupError:
            pass
        self._finish()

    def _close(self) -> None:
        if self._reading >= 0:
            os.close(self._reading)
            self._reading = -1


def _with_output(fd: int, act: Callable[[], int]) -> int:
    """What is born in there inherits this descriptor as its output; a monitor's own goes nowhere."""
    saved = [os.dup(1), os.dup(2)]
    try:
        os.dup2(fd, 1)
        os.dup2(fd, 2)
        return act()
    finally:
        for number, old in enumerate(saved, 1):
            os.dup2(old, number)
            os.close(old)


def _words(test: list[str]) -> list[str]:
    """CMD is a command line, CMD-SHELL a line for the container's shell."""
    return ["/bin/sh", "-c", *test[1:]] if test[0] == "CMD-SHELL" else test[1:]


if TYPE_CHECKING:
    from collections.abc import Callable

    from minidock.runtime.container import Container

    Ended = Callable[[int, str], object]
