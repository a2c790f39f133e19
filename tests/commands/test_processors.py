"""Which processors processes of a container may run on: all that whoever made it had."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator

import pytest

from minidock.engine.engine import Engine
from minidock.kernel import processors
from tests.integration.minidocks import Minidock

pytestmark = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one processor")


@pytest.fixture
def engine(minidock: Minidock) -> Generator[Engine]:
    made = Engine(str(minidock.root), str(minidock.state))
    yield made
    made.database.close()


def test_a_child_that_is_sent_elsewhere_runs_there_and_then_anywhere() -> None:
    if len(os.sched_getaffinity(0)) < (os.cpu_count() or 1):
        pytest.skip("somebody has chosen processors for the tests")
    told, telling = os.pipe()
    come, coming = os.pipe()
    elsewhere = processors.Elsewhere()
    child = os.fork()
    if child == 0:
        os.read(come, 1)
        before = len(os.sched_getaffinity(0))
        elsewhere.stay_anywhere()
        os.write(telling, bytes([before, len(os.sched_getaffinity(0))]))
        os._exit(0)
    elsewhere.send(child)
    os.write(coming, b"x")
    every = os.cpu_count() or 1
    assert list(os.read(told, 2)) == [every - 1, every]
    os.waitpid(child, 0)
    for fd in (told, telling, come, coming):
        os.close(fd)


def test_a_container_its_monitor_and_an_exec_have_all_processors(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", "--name", "c1", "busybox", "sleep", "1000")
    row = engine.find("c1")
    for pid in (row.pid, int(row.owner.split()[0])):
        assert os.sched_getaffinity(pid) == os.sched_getaffinity(0)
    allowed = "grep Cpus_allowed_list /proc/self/status"
    assert (
        minidock.ok("exec", "c1", "sh", "-c", allowed)
        == subprocess.run(["sh", "-c", allowed], capture_output=True, text=True, check=True).stdout
    )


def test_whoever_has_chosen_a_processor_keeps_it(minidock: Minidock, engine: Engine) -> None:
    own = os.sched_getaffinity(0)
    chosen = {max(own)}
    os.sched_setaffinity(0, chosen)
    try:
        minidock.ok("run", "-d", "--name", "c1", "busybox", "sleep", "1000")
        row = engine.find("c1")
        assert os.sched_getaffinity(row.pid) == os.sched_getaffinity(int(row.owner.split()[0])) == chosen
    finally:
        os.sched_setaffinity(0, own)
