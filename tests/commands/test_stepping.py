"""Watching a container being made: --explain, --step, --step-at, and a second terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from minidock.engine.engine import Engine
from minidock.kernel import cgroups
from tests import terminals
from tests.integration.minidocks import LAUNCH, Minidock
from tests.waiting import wait_until

QUESTION = "q: undo it all and leave > "
DONE = re.compile(r"^✓ +\d+ (host|  inside) +([\d.]+) ms  (\S+) +(\S.*)$", re.MULTILINE)
NEXT = re.compile(r"^▸ +\d+ (?:host|  inside) +next  (\S+)", re.MULTILINE)
COLOUR = "\x1b["


class Viewer:
    """Somebody who runs a command, reads what it says, and answers."""

    def __init__(self, minidock: Minidock, *words: str) -> None:
        reading, writing = os.pipe()
        self.said = ""
        self._reading = reading
        self.process = minidock.start(*words, stdin=subprocess.PIPE, stdout=writing, stderr=writing)
        os.close(writing)
        os.set_blocking(reading, False)

    def until(self, text: str) -> str:
        """Read until something is said that was not heard before; all up to then."""
        wait_until(lambda: text in self._heard(), repr(text))
        heard, _, self.said = self.said.partition(text)
        return heard + text

    def _heard(self) -> str:
        if select.select([self._reading], [], [], 0.02)[0]:
            self.said += os.read(self._reading, 65536).decode()
        return self.said

    def answer(self, text: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def end(self) -> int:
        """All that is still said, and the exit code."""
        code = self.process.wait(60)
        while select.select([self._reading], [], [], 0)[0] and (data := os.read(self._reading, 65536)):
            self.said += data.decode()
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait(60)
        assert self.process.stdin
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        os.close(self._reading)


@contextmanager
def viewer(minidock: Minidock, *words: str) -> Iterator[Viewer]:
    made = Viewer(minidock, *words)
    try:
        yield made
    finally:
        made.close()


def names(minidock: Minidock, *words: str) -> list[str]:
    planned = minidock.ok("plan", *words).splitlines()
    return [
        line.split("] ")[1].partition(":")[0]
        for line in planned
        if "] " in line and line[:4].strip().rstrip(".").isdecimal()
    ]


def process_of(minidock: Minidock, name: str) -> int:
    """The one that becomes the container, while that is still being made."""
    engine = Engine(str(minidock.root), str(minidock.state))
    (row,) = (row for row in engine.everyone() if row.name == name)
    engine.database.close()
    (pid,) = cgroups.processes(cgroups.locate(f"/minidock/{row.id}"))
    return pid


def nothing_is_left(minidock: Minidock) -> bool:
    return minidock.ok("ps", "-aq") == "" and minidock.remains() == [] and "made" not in minidock.ok("system", "check")


# Explain --------------------------------------------------------------------------------------------------


def test_each_step_is_shown_as_it_is_done_and_the_output_is_the_programs(minidock: Minidock) -> None:
    done = minidock("run", "--rm", "--explain", "busybox", "echo", "hello")
    assert (done.returncode, done.stdout) == (0, "hello\n"), done.stderr
    shown = DONE.findall(done.stderr)
    assert [name for _, _, name, _ in shown] == names(minidock, "busybox", "echo", "hello")
    assert {side.strip() for side, *_ in shown} == {"host", "inside"}
    assert all(float(time) < 10_000 for _, time, _, _ in shown)
    assert shown[-1][2:] == ("process.exec", "execute echo hello")
    assert COLOUR not in done.stderr


def test_a_step_that_fails_is_shown_as_such_and_is_the_last(minidock: Minidock) -> None:
    done = minidock("run", "--rm", "--explain", "busybox", "no-such-program")
    assert done.returncode == 127
    steps = [line for line in done.stderr.splitlines() if line[:1] in "✓✗"]
    assert "process.find" in steps[-1] and 'failed: exec: "no-such-program"' in steps[-1]
    assert [line[:1] for line in steps] == ["✓"] * (len(steps) - 1) + ["✗"]


def test_a_program_that_cannot_be_executed_is_the_last_steps_failure(minidock: Minidock, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    done = minidock("run", "--rm", "--explain", "-v", f"{script}:/script", "busybox", "/script")
    assert done.returncode == 127
    assert re.search(r'^✗ .* process\.exec +failed: exec: "/script": no such file', done.stderr, re.MULTILINE)


def test_a_start_is_explained_too_attached_or_not(minidock: Minidock) -> None:
    minidock.ok("create", "--name", "c1", "busybox", "echo", "hello")
    for words in (("start", "--explain", "-a", "c1"), ("start", "--explain", "c1")):
        done = minidock(*words)
        assert (done.returncode, len(DONE.findall(done.stderr)) > 30) == (0, True), done
        minidock.ok("wait", "c1")


def test_colours_are_for_terminals_and_for_those_who_want_them(minidock: Minidock) -> None:
    shown = [_on_a_terminal(minidock, **more) for more in ({"TERM": "xterm"}, {"TERM": "xterm", "NO_COLOR": "1"})]
    assert [COLOUR in text for text in shown] == [True, False]
    assert max(map(len, shown[1].splitlines())) <= 100


def _on_a_terminal(minidock: Minidock, **environment: str) -> str:
    """What is shown on a terminal of 100 columns."""
    import fcntl
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))
    words = [*LAUNCH, "minidock.cli.main", "run", "--rm", "--explain", "busybox", "true"]
    plain = {key: value for key, value in minidock.environment.items() if key != "NO_COLOR"}
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=slave, env={**plain, **environment}) as process:
        os.close(slave)
        shown = terminals.all_of(master)
        assert process.wait() == 0
    os.close(master)
    return shown.decode()


def test_a_killed_command_that_explains_harms_nothing(minidock: Minidock) -> None:
    with viewer(minidock, "run", "--explain", "--name", "c1", "busybox", "sleep", "1000") as looking:
        looking.until("namespace.pid")
        looking.process.kill()
    wait_until(lambda: minidock.ok("ps", "-q", "--filter", "name=c1"), "the container")


# Step -----------------------------------------------------------------------------------------------------


def test_it_waits_before_each_step_and_enter_goes_on(minidock: Minidock) -> None:
    planned = names(minidock, "busybox", "true")
    with viewer(minidock, "run", "--rm", "--step", "busybox", "true") as looking:
        for name in planned:
            assert NEXT.findall(looking.until(QUESTION)) == [name]
            looking.answer("")
        assert looking.end() == 0
    assert "✓ " in looking.said


def test_it_waits_at_the_named_steps_alone_and_runs_on_when_it_is_told_to(minidock: Minidock) -> None:
    words = ("--step-at", "namespace.uts", "--step-at", "root.pivot", "--step-at", "identity.user")
    with viewer(minidock, "run", "--rm", *words, "busybox", "true") as looking:
        for name, answer in (("namespace.uts", ""), ("root.pivot", "c")):
            assert NEXT.findall(looking.until(QUESTION)) == [name]
            looking.answer(answer)
        assert looking.end() == 0
    assert NEXT.findall(looking.said) == []


def test_what_has_changed_is_what_the_kernel_shows_to_others(minidock: Minidock) -> None:
    words = ("--step-at", "namespace.ipc", "--step-at", "mount.proc", "--step-at", "identity.capabilities")
    with viewer(minidock, "run", "--name", "c1", *words, "busybox", "true") as looking:
        looking.until(QUESTION)
        process = Path(f"/proc/{process_of(minidock, 'c1')}")
        looking.answer("s")
        told = looking.until(QUESTION)
        for kind in ("pid_for_children", "mnt", "uts"):
            assert f"→ {(process / 'ns' / kind).stat().st_ino} (its own)" in told, told
        assert "cgroup.procs" in told and str(process.name) in told
        looking.answer("")
        looking.until(QUESTION)
        looking.answer("s")
        told = looking.until(QUESTION)
        assert "default route: " in told and "overlay from" in told and "veth" in told, told
        assert f"{(process / 'ns/net').stat().st_ino} (its own)" in told
        looking.answer("")
        looking.until(QUESTION)
        looking.answer("s")
        told = looking.until(QUESTION)
        fields = dict(line.split(":\t") for line in (process / "status").read_text().splitlines() if ":\t" in line)
        assert f"→ {fields['CapBnd']}" in told and "~ Seccomp: 0 → 2" in told, told
        looking.answer("w")
        assert "without it root in the container could set the host's clock" in looking.until(QUESTION)
        looking.answer("nonsense")
        assert "'nonsense' is no answer" in looking.until(QUESTION)
        looking.answer("")
        assert looking.end() == 0


@pytest.mark.parametrize(
    "step", ["cgroup.devices", "namespace.uts", "network.veth.bridge", "root.pivot", "identity.user"]
)
@pytest.mark.parametrize("how", ["q", "interrupt", "end of input"])
def test_whoever_leaves_leaves_nothing_behind(minidock: Minidock, step: str, how: str) -> None:
    with viewer(minidock, "run", "--name", "c1", "-v", "/data", "--step-at", step, "busybox", "true") as looking:
        looking.until(QUESTION)
        if how == "q":
            looking.answer("q")
        elif how == "interrupt":
            looking.process.send_signal(signal.SIGINT)
        else:
            assert looking.process.stdin
            looking.process.stdin.close()
        assert looking.end() == 130
    assert f"stopped before the step {step}, and undone" in looking.said
    assert nothing_is_left(minidock)
    assert minidock.ok("volume", "ls", "-q") == ""


def test_a_terminal_that_goes_away_takes_the_container_with_it(minidock: Minidock) -> None:
    master, slave = pty.openpty()
    words = [*LAUNCH, "minidock.cli.main", "run", "--step-at", "root.pivot", "busybox", "true"]
    environment = minidock.environment
    with subprocess.Popen(
        words, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    ) as process:
        os.close(slave)
        shown = b""
        while QUESTION.encode() not in shown:
            shown += os.read(master, 65536)
        os.close(master)
        process.wait(60)
    assert nothing_is_left(minidock)


def test_a_killed_command_has_the_making_undone(minidock: Minidock) -> None:
    with viewer(minidock, "run", "--name", "c1", "--step-at", "root.pivot", "busybox", "true") as looking:
        looking.until(QUESTION)
        looking.process.kill()
    wait_until(lambda: not list(minidock.state.glob("[0-9a-f]*")), "the undoing")
    wait_until(lambda: minidock.ok("inspect", "-f", "{{.State.Status}}", "c1") == "created\n", "its rest")
    assert minidock.ok("start", "-a", "c1") == ""


def test_a_step_that_there_is_not_is_told_before_anything_is_done(minidock: Minidock) -> None:
    done = minidock("run", "--step-at", "no.such", "busybox", "true")
    assert (done.returncode, "no such step: no.such" in done.stderr) == (125, True), done
    assert nothing_is_left(minidock)


def test_what_is_typed_after_the_answers_is_the_programs(minidock: Minidock) -> None:
    done = minidock("run", "--rm", "-i", "--step-at", "root.pivot", "busybox", "cat", stdin=None, input="\nhello\n")
    assert (done.returncode, done.stdout) == (0, "hello\n"), done.stderr


# A second terminal ----------------------------------------------------------------------------------------


def test_a_second_terminal_sees_it_and_may_answer(minidock: Minidock) -> None:
    at = ("--step-at", "namespace.uts", "--step-at", "root.pivot")
    with viewer(minidock, "run", "-d", "--name", "c1", *at, "busybox", "sleep", "1000") as first:
        first.until(QUESTION)
        with viewer(minidock, "step", "c1") as second:
            assert NEXT.findall(second.until(QUESTION)) == ["namespace.uts"]
            second.answer("s")
            assert "(its own)" in second.until(QUESTION)
            second.answer("w")
            assert "rename the host" in second.until(QUESTION)
            second.answer("")
            assert "✓" in first.until("namespace.uts")
            assert NEXT.findall(first.until(QUESTION)) == ["root.pivot"]
            second.until(QUESTION)
            first.answer("")
            assert (first.end(), second.end()) == (0, 0)
        assert "process.exec" in second.said
    assert minidock.ok("ps", "-q") != ""


def test_a_second_terminal_may_end_it(minidock: Minidock) -> None:
    with viewer(minidock, "run", "--name", "c1", "--step", "busybox", "true") as first:
        first.until(QUESTION)
        with viewer(minidock, "step", "c1") as second:
            second.until(QUESTION)
            second.answer("q")
            assert (first.end(), second.end()) == (130, 0)
    assert nothing_is_left(minidock)


def test_a_second_terminal_that_goes_away_changes_nothing(minidock: Minidock) -> None:
    with viewer(minidock, "run", "--rm", "--name", "c1", "--step-at", "root.pivot", "busybox", "true") as first:
        first.until(QUESTION)
        with viewer(minidock, "step", "c1") as second:
            second.until(QUESTION)
        first.answer("")
        assert first.end() == 0


def test_other_commands_see_a_container_that_waits(minidock: Minidock) -> None:
    with viewer(minidock, "run", "--name", "c1", "--step-at", "root.pivot", "busybox", "true") as looking:
        looking.until(QUESTION)
        assert minidock("inspect", "c1", timeout=20).returncode == 0
        assert "c1" in minidock.ok("ps", "-a", timeout=20)
        assert minidock.ok("explain", "c1", timeout=20).count("✓") > 20
        done = minidock("start", "c1", timeout=20)
        assert (done.returncode, "another command is starting it" in done.stderr) == (1, True)
        for words in (("stop", "c1"), ("rm", "-f", "c1")):
            done = minidock(*words, timeout=20)
            assert (done.returncode, "is being made step by step" in done.stderr) == (1, True), done
        looking.answer("")
        assert looking.end() == 0


def test_there_is_nothing_to_step_in_a_container_that_runs(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "c1", "busybox", "sleep", "1000")
    done = minidock("step", "c1")
    assert (done.returncode, "is not being made step by step" in done.stderr) == (1, True), done
