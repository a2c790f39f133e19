"""A creator that stops at a step, and tells the test, which kills, or answers."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from pathlib import Path
from typing import NoReturn

from minidock.errors import MinidockError
from minidock.kernel import processes
from minidock.runtime import making
from minidock.steps.step import Observer, Step
from tests.integration.bundles import Bundle

FAILED, UNEXPECTED = 3, 4


class Halt(Observer):
    """At one step: tell the test, and go on when it answers; then fail, if that is wanted."""

    def __init__(self, step: str, *, fail: bool) -> None:
        self._step = step
        self._fail = fail
        self.reached, self._reaching = os.pipe2(os.O_CLOEXEC)
        self._answered, self.answering = os.pipe2(os.O_CLOEXEC)

    def before(self, step: Step) -> None:
        if step.name == self._step:
            os.write(self._reaching, b"!")
            os.read(self._answered, 1)
            if self._fail:
                raise MinidockError(f"planned to fail at {step.name}")

    def close(self) -> None:
        for fd in (self.reached, self._reaching, self._answered, self.answering):
            os.close(fd)


class Creator:
    """A child of the test that creates a container, and stops at a step."""

    def __init__(self, bundle: Bundle, step: str, *, fail: bool = False) -> None:
        self.halt = Halt(step, fail=fail)
        self.pid = fork_creator(bundle, self.halt)
        self._pidfd = os.pidfd_open(self.pid)
        self._ended = False

    def __enter__(self) -> Creator:
        return self

    def __exit__(self, *_: object) -> None:
        """A creator that still waits would wait for ever."""
        if not self._ended:
            self.kill()
        os.close(self._pidfd)
        self.halt.close()

    def reached(self) -> bool:
        """Wait until it stands at the step; False when it ended before."""
        poll = select.poll()
        poll.register(self.halt.reached, select.POLLIN)
        poll.register(self._pidfd, select.POLLIN)
        return self.halt.reached in dict(poll.poll())

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.end()

    def go_on(self) -> None:
        os.write(self.halt.answering, b"!")

    def inside(self) -> list[int]:
        """Its child, which becomes the container."""
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            found += [int(name)] if int(fields[1]) == self.pid else []
        return found

    def end(self) -> int:
        """Wait for its end; its exit code, or the negative number of a signal."""
        self._ended = True
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def fork_creator(bundle: Bundle, *observers: Observer) -> int:
    """A child that creates the container, and ends; its pid."""
    container_id = bundle.id  # it has the number of this process in it
    pid = os.fork()
    if pid == 0:
        _create(bundle, container_id, *observers)
    return pid


def _create(bundle: Bundle, container_id: str, *observers: Observer) -> NoReturn:
    code = UNEXPECTED
    try:
        silence()
        viewer, console = socket.socketpair() if bundle.process["terminal"] else (None, None)
        making.create(str(bundle.state), container_id, str(bundle.path), console=console, observers=observers)
        del viewer  # whoever shows the terminal: it must not be gone before
        code = 0
    except (MinidockError, OSError) as error:
        (bundle.path / "error").write_text(str(error))
        code = FAILED
    finally:
        os._exit(code)


def silence() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)


def ended(pids: list[int]) -> list[str]:
    """Wait for processes to end by themselves; those that do not are ended here."""
    for _ in range(1000):
        if not any(processes.start_time(pid) for pid in pids):
            return []
        time.sleep(0.01 * float(os.environ.get("MINIDOCK_TIMEOUT_SCALE", "1")))
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return [f"the process inside, {pids}, outlived its creator"]
