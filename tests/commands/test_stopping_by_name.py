"""stop by a container's monitor: whoever it is found by, whatever ends meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator

import pytest

from minidock.engine.engine import Engine
from tests.integration.minidocks import PROJECT, Minidock
from tests.waiting import wait_until

ENDS_ON_TERM = ("busybox", "sh", "-c", "trap 'exit 5' TERM; touch /ready; while :; do sleep 0.05; done")
IGNORES_TERM = ("busybox", "sh", "-c", "trap '' TERM; touch /ready; while :; do sleep 0.05; done")


@pytest.fixture
def engine(minidock: Minidock) -> Generator[Engine]:
    made = Engine(str(minidock.root), str(minidock.state))
    yield made
    made.database.close()


def ready(minidock: Minidock, *words: str) -> str:
    """The id of a container c1 that listens to signals."""
    made = minidock.ok("run", "-d", "--name", "c1", *words).strip()
    wait_until(lambda: minidock("exec", "c1", "ls", "/ready").returncode == 0, "the trap")
    return made


def told(minidock: Minidock, container: str) -> list[str]:
    lines = minidock.ok("events", "--since", "0", "--until", "0s", "-f", f"container={container}", "--format", "json")
    events = [json.loads(line) for line in lines.splitlines()]
    return [event["Action"] + event["Actor"]["Attributes"].get("signal", "") for event in events]


@pytest.mark.parametrize("length", [0, 64, 12])
def test_it_is_found_by_each_of_its_names(minidock: Minidock, engine: Engine, length: int) -> None:
    made = ready(minidock, *ENDS_ON_TERM)
    word = made[:length] or "/c1"
    assert minidock.ok("stop", word) == f"{word}\n"
    row = engine.find("c1")
    assert (row.status, row.exit_code, row.owner) == ("exited", 5, "")
    assert told(minidock, made)[-3:] == ["kill15", "die", "stop"]
    assert minidock.ok("stop", "c1") == "c1\n"


def test_a_name_that_leads_astray_stops_nobody(minidock: Minidock, engine: Engine) -> None:
    made = ready(minidock, *ENDS_ON_TERM)
    link = minidock.state / "names/ghost"
    link.symlink_to(f"../{made}")
    try:
        done = minidock("stop", "ghost")
        assert (done.returncode, "No such container: ghost" in done.stderr) == (1, True), done
        assert engine.find("c1").status == "running"
    finally:
        link.unlink()


def test_its_own_signal_and_time_are_heeded(minidock: Minidock, engine: Engine) -> None:
    made = ready(minidock, "--stop-signal", "USR1", "--stop-timeout", "0", *ENDS_ON_TERM)
    minidock.ok("stop", "c1")
    assert engine.find("c1").exit_code in (137, 128 + signal.SIGUSR1)
    assert "kill10" in told(minidock, made)


def test_who_does_not_end_in_time_is_killed(minidock: Minidock, engine: Engine) -> None:
    made = ready(minidock, *IGNORES_TERM)
    minidock.ok("stop", "-t", "1", "c1")
    row = engine.find("c1")
    assert (row.status, row.exit_code) == ("exited", 137)
    actions = told(minidock, made)
    assert actions.index("kill15") < actions.index("kill9") < actions.index("die")


def test_a_signal_that_does_not_exist_is_refused(minidock: Minidock, engine: Engine) -> None:
    ready(minidock, *ENDS_ON_TERM)
    done = minidock("stop", "-s", "NOPE", "c1")
    assert (done.returncode, "NOPE" in done.stderr) == (1, True), done
    assert engine.find("c1").status == "running"


def test_who_waits_for_a_monitor_that_is_killed_mends_what_it_left(minidock: Minidock, engine: Engine) -> None:
    ready(minidock, *IGNORES_TERM)
    command = minidock.start("stop", "-t", "60", "c1")
    wait_until(lambda: engine.find("c1").stop_asked, "the wish")
    os.kill(int(engine.find("c1").owner.split()[0]), signal.SIGKILL)
    assert command.wait(30) == 0
    row = engine.find("c1")
    assert (row.status, row.exit_code, row.owner) == ("exited", 255, "")


def test_whoever_stops_one_that_is_paused_has_it_end(minidock: Minidock, engine: Engine) -> None:
    ready(minidock, *ENDS_ON_TERM)
    minidock.ok("pause", "c1")
    minidock.ok("stop", "c1")
    assert (engine.find("c1").status, engine.find("c1").exit_code) == ("exited", 5)


def test_a_command_that_is_killed_has_asked_all_the_same(minidock: Minidock, engine: Engine) -> None:
    ready(
        minidock,
        "--restart",
        "always",
        "busybox",
        "sh",
        "-c",
        "trap 'sleep 1; exit 5' TERM; touch /ready; while :; do sleep 0.05; done",
    )
    command = minidock.start("stop", "c1")
    wait_until(lambda: engine.find("c1").stop_asked, "the wish")
    command.kill()
    command.wait()
    wait_until(lambda: engine.find("c1").status == "exited", "the end")
    assert engine.find("c1").exit_code == 5


def test_it_takes_no_database_and_none_of_the_runtime(minidock: Minidock) -> None:
    ready(minidock, *ENDS_ON_TERM)
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from minidock.cli.main import main\n"
        "print(main(['stop', 'c1']), *sys.modules)"
    )
    command = [sys.executable, "-I", "-S", "-c", script, str(PROJECT)]
    done = subprocess.run(command, env=minidock.environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("c1\n0 "), done
    loaded = set(done.stdout.split())
    assert "minidock.engine.life.stopping_by_name" in loaded
    assert not {"_sqlite3", "minidock.state.database", "minidock.runtime.container", "_ctypes"} & loaded


def test_many_at_once_are_all_content(minidock: Minidock, engine: Engine) -> None:
    made = ready(minidock, *ENDS_ON_TERM)
    commands = [minidock.start("stop", "c1") for _ in range(10)]
    assert [command.wait(30) for command in commands] == [0] * 10
    assert engine.find("c1").exit_code == 5
    assert told(minidock, made).count("die") == 1
