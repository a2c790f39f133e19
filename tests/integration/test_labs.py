"""Every lab, done as a learner does it. The mistakes that people make are in tests/commands/test_labs_mistakes.py."""

from __future__ import annotations

from collections.abc import Generator
from socket import if_nameindex

import pytest

from minidock.labs import catalog, words
from tests.integration.learners import Learner
from tests.integration.minidocks import Minidock

_BOX = 'mkdir "$CGROUP/box"; echo 16M >"$CGROUP/box/memory.max"; echo 10 >"$CGROUP/box/pids.max"'


@pytest.fixture
def learner(minidock: Minidock, request: pytest.FixtureRequest) -> Generator[Learner]:
    made = Learner(minidock, request.param)
    yield made
    minidock.ok("lab", "reset", made.lab)


@pytest.mark.parametrize("learner", catalog.NAMES, indirect=True)
def test_the_solution_of_a_lab_passes_its_check_and_a_reset_leaves_nothing(learner: Learner) -> None:
    links = if_nameindex()
    started = learner.start()
    assert words.Words(learner.lab, "en").goal.body in started
    assert str(learner.directory / "shell") in started
    unsolved = learner.check()
    assert unsolved.returncode == 1
    assert "✗" in unsolved.stdout
    said = learner.types(learner.minidock.ok("lab", "solution", learner.lab))
    assert words.Words(learner.lab, "en").minidock.body in learner.passes(), said
    learner.reset()
    assert if_nameindex() == links
    states = learner.minidock.ok("lab", "list", "--lang", "en", "--format", "{{.Name}} {{.State}}").splitlines()
    assert f"{learner.lab} passed" in states


@pytest.mark.parametrize("learner", ["cgroup"], indirect=True)
def test_limits_that_nobody_meets_do_not_pass(learner: Learner) -> None:
    learner.start()
    learner.types(_BOX)
    learner.is_refused("oom", "never")
    learner.is_refused("pids", "never")
    learner.is_refused("cpu", "unlimited")
    learner.reset()
