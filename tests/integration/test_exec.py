"""exec: one more program in a running container, in all that the first one is in."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path

import pytest

from minidock.kernel import cgroups
from minidock.kernel.namespaces import FLAGS
from minidock.runtime import defaults
from tests.integration.bundles import Bundle
from tests.integration.facts import capabilities, eventually, fields, inside, namespace, status


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Bundle]:
    """A container that sleeps, for tests that change nothing of it."""
    made = Bundle(tmp_path_factory.mktemp("running"))
    made.process.update(cwd="/root", env=[*made.process["env"], "COLOUR=red"])
    try:
        made.sleeping()
        yield made
    finally:
        made.remove()


def first(bundle: Bundle) -> int:
    pid: int = bundle.inspect()["pid"]
    return pid


def detached(bundle: Bundle, *words: str) -> int:
    """A further program that stays; its pid."""
    file = bundle.path / "exec-pid"
    done = bundle.without_pipes("exec", "--detach", "--pid-file", str(file), bundle.id, *words)
    assert done.returncode == 0, done.stderr
    return int(file.read_text())


def test_a_further_program_is_in_every_namespace_and_the_cgroup_of_the_first(bundle: Bundle) -> None:
    bundle.namespaces(time="")
    pid = bundle.sleeping()
    further = detached(bundle, "sleep", "3600")
    assert {kind: namespace(further, kind) for kind in FLAGS} == {kind: namespace(pid, kind) for kind in FLAGS}
    assert Path(f"/proc/{further}/cgroup").read_text() == Path(f"/proc/{pid}/cgroup").read_text()
    assert os.path.samestat(inside(further, "/").stat(), inside(pid, "/").stat())
    assert status(further)["NSpid"].split()[0] == str(further)
    for name in ("CapEff", "CapBnd", "CapPrm", "CapInh", "CapAmb", "NoNewPrivs", "Seccomp", "SigBlk", "SigIgn"):
        assert status(further)[name] == status(pid)[name]
    assert sorted(os.listdir(f"/proc/{further}/fd")) == ["0", "1", "2"]


def test_a_further_program_is_in_the_user_namespace_too(open_bundle: Bundle) -> None:
    open_bundle.map_users()
    pid = open_bundle.sleeping()
    further = detached(open_bundle, "sleep", "3600")
    assert {kind: namespace(further, kind) for kind in FLAGS} == {kind: namespace(pid, kind) for kind in FLAGS}
    assert status(further)["Uid"].split() == ["100000"] * 4
    assert status(further)["CapEff"] == status(pid)["CapEff"]


def test_an_exec_does_not_make_the_directory_that_it_is_to_work_in(bundle: Bundle) -> None:
    bundle.sleeping()
    done = bundle.runtime("exec", "--cwd", "/srv/new", bundle.id, "pwd")
    assert done.returncode == 126
    assert 'chdir to cwd ("/srv/new"): no such file or directory' in done.stderr
    assert not (bundle.rootfs / "srv/new").exists()


def test_a_further_program_follows_the_first_into_a_cgroup_below(bundle: Bundle) -> None:
    pid = bundle.sleeping()
    place = next(line[3:] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines() if line.startswith("0::"))
    state = json.loads(bundle.runtime("ps", "--format", "json", bundle.id).stdout)
    assert state == [pid]
    below = cgroups.create(f"{place}/below")
    cgroups.write(below, "cgroup.procs", str(pid))
    further = detached(bundle, "sleep", "3600")
    assert Path(f"/proc/{further}/cgroup").read_text() == Path(f"/proc/{pid}/cgroup").read_text()
    assert f"0::{place}/below" in Path(f"/proc/{further}/cgroup").read_text()


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_the_exit_code_is_the_program_s(running: Bundle, code: int) -> None:
    assert running.execute("sh", "-c", f"exit {code}").returncode == code


def test_the_end_by_a_signal_is_128_and_its_number(running: Bundle) -> None:
    assert running.execute("sh", "-c", "kill -9 $$").returncode == 137


@pytest.mark.parametrize(
    ("program", "code", "message"),
    [
        ("no-such-program", 127, 'exec: "no-such-program": executable file not found in $PATH'),
        ("/no/such/program", 127, "no such file or directory"),
        ("/etc/passwd", 126, "permission denied"),
        ("/etc", 126, "is a directory"),
    ],
)
def test_a_program_that_cannot_be_executed_ends_with_docker_s_exit_code(
    running: Bundle, program: str, code: int, message: str
) -> None:
    done = running.execute(program)
    assert done.returncode == code
    assert message in done.stderr


@pytest.mark.parametrize(("content", "code"), [("#!/no/interpreter\n", 127), ("no program\n", 126)])
def test_a_file_that_the_kernel_cannot_execute_is_told_apart(bundle: Bundle, content: str, code: int) -> None:
    file = bundle.rootfs / "bin/odd"
    file.write_text(content)
    file.chmod(0o755)
    bundle.sleeping()
    done = bundle.execute("odd")
    assert done.returncode == code
    assert 'odd"' in done.stderr, "the error names the program"


def test_standard_input_output_and_error_are_the_caller_s(running: Bundle) -> None:
    done = running.runtime("exec", running.id, "sh", "-c", "cat; echo error >&2", stdin=None, input="typed")
    assert (done.stdout, done.stderr) == ("typed", "error\n")


def test_by_default_user_environment_and_directory_are_those_of_the_first(running: Bundle) -> None:
    done = running.execute("sh", "-c", "id -u; pwd; echo $COLOUR $HOME $PATH")
    assert done.stdout.split() == ["0", "/root", "red", "/root", defaults.PATH]


def test_user_environment_and_directory_can_be_others(running: Bundle) -> None:
    words = ("--user", "alice", "--env", "COLOUR=blue", "-e", "B=c", "--cwd", "/tmp")
    script = "id -u; id -G; pwd; echo $COLOUR $B $HOME"
    done = running.runtime("exec", *words, running.id, "sh", "-c", script)
    assert done.stdout.split() == ["1000", "1000", "29", "44", "/tmp", "blue", "c", "/home/alice"]
    done = running.runtime("exec", "-u", "7:8", "-g", "9", "--additional-gids", "10", running.id, "id", "-G")
    assert done.stdout.split() == ["8", "9", "10"], done.stderr


def test_capabilities_can_be_added_and_new_privileges_forbidden(running: Bundle) -> None:
    words = ("--cap", "CAP_SYS_ADMIN", "--no-new-privs")
    found = fields(running.runtime("exec", *words, running.id, "cat", "/proc/self/status").stdout)
    for name in ("CapEff", "CapBnd", "CapPrm"):
        assert capabilities(found[name]) == {*defaults.CAPABILITIES, "CAP_SYS_ADMIN"}
    assert found["NoNewPrivs"] == "1"


def test_a_whole_process_can_be_given_as_a_file(running: Bundle, tmp_path: Path) -> None:
    """It inherits nothing from the first: that is what containerd and Docker count on."""
    process = {
        "args": ["sh", "-c", "id -u; pwd; env; ulimit -n; grep -E '^(CapEff|NoNewPrivs)' /proc/self/status"],
        "cwd": "/tmp",
        "env": ["PATH=/bin", "A=b"],
        "user": {"uid": 1000, "gid": 1000},
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 88}],
        "noNewPrivileges": True,
    }
    (tmp_path / "process.json").write_text(json.dumps(process))
    done = running.runtime("exec", "--process", str(tmp_path / "process.json"), running.id)
    assert done.stdout.split()[:2] == ["1000", "/tmp"], done.stderr
    assert {"PATH=/bin", "A=b", "77"} <= set(done.stdout.split())
    assert "COLOUR" not in done.stdout
    assert done.stdout.split()[-4:] == ["CapEff:", "0" * 16, "NoNewPrivs:", "1"]


def test_a_file_that_describes_no_process_is_an_error_that_names_the_field(running: Bundle, tmp_path: Path) -> None:
    file = tmp_path / "process.json"
    file.write_text('{"args": "ls", "cwd": "/"}')
    done = running.runtime("exec", "--process", str(file), running.id)
    assert done.returncode == 1
    assert "process.args: expected a list" in done.stderr


def test_groups_that_are_no_numbers_are_an_error(running: Bundle) -> None:
    done = running.runtime("exec", "--additional-gids", "video", running.id, "id")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "video" in done.stderr


def test_a_detached_program_lives_on_and_its_pid_is_written_down(bundle: Bundle) -> None:
    pid = bundle.sleeping()
    further = detached(bundle, "sh", "-c", "exec sleep 3600")
    assert eventually(lambda: Path(f"/proc/{further}/cmdline").read_bytes() == b"sleep\x003600\x00")
    assert sorted(json.loads(bundle.runtime("ps", "--format", "json", bundle.id).stdout)) == sorted([pid, further])
    assert Path(f"/proc/{further}/comm").read_text() == "sleep\n"


def test_a_container_that_is_not_running_takes_no_further_programs(bundle: Bundle) -> None:
    assert bundle.create().returncode == 0
    created = bundle.execute("true")
    pid = bundle.program("sleep", "3600").inspect()["pid"]
    bundle.runtime("start", bundle.id)
    bundle.runtime("kill", bundle.id, "KILL")
    eventually(lambda: bundle.inspect()["status"] == "stopped")
    stopped = bundle.execute("true")
    assert pid
    assert [done.returncode for done in (created, stopped)] == [1, 1]
    assert f"container {bundle.id} is created" in created.stderr
    assert f"container {bundle.id} is stopped" in stopped.stderr


def test_a_paused_container_takes_no_further_programs(bundle: Bundle) -> None:
    bundle.sleeping()
    assert bundle.runtime("pause", bundle.id).returncode == 0
    done = bundle.execute("true")
    assert done.returncode == 1
    assert f"container {bundle.id} is paused" in done.stderr
    bundle.runtime("resume", bundle.id)
    assert bundle.execute("true").returncode == 0


def test_an_exec_without_a_command_is_refused(running: Bundle) -> None:
    done = running.runtime("exec", running.id)
    assert done.returncode == 1
    assert "is empty: there is no program to run" in done.stderr


def test_a_failed_exec_leaves_no_process_behind(running: Bundle) -> None:
    before = json.loads(running.runtime("ps", "--format", "json", running.id).stdout)
    assert running.execute("no-such-program").returncode == 127
    assert running.runtime("exec", "--user", "nobody-here", running.id, "true").returncode == 1
    assert json.loads(running.runtime("ps", "--format", "json", running.id).stdout) == before == [first(running)]
