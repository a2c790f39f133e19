"""exec by a container's monitor: whoever it is found by, whatever ends meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from minidock.engine.engine import Engine
from minidock.engine.life import asking
from minidock.kernel import processes
from minidock.state import owners
from tests.integration.minidocks import Minidock
from tests.waiting import wait_until

STAYING = ("busybox", "sleep", "1000")


@pytest.fixture
def engine(minidock: Minidock) -> Generator[Engine]:
    made = Engine(str(minidock.root), str(minidock.state))
    yield made
    made.database.close()


def monitor_of(engine: Engine, name: str) -> int:
    return int(engine.find(name).owner.split()[0])


def children(pid: int) -> list[str]:
    done = subprocess.run(["ps", "-o", "comm=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.split("\n")[:-1]


def test_programs_are_executed_while_the_monitor_begins_afresh_and_their_parents_are_buried(
    minidock: Minidock, engine: Engine
) -> None:
    minidock.ok("run", "-d", "--name", "c1", *STAYING)
    monitor = monitor_of(engine, "c1")
    number = 0
    while "monitor.afresh" not in processes.command_line(monitor) or number < 20:
        assert minidock.ok("exec", "c1", "echo", str(number)) == f"{number}\n"
        number += 1
    wait_until(lambda: children(monitor) == ["sleep"], "the burials")


def test_it_is_found_by_each_of_its_names_and_not_by_the_one_it_had(minidock: Minidock) -> None:
    made = minidock.ok("run", "-d", "--name", "c1", *STAYING).strip()
    for word in ("c1", "/c1", made, made[:12]):
        assert minidock.ok("exec", word, "echo", "here") == "here\n"
    minidock.ok("rename", "c1", "c2")
    done = minidock("exec", "c1", "touch", "/mistaken")
    assert (done.returncode, "No such container: c1" in done.stderr) == (1, True)
    for _ in range(5):
        assert minidock.ok("exec", "c2", "echo", "here") == "here\n"
    assert minidock("exec", "c2", "ls", "/mistaken").returncode == 1


def test_a_name_may_be_longer_than_that_of_a_file(minidock: Minidock) -> None:
    name = "c" * 300
    minidock.ok("run", "-d", "--name", name, *STAYING)
    assert minidock.ok("exec", name, "echo", "here") == "here\n"
    minidock.ok("rename", name, "c1")
    assert minidock.ok("exec", "c1", "echo", "here") == "here\n"


@pytest.mark.parametrize("word", ["ghost", "..", ".", "names/ghost", "../c1", "a/b"])
def test_a_link_that_should_not_be_there_leads_nobody_astray(minidock: Minidock, word: str) -> None:
    made = minidock.ok("run", "-d", "--name", "c1", *STAYING).strip()
    link = minidock.state / "names/ghost"
    link.symlink_to(f"../{made}")
    try:
        done = minidock("exec", word, "touch", "/mistaken")
        assert (done.returncode, f"No such container: {word}" in done.stderr) == (1, True), done
        assert minidock("exec", "c1", "ls", "/mistaken").returncode == 1
    finally:
        link.unlink()


@pytest.mark.parametrize(
    "said",
    [
        *(b"[]", b"\xff", b"{", b"null", b"x" * 60000, b'{"word": 1, "sure": false}', b'{"word": "c1"}'),
        *(b'{"word": "c1", "sure": false}', b'{"word": "c1", "sure": true, "stop": {"a": 1}}'),
    ],
)
def test_a_monitor_outlives_what_nobody_understands(minidock: Minidock, engine: Engine, said: bytes) -> None:
    made = minidock.ok("run", "-d", "--name", "c1", *STAYING).strip()
    line = asking.by_id(str(minidock.state), made)
    assert line
    line.send(said)
    assert line.recv(10) in (b"", asking.MISTAKEN)
    line.close()
    assert minidock.ok("exec", "c1", "echo", "here") == "here\n"
    assert engine.find("c1").status == "running"


def test_a_link_that_a_killed_monitor_has_left_gives_way(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", "--name", "c1", *STAYING)
    monitor = owners.process(engine.find("c1").owner)
    signal.pidfd_send_signal(monitor, signal.SIGKILL)
    os.close(monitor)
    done = minidock("exec", "c1", "true")
    assert (done.returncode, "is not running" in done.stderr) == (1, True), done
    assert not list(minidock.state.glob("names/*"))
    minidock.ok("start", "c1")
    assert minidock.ok("exec", "c1", "echo", "back") == "back\n"


def test_words_may_be_long_many_and_of_any_bytes(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "c1", *STAYING)
    words = ["x" * 100_000, "y" * 100_000, "z" * 100_000]
    assert minidock.ok("exec", "c1", "sh", "-c", 'echo "${#1} ${#2} ${#3}"', "sh", *words) == "100000 100000 100000\n"
    odd = os.fsdecode(b"\xff\xfe")
    assert minidock.ok("exec", "c1", "sh", "-c", 'printf %s "$1" | od -An -tx1', "sh", odd).split() == ["ff", "fe"]


def test_the_program_of_a_killed_command_goes_on_and_is_buried(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", "--name", "c1", *STAYING)
    command = minidock.start(
        "exec", "c1", "sh", "-c", "touch /begun; while [ ! -e /go ]; do sleep 0.1; done; touch /done"
    )
    wait_until(lambda: minidock("exec", "c1", "ls", "/begun").returncode == 0, "its beginning")
    command.kill()
    command.wait()
    minidock.ok("exec", "c1", "touch", "/go")
    wait_until(lambda: minidock("exec", "c1", "ls", "/done").returncode == 0, "its end")
    wait_until(lambda: children(monitor_of(engine, "c1")) == ["sleep"], "the burials")


def test_a_command_hears_that_the_parent_of_its_program_was_killed(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", "--name", "c1", *STAYING)
    command = minidock.start("exec", "c1", "sh", "-c", "touch /begun; sleep 1000", stderr=subprocess.PIPE)
    wait_until(lambda: minidock("exec", "c1", "ls", "/begun").returncode == 0, "its beginning")
    monitor = monitor_of(engine, "c1")
    found = subprocess.run(["pgrep", "-P", str(monitor), "minidock:exec"], capture_output=True, text=True, check=True)
    os.kill(int(found.stdout.split()[0]), signal.SIGKILL)
    _, said = command.communicate(timeout=60)
    assert command.returncode != 0 and "the parent of the executed program was killed" in said


def test_an_exec_ends_with_its_container(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "c1", *STAYING)
    command = minidock.start("exec", "c1", "sh", "-c", "touch /begun; sleep 1000")
    wait_until(lambda: minidock("exec", "c1", "ls", "/begun").returncode == 0, "its beginning")
    minidock.ok("kill", "c1")
    assert command.wait(60) == 137
    assert not list(minidock.state.glob("names/*"))


def test_many_at_once_each_have_their_own_output_and_code(minidock: Minidock, tmp_path: Path) -> None:
    minidock.ok("run", "-d", "--name", "c1", *STAYING)
    outputs = [(tmp_path / str(number)).open("w+") for number in range(25)]
    started = [
        minidock.start("exec", "c1", "sh", "-c", f"echo {number}; exit {number}", stdout=output)
        for number, output in enumerate(outputs)
    ]
    assert [process.wait(60) for process in started] == list(range(25))
    for number, output in enumerate(outputs):
        assert (tmp_path / str(number)).read_text() == f"{number}\n"
        output.close()
