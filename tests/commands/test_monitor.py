"""The monitor: what becomes of a container when commands, clients, or the monitor itself come and go."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from minidock.engine.engine import Engine
from minidock.errors import MinidockError
from minidock.kernel import processes
from minidock.state.containers import Row
from tests.integration.minidocks import Minidock
from tests.waiting import wait_until

TICKING = "i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.1; done"
LARGEST_MONITOR = 14 << 10  # kB resident


@pytest.fixture
def engine(minidock: Minidock) -> Generator[Engine]:
    """The library's view of the same containers."""
    found = Engine(str(minidock.root), str(minidock.state))
    yield found
    found.database.close()


def monitor_of(row: Row) -> int:
    return int(row.owner.split()[0])


def log_of(engine: Engine, name: str) -> list[str]:
    text = Path(engine.place(engine.find(name).id).file("json.log")).read_text()
    return [json.loads(line)["log"] for line in text.splitlines()]


# Commands come and go --------------------------------------------------------------------------------------


def test_a_killed_command_line_harms_nothing(minidock: Minidock, engine: Engine) -> None:
    script = "echo begun; while [ ! -e /end ]; do sleep 0.05; done; echo ending; exit 6"
    words = ("run", "--name", "c1", "busybox", "sh", "-c", script)
    with minidock.start(*words, stdout=subprocess.PIPE) as command:
        assert command.stdout and command.stdout.readline() == "begun\n"
        command.kill()
    assert engine.find("c1").status == "running"
    minidock.ok("exec", "c1", "touch", "/end")
    assert minidock.ok("wait", "c1") == "6\n"
    assert log_of(engine, "c1") == ["begun\n", "ending\n"]
    row = engine.find("c1")
    assert (row.status, row.exit_code) == ("exited", 6)
    assert row.created < row.started < row.finished < time.time_ns()


def test_a_detached_container_tells_its_id_and_runs_on(minidock: Minidock, engine: Engine) -> None:
    container_id = minidock.ok("run", "-d", "--name", "c1", "busybox", "sleep", "1000").strip()
    row = engine.find(container_id[:7])
    assert (row.id, row.name, row.status) == (container_id, "c1", "running")
    assert Path(f"/proc/{row.pid}/cmdline").read_bytes() == b"sleep\x001000\x00"
    assert f"PPid:\t{monitor_of(row)}\n" in Path(f"/proc/{row.pid}/status").read_text()


def test_the_monitor_has_no_part_in_the_terminal_and_directory_of_the_command(
    minidock: Minidock, engine: Engine, tmp_path: Path
) -> None:
    minidock.ok("run", "-d", "--name", "c1", "busybox", "sleep", "1000", cwd=tmp_path)
    process = Path(f"/proc/{monitor_of(engine.find('c1'))}")
    assert os.readlink(process / "cwd") == "/"
    assert {os.readlink(process / f"fd/{number}") for number in range(3)} == {"/dev/null"}
    assert os.getsid(int(process.name)) == int(process.name)


def test_a_monitor_is_small(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", "--name", "c1", "busybox", "sleep", "1000")
    process = begun_afresh(engine, "c1")
    lines = (process / "status").read_text().splitlines()
    resident = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    assert resident <= LARGEST_MONITOR


def begun_afresh(engine: Engine, name: str) -> Path:
    """The monitor of a container, once it has let go of what it needed only for the start."""
    row = engine.find(name)
    process = Path(f"/proc/{monitor_of(row)}")
    wait_until(lambda: row.id in (process / "cmdline").read_text())
    wait_until(lambda: (process / "comm").read_text() == "minidock:watch\n")
    return process


def test_a_monitor_that_has_begun_afresh_goes_on_where_it_was(minidock: Minidock, engine: Engine) -> None:
    script = "echo begun; echo -n 'no end '; read a; echo of line; read b; echo $a $b; exit 3"
    words = ("run", "-i", "--name", "c1", "busybox", "sh", "-c", script)
    with minidock.start(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as command:
        assert command.stdout and command.stdin and command.stdout.readline() == "begun\n"
        begun_afresh(engine, "c1")
        row = engine.find("c1")
        other = minidock.start("attach", "--no-stdin", "c1", stdout=subprocess.PIPE)
        events = "SELECT 1 FROM events WHERE action = 'attach' AND actor = ?"
        wait_until(lambda: len(engine.database.rows(events, row.id)) == 2)
        command.stdin.write("one\n")
        command.stdin.flush()
        assert command.stdout.readline() == "no end of line\n"
        assert other.stdout and other.stdout.readline() == "of line\n"
        shown, _ = command.communicate("two\n")
        assert (shown, command.returncode) == ("one two\n", 3)
        assert (other.communicate()[0], other.returncode) == ("one two\n", 3)
    assert log_of(engine, "c1") == ["begun\n", "no end of line\n", "one two\n"]


def test_the_program_that_cannot_be_started_is_told_and_remembered(minidock: Minidock, engine: Engine) -> None:
    done = minidock("run", "--name", "c1", "busybox", "nosuch")
    assert done.returncode == 127
    row = engine.find("c1")
    assert (row.status, row.exit_code, row.pid, row.owner) == ("created", 127, 0, "")
    assert "executable file not found" in row.error


def test_rm_leaves_nothing_of_a_container_whose_program_cannot_be_started(minidock: Minidock) -> None:
    assert minidock("run", "--rm", "busybox", "nosuch").returncode == 127
    assert minidock.remains() == []


# Attached -------------------------------------------------------------------------------------------------


def test_two_that_are_attached_see_the_same_and_one_killed_does_not_end_the_other(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "c1", "busybox", "sh", "-c", TICKING)
    both = [minidock.start("attach", "c1", stdout=subprocess.PIPE) for _ in range(2)]
    first, second = (command.stdout for command in both)
    assert first and second
    seen = {first.readline(), first.readline()}
    assert seen & {second.readline() for _ in range(4)}
    both[0].kill()
    assert all(second.readline().startswith("tick ") for _ in range(5))
    minidock.ok("kill", "c1")
    assert both[1].wait(60) == 137
    for command in both:
        command.communicate()


def test_what_any_of_them_types_arrives(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", "-i", "--name", "c1", "busybox", "sh", "-c", "read a; read b; echo $a and $b")
    first = minidock.start("attach", "c1", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    second = minidock.start("attach", "c1", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert first.stdin and second.stdin
    events = "SELECT 1 FROM events WHERE action = 'attach' AND actor = ?"
    wait_until(lambda: len(engine.database.rows(events, engine.find("c1").id)) == 2)
    first.stdin.write("one\n")
    first.stdin.flush()
    time.sleep(0.3)
    second.stdin.write("two\n")
    second.stdin.flush()
    assert {first.communicate()[0], second.communicate()[0]} == {"one and two\n"}


def test_a_program_gets_the_end_of_the_input_of_its_run(minidock: Minidock) -> None:
    assert minidock.output("-i", "busybox", "wc", "-c", stdin=None, input="x" * 300_000) == "300000\n"


def test_output_that_nobody_takes_makes_the_program_wait_and_nothing_is_lost(minidock: Minidock) -> None:
    count = 4_000_000
    script = f"head -c {count} /dev/zero | tr '\\0' x"
    with minidock.start("run", "--rm", "busybox", "sh", "-c", script, stdout=subprocess.PIPE) as command:
        assert command.stdout
        time.sleep(0.5)
        assert len(command.stdout.read()) == count


def test_a_container_that_echoes_more_than_fits_into_any_buffer_does_not_block(minidock: Minidock) -> None:
    data = "".join(f"{number}\n" for number in range(400_000))
    assert minidock.output("-i", "busybox", "cat", stdin=None, input=data) == data


class Keyboard:
    """A command in a terminal of its own."""

    def __init__(self, minidock: Minidock, *words: str) -> None:
        self.master, slave = pty.openpty()
        self.command = minidock.start(*words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        self.seen = b""

    def until(self, text: bytes) -> None:
        while text not in self.seen:
            assert select.select([self.master], [], [], 60)[0], f"{text!r} was never shown: {self.seen!r}"
            self.seen += os.read(self.master, 4096)

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def close(self) -> None:
        os.close(self.master)
        self.command.wait(60)


def test_the_detach_keys_leave_the_container_running_and_it_can_be_attached_to_again(
    minidock: Minidock, engine: Engine
) -> None:
    script = "echo ready; while read x; do echo got $x; done"
    person = Keyboard(minidock, "run", "-it", "--name", "c1", "busybox", "sh", "-c", script)
    person.until(b"ready")
    person.type(b"a\x10b\r")  # Ctrl-P alone is a key like any other
    person.until(b"got a\x10b")
    person.type(b"\x10\x11")
    assert person.command.wait(60) == 0
    person.close()
    assert engine.find("c1").status == "running"
    again = Keyboard(minidock, "attach", "--detach-keys", "ctrl-x,q", "c1")
    again.type(b"more\r")
    again.until(b"got more")
    again.type(b"\x18q")
    assert again.command.wait(60) == 0
    again.close()
    assert engine.find("c1").status == "running"


def test_an_exec_can_be_left_running_too(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "c1", "busybox", "sleep", "1000")
    person = Keyboard(minidock, "exec", "-it", "c1", "sh", "-c", "echo ready; read x; touch /survived; sleep 1000")
    person.until(b"ready")
    person.type(b"\r\x10\x11")
    assert person.command.wait(60) == 0
    person.close()
    wait_until(lambda: minidock("exec", "c1", "ls", "/survived").returncode == 0)
    assert "sleep 1000" in minidock.ok("exec", "c1", "ps").replace("1 root", "", 1)


def test_a_container_that_rests_cannot_be_attached_to(minidock: Minidock) -> None:
    minidock.ok("create", "--name", "c1", "busybox", "true")
    done = minidock("attach", "c1")
    assert done.returncode == 1
    assert "You cannot attach to a stopped container, start it first" in done.stderr


# Ended and begun again ------------------------------------------------------------------------------------


def test_a_failing_program_is_started_again_as_often_as_its_policy_says(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", "--restart", "on-failure:2", "--name", "c1", "busybox", "sh", "-c", "echo again; exit 4")
    wait_until(lambda: engine.find("c1").status == "exited")
    row = engine.find("c1")
    assert (row.exit_code, row.restarts) == (4, 2)
    assert log_of(engine, "c1") == ["again\n"] * 3


def test_success_is_not_restarted_on_failure(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", "--restart", "on-failure", "--name", "c1", "busybox", "true")
    wait_until(lambda: engine.find("c1").status == "exited")
    assert engine.find("c1").restarts == 0


def test_what_always_restarts_is_stopped_by_stop_and_by_nothing_less(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", "--restart", "always", "--name", "c1", "busybox", "sleep", "1000")
    before = engine.find("c1").pid
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: engine.find("c1").status == "running" and engine.find("c1").pid != before)
    minidock.ok("stop", "-t", "0", "c1")
    row = engine.find("c1")
    assert (row.status, row.restarts) == ("exited", 1)


def test_a_container_that_waits_to_be_started_again_can_be_stopped(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", "--restart", "always", "--name", "c1", "busybox", "false")
    wait_until(lambda: engine.find("c1").restarts >= 4)  # by now it waits for more than a second each time
    minidock.ok("stop", "c1")
    assert engine.find("c1").status == "exited"
    minidock.ok("rm", "c1")


def test_stop_gives_the_program_time_and_then_none(minidock: Minidock, engine: Engine) -> None:
    kind = "trap 'exit 5' TERM; while :; do sleep 0.05; done"
    minidock.ok("run", "-d", "--name", "c1", "busybox", "sh", "-c", kind)
    minidock.ok("run", "-d", "--name", "c2", "busybox", "sh", "-c", "trap '' TERM; while :; do sleep 0.05; done")
    minidock.ok("stop", "c1")
    minidock.ok("stop", "-t", "1", "c2")
    assert (engine.find("c1").exit_code, engine.find("c2").exit_code) == (5, 137)


def test_a_stopped_container_keeps_its_files_and_starts_again(minidock: Minidock, engine: Engine) -> None:
    script = "test -e /was && echo second || echo first; touch /was"
    minidock.ok("run", "--name", "c1", "busybox", "sh", "-c", script)
    assert minidock.ok("start", "-a", "c1") == "second\n"
    assert log_of(engine, "c1") == ["first\n", "second\n"]


def test_restart_ends_and_begins_and_does_not_remove(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", "--rm", "--name", "c1", "busybox", "sleep", "1000")
    before = engine.find("c1").pid
    minidock.ok("restart", "-t", "0", "c1")
    assert engine.find("c1").status == "running"
    assert engine.find("c1").pid != before
    minidock.ok("stop", "-t", "0", "c1")
    assert minidock.remains() == []


def test_a_paused_container_does_nothing_until_it_goes_on(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", "--name", "c1", "busybox", "sh", "-c", TICKING)
    wait_until(lambda: log_of(engine, "c1"))
    minidock.ok("pause", "c1")
    assert engine.find("c1").status == "paused"
    count = len(log_of(engine, "c1"))
    time.sleep(0.5)
    assert len(log_of(engine, "c1")) <= count + 1
    assert "is paused" in minidock("exec", "c1", "true").stderr
    minidock.ok("unpause", "c1")
    wait_until(lambda: len(log_of(engine, "c1")) > count + 2)
    minidock.ok("pause", "c1")
    minidock.ok("stop", "-t", "1", "c1")
    assert engine.find("c1").status == "exited"


# The monitor itself is killed ------------------------------------------------------------------------------


def test_who_looks_at_a_container_whose_monitor_was_killed_brings_it_to_rest(
    minidock: Minidock, engine: Engine
) -> None:
    minidock.ok("run", "-d", "--name", "c1", "busybox", "sleep", "1000")
    before = engine.find("c1")
    os.kill(monitor_of(before), signal.SIGKILL)
    wait_until(lambda: engine.find("c1").status == "exited")
    row = engine.find("c1")
    assert (row.exit_code, row.owner, row.pid) == (255, "", 0)
    assert not processes.start_time(before.pid)
    assert not Path(engine.run_root, row.id).exists()
    assert minidock.ok("start", "c1") == "c1\n"
    assert engine.find("c1").status == "running"


def test_a_client_hears_that_the_monitor_was_killed(minidock: Minidock, engine: Engine) -> None:
    words = ("run", "--name", "c1", "busybox", "sh", "-c", "echo ready; sleep 1000")
    with minidock.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        assert command.stdout and command.stdout.readline() == "ready\n"
        os.kill(monitor_of(engine.find("c1")), signal.SIGKILL)
        assert "monitor was killed" in command.communicate()[1]
        assert command.returncode == 125


def test_a_container_that_is_removed_at_its_end_is_removed_when_its_monitor_was_killed(
    minidock: Minidock, engine: Engine
) -> None:
    minidock.ok("run", "-d", "--rm", "--name", "c1", "busybox", "sleep", "1000")
    os.kill(monitor_of(engine.find("c1")), signal.SIGKILL)
    wait_until(lambda: engine.everyone() == [])
    assert minidock.remains() == []


def test_who_fails_to_mend_a_container_gives_it_back(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", "--name", "c1", "busybox", "sleep", "3600")
    monitor = monitor_of(engine.find("c1"))
    os.kill(monitor, signal.SIGKILL)
    wait_until(lambda: not processes.start_time(monitor))
    with engine.database.change() as change:
        change.do("CREATE TRIGGER refusing BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'not now'); END")
    try:
        with pytest.raises(MinidockError, match="not now"):
            engine.find("c1")
    finally:
        with engine.database.change() as change:
            change.do("DROP TRIGGER refusing")
    assert "Exited (255)" in minidock.ok("ps", "-a", "--format", "{{.Status}}")


# Two at once ----------------------------------------------------------------------------------------------


def test_of_many_who_start_one_container_at_once_one_does_and_it_runs_once(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("create", "--name", "c1", "busybox", "sh", "-c", "echo begun; sleep 1000")
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: minidock("start", "c1"), range(8)))
    assert all(each.returncode == 0 or "starting it at this moment" in each.stderr for each in done)
    assert any(each.returncode == 0 for each in done)
    wait_until(lambda: log_of(engine, "c1"))
    assert log_of(engine, "c1") == ["begun\n"]


def test_of_many_who_remove_one_container_one_succeeds_and_the_others_say_why_not(minidock: Minidock) -> None:
    minidock.ok("create", "--name", "c1", "busybox", "true")
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda _: minidock("rm", "c1"), range(6)))
    assert sum(each.returncode == 0 for each in done) == 1
    for each in done:
        expected = ("No such container", "already in progress")
        assert each.returncode == 0 or any(words in each.stderr for words in expected), each.stderr
    assert minidock.remains() == []


def test_of_many_who_want_one_name_one_gets_it(minidock: Minidock) -> None:
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda _: minidock("create", "--name", "c1", "busybox", "true"), range(6)))
    assert sum(each.returncode == 0 for each in done) == 1
    assert sum('The container name "/c1" is already in use by container' in each.stderr for each in done) == 5
    assert len(minidock.remains()) == 1


# Health ---------------------------------------------------------------------------------------------------


def test_health_is_checked_and_told(minidock: Minidock, engine: Engine) -> None:
    flags = ("--health-cmd", "echo looking; test -e /ok", "--health-interval", "200ms", "--health-retries", "2")
    minidock.ok("run", "-d", *flags, "--name", "c1", "busybox", "sleep", "1000")
    assert json.loads(engine.find("c1").health)["Status"] == "starting"
    wait_until(lambda: json.loads(engine.find("c1").health)["Status"] == "unhealthy")
    minidock.ok("exec", "c1", "touch", "/ok")
    wait_until(lambda: json.loads(engine.find("c1").health)["Status"] == "healthy")
    wait_until(lambda: len(json.loads(engine.find("c1").health)["Log"]) == 5)
    last = json.loads(engine.find("c1").health)["Log"][-1]
    assert (last["ExitCode"], last["Output"]) == (0, "looking\n")
    assert last["Start"] < last["End"]


def test_a_check_that_takes_too_long_is_ended_and_counts_as_failed(minidock: Minidock, engine: Engine) -> None:
    flags = ("--health-cmd", "sleep 777", "--health-interval", "100ms", "--health-timeout", "1s")
    minidock.ok("run", "-d", *flags, "--health-retries", "1", "--name", "c1", "busybox", "sleep", "1000")
    wait_until(lambda: json.loads(engine.find("c1").health)["Status"] == "unhealthy")
    last = json.loads(engine.find("c1").health)["Log"][0]
    assert (last["ExitCode"], last["Output"]) == (-1, "Health check exceeded timeout (1s)")
    minidock.ok("kill", "c1")
    assert engine.find("c1").status == "exited"


def test_the_words_of_an_exec_may_be_any_bytes(minidock: Minidock) -> None:
    """Its events are told, too, which are text."""
    minidock.ok("run", "-d", "--name", "c1", "busybox", "sleep", "1000")
    odd = os.fsdecode(b"\xff\xfe")
    assert minidock.ok("exec", "c1", "sh", "-c", 'printf %s "$1" | od -An -tx1', "sh", odd).split() == ["ff", "fe"]
