"""Signals: those that a container's first process gets, and the init that buries what others orphan."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.integration.bundles import Bundle
from tests.integration.facts import eventually, status
from tests.integration.test_lifecycle import refused, running_pid, stopped

INIT = "/usr/bin/tini-static"
TRAPS = """
    trap 'echo term; exit 3' TERM; trap 'echo hup' HUP; trap 'echo usr1' USR1
    echo ready; while :; do sleep 0.05; done
"""


def trapping(pid: int, number: int) -> bool:
    """The shell has come as far as its traps."""
    return bool(int(status(pid)["SigCgt"], 16) >> (number - 1) & 1)


@pytest.mark.parametrize("name", ["TERM", "SIGTERM", "15", "term"])
def test_kill_sends_the_first_process_a_signal_by_name_or_number(bundle: Bundle, name: str) -> None:
    with bundle.script(TRAPS).begin() as foreground:
        pid = eventually(lambda: running_pid(bundle))
        eventually(lambda: trapping(pid, signal.SIGTERM))
        assert bundle.runtime("kill", bundle.id, name).returncode == 0
        output, _ = foreground.communicate()
    assert (foreground.returncode, output) == (3, "ready\nterm\n")


def test_kill_means_term_when_no_signal_is_named(bundle: Bundle) -> None:
    pid = bundle.script(TRAPS).start()
    eventually(lambda: trapping(pid, signal.SIGTERM))
    assert bundle.runtime("kill", bundle.id).returncode == 0
    eventually(lambda: stopped(bundle))


def test_signals_to_a_foreground_run_reach_the_first_process(bundle: Bundle) -> None:
    with bundle.script(TRAPS).begin() as foreground:
        assert foreground.stdout
        pid = eventually(lambda: running_pid(bundle))
        eventually(lambda: trapping(pid, signal.SIGUSR1))
        assert foreground.stdout.readline() == "ready\n"
        for number, word in ((signal.SIGHUP, "hup"), (signal.SIGUSR1, "usr1"), (signal.SIGTERM, "term")):
            foreground.send_signal(number)
            assert foreground.stdout.readline() == f"{word}\n"
        assert foreground.wait() == 3


def test_the_kernel_keeps_a_first_process_from_signals_it_does_not_handle(bundle: Bundle) -> None:
    """So a container without a handler, and without an init, ends by SIGKILL only: kill says so by doing nothing."""
    bundle.sleeping()
    assert bundle.runtime("kill", bundle.id, "TERM").returncode == 0
    assert bundle.inspect()["status"] == "running"
    assert bundle.runtime("kill", bundle.id, "KILL").returncode == 0
    eventually(lambda: stopped(bundle))


@pytest.mark.parametrize("name", ["NOSUCH", "0", "65", "-1", "SIG", ""])
def test_a_signal_that_does_not_exist_is_named(bundle: Bundle, name: str) -> None:
    bundle.sleeping()
    refused(bundle.runtime("kill", bundle.id, "--", name), f'unknown signal: "{name}"')


def test_a_stopped_container_takes_no_signals(bundle: Bundle) -> None:
    bundle.program("true").start()
    eventually(lambda: stopped(bundle))
    refused(bundle.runtime("kill", bundle.id, "KILL"), f"container {bundle.id} is stopped")


def test_a_created_and_a_paused_container_can_be_killed(bundle: Bundle) -> None:
    bundle.create()
    assert bundle.runtime("kill", bundle.id, "KILL").returncode == 0
    eventually(lambda: stopped(bundle))
    bundle.remove()
    bundle.sleeping()
    bundle.runtime("pause", bundle.id)
    assert bundle.runtime("kill", bundle.id, "KILL").returncode == 0
    eventually(lambda: stopped(bundle))


def test_kill_all_reaches_every_process_also_in_the_pid_namespace_of_the_host(bundle: Bundle) -> None:
    bundle.namespaces(pid=None)
    first = bundle.script("(trap '' HUP; sleep 3600) & echo $! > /tmp/pid; sleep 3600").start()
    file = bundle.rootfs / "tmp/pid"
    other = int(eventually(lambda: file.exists() and file.read_text()))
    assert bundle.runtime("kill", "--all", bundle.id, "KILL").returncode == 0
    eventually(lambda: not os.path.exists(f"/proc/{first}") and not os.path.exists(f"/proc/{other}"))
    assert bundle.inspect()["status"] == "stopped"


def test_a_program_dies_of_a_broken_pipe_as_programs_do(bundle: Bundle) -> None:
    """Python ignores SIGPIPE, and what is ignored would stay so over execve(2)."""
    assert bundle.output("yes | head -n 1; exec 2>&1; (yes; echo $? >&2) | head -n 1").split()[:2] == ["y", "y"]
    assert int(status(bundle.sleeping())["SigIgn"], 16) == 0


def test_a_program_of_two_processes_without_an_init_keeps_its_zombies(bundle: Bundle) -> None:
    """What the init is for."""
    bundle.sleeping()
    orphan = int(bundle.execute("sh", "-c", "sleep 0 & echo $!").stdout)
    assert (
        bundle.execute("sh", "-c", f"while ! grep -q 'State:.Z' /proc/{orphan}/status; do sleep 0.02; done").returncode
        == 0
    )


def test_an_init_buries_orphans(bundle: Bundle) -> None:
    bundle.config["annotations"] = {"minidock.init": INIT}
    pid = bundle.sleeping()
    cmdline = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    assert cmdline == [b"init", b"--", b"sleep", b"3600", b""]
    orphan = int(bundle.execute("sh", "-c", "sleep 0.05 & echo $!").stdout)
    assert bundle.execute("sh", "-c", f"while [ -e /proc/{orphan} ]; do sleep 0.02; done").returncode == 0
    assert not (bundle.rootfs / "sbin").exists(), "the init is in memory, not in the image"


def test_an_init_passes_on_signals_and_the_exit_code(bundle: Bundle) -> None:
    bundle.config["annotations"] = {"minidock.init": INIT}
    with bundle.script(TRAPS).begin() as foreground:
        assert foreground.stdout
        assert foreground.stdout.readline() == "ready\n"
        foreground.terminate()
        assert foreground.stdout.readline() == "term\n"
        assert foreground.wait() == 3
    with bundle.program("sleep", "3600").begin() as foreground:
        pid = eventually(lambda: running_pid(bundle))
        eventually(lambda: Path(f"/proc/{pid}/task/{pid}/children").read_text())
        foreground.terminate()
        assert foreground.wait() == 143


def test_an_init_has_the_user_and_the_weakness_of_the_program(bundle: Bundle) -> None:
    bundle.config["annotations"] = {"minidock.init": INIT}
    bundle.process.update(user={"uid": 1000, "gid": 1000}, noNewPrivileges=True)
    found = status(bundle.sleeping())
    assert found["Uid"].split() == ["1000"] * 4
    assert (int(found["CapEff"], 16), found["NoNewPrivs"]) == (0, "1")


@pytest.mark.parametrize(("program", "code"), [("no-such-program", 127), ("/etc/passwd", 126)])
def test_an_init_changes_nothing_about_a_program_that_cannot_be_executed(
    bundle: Bundle, program: str, code: int
) -> None:
    bundle.config["annotations"] = {"minidock.init": INIT}
    done = bundle.program(program).run()
    assert done.returncode == code
    assert program in done.stderr


def test_an_init_that_is_missing_is_named_with_its_step(bundle: Bundle) -> None:
    """program.no-init"""
    bundle.config["annotations"] = {"minidock.init": "/no/such/init"}
    refused(bundle.run(), "step process.init", "/no/such/init", "tini")
