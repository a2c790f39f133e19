"""What the tests of cgroups stand on: groups below /minidock-test-PID, children born in them, and the end of both."""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn, Self

import pytest

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.kernel import cgroups, syscalls
from minidock.oci.resources import Resources
from minidock.steps.limits import cgroup_steps
from minidock.steps.live import Live
from minidock.steps.step import Plan


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


class Group:
    """A cgroup that the steps have made, and children of the test in it."""

    def __init__(self, path: str, **limits: Any) -> None:
        self.path = path
        self.live = Live()
        self.plan = Plan(cgroup_steps(path, Resources(**limits)))
        self.children: list[int] = []
        try:
            self.plan.walk(self.live)
        except MinidockError:
            self.plan.undo(self.live)
            raise
        self.directory = cgroups.locate(path)

    def read(self, file: str) -> str:
        return cgroups.read(self.directory, file).strip()

    def born(self, life: Callable[[], object]) -> int:
        """A child that lives in the group, does this, and ends."""
        pid = syscalls.clone3(0, self.live.cgroup_fd)
        if pid == 0:
            _live(life)
        self.children.append(pid)
        return pid

    def ask(self, question: Callable[[], object]) -> Any:
        """What a child in the group answers."""
        reading, writing = os.pipe2(os.O_CLOEXEC)
        pid = self.born(lambda: os.write(writing, jsonfile.dump(question()).encode()))
        return self._heard(pid, reading, writing)

    def held(self, life: Callable[[], object]) -> int:
        """A child that has done this and then stays."""
        reading, writing = os.pipe2(os.O_CLOEXEC)
        pid = self.born(lambda: _stay(life, writing))
        os.close(writing)
        with open(reading, "rb") as pipe:
            assert pipe.read(4) == b"done", f"the child ended with {self.wait(pid)}"
        return pid

    def _heard(self, pid: int, reading: int, writing: int) -> Any:
        os.close(writing)
        with open(reading, "rb") as pipe:
            answer = pipe.read()
        status = self.wait(pid)
        assert answer, f"the child ended with {status} and said nothing"
        return jsonfile.parse(answer.decode())

    def wait(self, pid: int) -> int:
        """How a child ended: its exit code, or the signal below zero."""
        self.children.remove(pid)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def end(self) -> None:
        for pid in self.children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self.children.clear()
        assert self.plan.undo(self.live) == []


def _stay(life: Callable[[], object], writing: int) -> None:
    _kept = life()  # a name, so that what it made stays too
    os.write(writing, b"done")
    while True:
        signal.pause()


def _live(life: Callable[[], object]) -> NoReturn:
    try:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # pytest-timeout's is not the child's
        life()
        os._exit(0)
    except BaseException:  # nothing may get back into pytest, in this process
        traceback.print_exc()
        os._exit(99)


class Scene:
    """Groups for one test. What it finds enabled in the root group, it leaves so."""

    def __init__(self) -> None:
        self.top = f"/minidock-test-{os.getpid()}"
        self.groups: list[Group] = []
        self.passed_down = cgroups.passed_down(cgroups.mount_point())

    def __enter__(self) -> Self:
        return self

    def path(self) -> str:
        return f"{self.top}/{len(self.groups)}"

    def group(self, **limits: Any) -> Group:
        group = Group(self.path(), **limits)
        self.groups.append(group)
        return group

    def limited(self, **limits: Any) -> Group:
        """A group with limits; the test is skipped where the host does not have what they need."""
        try:
            return self.group(**limits)
        except MinidockError as error:
            if "does not offer the cgroup controller" not in error.message:
                raise
            pytest.skip(error.message)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for group in self.groups:
            group.end()
        cgroups.end(cgroups.locate(self.top))
        for controller in cgroups.passed_down(cgroups.mount_point()):
            if controller not in self.passed_down:
                cgroups.write(cgroups.mount_point(), "cgroup.subtree_control", f"-{controller}")
