"""The commands for labs, where they are not about the kernel: hints, what is remembered, and what they refuse."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Generator

import pytest

from minidock.kernel import cgroups
from minidock.labs import words
from tests.integration.learners import Learner
from tests.integration.minidocks import LAUNCH, Minidock
from tests.waiting import wait_until


@pytest.fixture
def learner(minidock: Minidock) -> Generator[Learner]:
    made = Learner(minidock, "pid")
    yield made
    minidock.ok("lab", "reset", "pid")


def test_hints_come_one_by_one_and_the_last_one_again_and_again(learner: Learner) -> None:
    learner.start()
    hints = words.Words("pid", "en").hints
    shown = [learner.minidock.ok("lab", "hint", "pid", "--lang", "en") for _ in (*hints, "again")]
    for number, (said, hint) in enumerate(zip(shown, [*hints, hints[-1]], strict=True), 1):
        assert f"Hint {min(number, len(hints))} of {len(hints)}\n{hint}\n" in said
    assert "minidock lab solution pid" in shown[-1]
    learner.reset()
    learner.start()
    assert hints[0] in learner.minidock.ok("lab", "hint", "pid", "--lang", "en")


def test_a_lab_that_is_going_on_is_shown_again_and_left_as_it_is(learner: Learner) -> None:
    learner.start()
    learner.types("touch mine")
    assert "going on already" in learner.start()
    assert (learner.directory / "mine").exists()


def test_a_lab_that_was_passed_is_so_after_a_reset_too_and_not_before(learner: Learner) -> None:
    def state() -> str:
        shown = learner.minidock.ok("lab", "list", "--lang", "en", "--format", "{{.Name}}: {{.State}}")
        return next(line for line in shown.splitlines() if line.startswith("pid: ")).removeprefix("pid: ")

    assert state() == "not started"
    learner.start()
    assert state() == "started"
    learner.types(words.solution("pid"))
    learner.passes()
    assert state() == "passed"
    learner.reset()
    assert state() == "passed"
    assert "lab start mount" in learner.minidock.ok("lab", "list", "--lang", "en")
    (learner.directory / "state.json").unlink()


def test_what_was_not_started_can_be_neither_checked_nor_hinted_at(learner: Learner) -> None:
    for verb in ("check", "hint"):
        refused = learner.minidock("lab", verb, "pid")
        assert refused.returncode == 1
        assert "the lab pid has not been started" in refused.stderr
        assert "minidock lab start pid" in refused.stderr
    assert learner.minidock.ok("lab", "reset", "pid", "--lang", "en") == "Nothing is left of the lab pid.\n"


def test_who_has_no_shell_open_is_told_to_open_one(learner: Learner) -> None:
    learner.start()
    assert f"Open its shell, and keep it open while you check: sudo {learner.directory}/shell" in learner.check().stdout
    learner.types("sleep 1000 &")
    assert "Open its shell" not in learner.check().stdout


def _command(*words: str) -> str:
    return " ".join([*LAUNCH, "minidock.cli.main", *words])


def test_a_lab_is_not_reset_from_its_own_shell(learner: Learner) -> None:
    learner.start()
    said = learner.types(_command("lab", "reset", "pid"))
    assert "this shell belongs to the lab pid" in said
    assert learner.group.exists()


def test_a_lab_is_checked_from_its_own_shell_but_not_from_inside_of_what_was_made(learner: Learner) -> None:
    learner.start()
    said = learner.types(_command("lab", "check", "pid", "--lang", "en"))
    assert "All processes of this lab are still in the playground's pid namespace" in said
    said = learner.types(f"unshare --pid --fork --mount-proc {_command('lab', 'check', 'pid')}")
    assert "cannot be seen from this pid namespace" in said
    assert "in a second terminal" in said


def test_the_shell_on_a_terminal_says_in_its_prompt_which_lab_it_is_of(learner: Learner) -> None:
    learner.start()
    terminal, other = pty.openpty()
    with subprocess.Popen([learner.directory / "shell"], stdin=other, stdout=other, stderr=other) as shell:
        os.close(other)
        said = b""
        while b"[lab pid] " not in said:
            said += os.read(terminal, 1024)
        assert re.search(rb"\[lab pid\] \S*/labs/pid # ", said)
        assert shell.pid in cgroups.processes(f"{learner.group}/shell")
        os.write(terminal, b"exit\n")
        wait_until(lambda: shell.poll() is not None)
    os.close(terminal)


def test_a_container_that_only_has_the_name_of_the_labs_is_left_alone(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "lab-exec", "--network", "none", "busybox", "sleep", "1000")
    refused = minidock("lab", "start", "exec")
    assert refused.returncode == 1
    assert "lab-exec" in refused.stderr
    minidock.ok("lab", "reset", "exec")
    assert minidock.ok("ps", "--format", "{{.Names}}") == "lab-exec\n"
    assert not (minidock.root / "labs/exec").exists()


def test_a_lab_whose_processes_were_killed_can_be_started_again(learner: Learner) -> None:
    learner.start()
    cgroups.kill(str(learner.group))
    wait_until(lambda: not cgroups.populated(str(learner.group)))
    assert "has not been started" in learner.check().stderr
    learner.start()
    assert learner.check().returncode == 1


def test_engines_check_finds_nothing_wrong_with_a_lab_that_is_going_on(learner: Learner) -> None:
    learner.start()
    assert learner.minidock("system", "check").returncode == 0
