"""`update`: limits that change while a container runs. They need controllers under version 2."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from minidock.engine.engine import Engine
from minidock.kernel import cgroups
from minidock.state.containers import Row
from tests.integration.minidocks import Minidock

SLEEP = ("busybox", "sleep", "1000")


@pytest.fixture
def engine(minidock: Minidock) -> Generator[Engine]:
    made = Engine(str(minidock.root), str(minidock.state))
    yield made
    made.database.close()


def limit(row: Row, file: str) -> str:
    return cgroups.read(cgroups.locate(f"/minidock/{row.id}"), file).strip()


def limited(minidock: Minidock, *words: str) -> None:
    done = minidock(*words)
    if "does not offer the cgroup controller" in done.stderr:
        pytest.skip(done.stderr.splitlines()[0])
    assert done.returncode == 0, done.stderr


def test_new_limits_hold_at_once_for_what_runs(minidock: Minidock, engine: Engine) -> None:
    limited(minidock, "run", "-d", "--name", "web", "--memory", "64m", "--pids-limit", "20", *SLEEP)
    row = engine.find("web")
    minidock.ok("update", "--memory", "48m", "--pids-limit", "7", "--cpus", "0.5", "--cpu-shares", "512", "web")
    assert limit(row, "memory.max") == str(48 << 20)
    assert limit(row, "pids.max") == "7"
    assert limit(row, "cpu.max") == "50000 100000"
    minidock.ok("update", "--pids-limit", "-1", "web")
    assert limit(row, "pids.max") == "max"
    minidock.ok("update", "--memory-swap", "-1", "--memory-reservation", "16m", "web")
    assert limit(row, "memory.swap.max") == "max"
    assert limit(row, "memory.low") == str(16 << 20)
    minidock.ok("restart", "-t", "0", "web")
    assert (limit(row, "memory.max"), limit(row, "pids.max")) == (str(48 << 20), "max")


@pytest.mark.hybrid_host
def test_a_limit_that_the_kernel_refuses_changes_nothing(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", "--name", "web", *SLEEP)
    row = engine.find("web")
    before = json.loads(Path(engine.place(row.id).file("config.json")).read_text())
    done = minidock("update", "--memory", "64m", "--restart", "always", "web")
    assert done.returncode == 1
    assert "does not offer the cgroup controller memory" in done.stderr
    assert engine.find("web").options == row.options
    assert json.loads(Path(engine.place(row.id).file("config.json")).read_text()) == before
