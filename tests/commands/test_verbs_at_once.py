"""Verbs that meet: two at once on one container, a deletion and an end, a command that is killed in the middle."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading

import pytest

from minidock.kernel import processes
from minidock.runtime.container import Container
from minidock.steps.baton import Baton
from tests.integration.bundles import Bundle
from tests.integration.facts import eventually
from tests.integration.remains import Before, delete_forced


def _at_once(bundle: Bundle, *commands: list[str]) -> list[tuple[int, str]]:
    """Run commands side by side; the exit code and the complaints of each."""
    bundle.write()
    outcomes: list[tuple[int, str]] = []

    def run(number: int, command: list[str]) -> None:
        errors = bundle.path / f"errors-{number}"
        with errors.open("w") as file:
            quiet = subprocess.DEVNULL
            code = subprocess.run(command, stdin=quiet, stdout=quiet, stderr=file, check=False).returncode
        outcomes.append((code, errors.read_text()))
        errors.unlink()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(commands)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


def test_of_creations_of_one_id_at_once_one_wins(bundle: Bundle) -> None:
    bundle.program("sleep", "3600")
    for _ in range(3):
        command = bundle.command("create", "--bundle", str(bundle.path), bundle.id)
        won, *lost = _at_once(bundle, command, command, command)
        assert won == (0, "")
        for code, error in lost:
            assert (code, f'already exists: "{bundle.id}"' in error) == (1, True), error
        assert bundle.inspect()["status"] == "created"
        assert delete_forced(bundle) == []


def test_of_starts_at_once_one_wins(bundle: Bundle) -> None:
    for attempt in range(3):
        bundle.script(f"echo started >> /starts-{attempt}; exec sleep 3600").create()
        command = bundle.command("start", bundle.id)
        won, *lost = _at_once(bundle, command, command, command)
        assert won == (0, "")
        for code, error in lost:
            assert code == 1, error
            assert "not waiting" in error or "is running" in error, error
        eventually((bundle.rootfs / f"starts-{attempt}").exists)
        assert (bundle.rootfs / f"starts-{attempt}").read_text() == "started\n"
        assert delete_forced(bundle) == []


def test_a_start_that_comes_second_to_the_gate_is_told_so(bundle: Bundle) -> None:
    """Both knock before the process inside looks: it opens to the first, and the second must not be left puzzled."""
    bundle.program("sleep", "3600").create()
    pid = bundle.inspect()["pid"]
    os.kill(pid, signal.SIGSTOP)
    first = Container.load(str(bundle.state), bundle.id).gate
    baton = _knock_without_closing_the_gate(first.path)
    second = bundle.begin("start", bundle.id)
    try:
        eventually(lambda: not os.path.exists(first.path))
        baton.pass_on()
        os.kill(pid, signal.SIGCONT)
        _, error = second.communicate()
    finally:
        os.kill(pid, signal.SIGCONT)
        baton.close()
        second.kill()
        second.communicate()
    assert (second.returncode, "not waiting to be started" in error) == (1, True), error


def _knock_without_closing_the_gate(path: str) -> Baton:
    knocking = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    directory = os.open(os.path.dirname(path), os.O_PATH)
    knocking.connect(f"/proc/self/fd/{directory}/start.sock")
    os.close(directory)
    return Baton(knocking)


@pytest.mark.parametrize("force", [["--force"], []], ids=["forced", "plain"])
def test_a_deletion_while_the_program_ends_is_clean(bundle: Bundle, force: list[str]) -> None:
    before = Before(bundle)
    for pause in ("0", "0.01", "0.02", "0.03", "0.05"):
        bundle.script(f"sleep {pause}").start()
        deletion = bundle.runtime("delete", *force, bundle.id)
        if deletion.returncode:
            assert "is running" in deletion.stderr
            eventually(lambda: bundle.inspect()["status"] == "stopped")
            assert bundle.runtime("delete", bundle.id).returncode == 0
        assert before.left() == []


def test_of_deletions_at_once_one_does_it_and_the_hooks_run_once(bundle: Bundle) -> None:
    before = Before(bundle)
    bundle.hook("poststop", f"cat > /dev/null; echo gone >> {bundle.path}/state/hooks").sleeping()
    command = bundle.command("delete", "--force", bundle.id)
    outcomes = _at_once(bundle, command, command, command)
    assert [(code, error) for code, error in outcomes if code or "Traceback" in error] == []
    assert (bundle.state / "hooks").read_text() == "gone\n"
    assert before.left() == []


def test_a_foreground_run_that_is_killed_harms_nothing(bundle: Bundle) -> None:
    before = Before(bundle)
    running = bundle.program("sleep", "3600").begin(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pid = eventually(lambda: _running(bundle))
    running.kill()
    running.communicate()
    assert bundle.inspect()["status"] == "running"
    assert bundle.execute("true").returncode == 0
    assert delete_forced(bundle) == []
    assert not processes.start_time(pid)
    assert before.left() == []


def _running(bundle: Bundle) -> int:
    done = bundle.runtime("state", bundle.id)
    return int(bundle.inspect()["pid"]) if '"running"' in done.stdout else 0


def test_an_exec_that_is_killed_harms_nothing(bundle: Bundle) -> None:
    bundle.sleeping()
    running = bundle.begin("exec", bundle.id, "sleep", "3601", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: len(bundle.runtime("ps", bundle.id).stdout.split()) == 3)
    running.kill()
    running.communicate()
    assert bundle.inspect()["status"] == "running"
    assert bundle.execute("true").returncode == 0
