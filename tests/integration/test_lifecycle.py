"""create, start, kill, delete: the states of a container, and what each verb refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from minidock.kernel import cgroups
from tests.integration.bundles import Bundle
from tests.integration.facts import eventually, status


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr


def group(bundle: Bundle) -> str:
    return cgroups.locate(f"/minidock/{bundle.id}")


def stopped(bundle: Bundle) -> bool:
    return bool(bundle.inspect()["status"] == "stopped")


def nothing_is_left(bundle: Bundle) -> bool:
    return not (bundle.state / bundle.id).exists() and not os.path.exists(group(bundle))


def test_a_bundle_runs_and_its_exit_code_is_ours(bundle: Bundle) -> None:
    done = bundle.script("echo hello; exit 7").run()
    assert (done.returncode, done.stdout) == (7, "hello\n")
    assert nothing_is_left(bundle)


@pytest.mark.parametrize("code", [0, 1, 125, 126, 127, 255])
def test_every_exit_code_is_passed_on(bundle: Bundle, code: int) -> None:
    assert bundle.script(f"exit {code}").run().returncode == code


def test_the_end_by_a_signal_is_128_and_its_number(bundle: Bundle) -> None:
    with bundle.program("sleep", "3600").begin() as foreground:
        pid = eventually(lambda: running_pid(bundle))
        os.kill(pid, signal.SIGKILL)
        assert foreground.wait() == 137


def running_pid(bundle: Bundle) -> int:
    """The first process of a container that somebody else starts, once it runs."""
    if not (bundle.state / bundle.id / "state.json").exists():
        return 0
    state = json.loads(bundle.runtime("state", bundle.id).stdout or "{}")
    return int(state["pid"]) if state.get("status") == "running" else 0


@pytest.mark.parametrize(
    ("program", "code", "message"),
    [
        ("no-such-program", 127, 'exec: "no-such-program": executable file not found in $PATH'),
        ("/no/such/program", 127, "no such file or directory"),
        ("/etc/passwd", 126, "permission denied"),
        ("/etc", 126, "is a directory"),
        ("/bin/text", 126, "exec format error"),
        ("/bin/script", 127, "no such file or directory"),
    ],
)
def test_a_program_that_cannot_be_executed_ends_with_docker_s_exit_code(
    bundle: Bundle, program: str, code: int, message: str
) -> None:
    for name, text in (("text", "no program\n"), ("script", "#!/no/interpreter\n")):
        (bundle.rootfs / "bin" / name).write_text(text)
        (bundle.rootfs / "bin" / name).chmod(0o755)
    done = bundle.program(program).run()
    assert done.returncode == code
    assert message in done.stderr
    assert nothing_is_left(bundle)


def test_a_detached_program_that_cannot_be_executed_leaves_nothing(bundle: Bundle) -> None:
    done = bundle.program("no-such-program").start_detached()
    assert done.returncode == 127
    assert nothing_is_left(bundle)


def test_a_created_container_waits_until_it_is_started(bundle: Bundle) -> None:
    bundle.script("echo started > /tmp/trace; exec sleep 3600")
    assert bundle.create().returncode == 0
    state = bundle.inspect()
    assert state["status"] == "created"
    assert status(state["pid"])["NSpid"].split()[1] == "1"
    assert not (bundle.rootfs / "tmp/trace").exists()
    assert bundle.runtime("start", bundle.id).returncode == 0
    assert bundle.inspect() == {**state, "status": "running"}
    eventually((bundle.rootfs / "tmp/trace").exists)
    eventually(lambda: Path(f"/proc/{state['pid']}/comm").read_text() == "sleep\n")


def test_the_state_has_the_fields_of_the_specification(bundle: Bundle) -> None:
    bundle.config["annotations"] = {"org.example.colour": "red"}
    pid = bundle.sleeping()
    state = bundle.inspect()
    created = state.pop("created")
    assert state == {
        "ociVersion": bundle.config["ociVersion"],
        "id": bundle.id,
        "status": "running",
        "pid": pid,
        "bundle": str(bundle.path),
        "annotations": {"org.example.colour": "red"},
    }
    assert created.endswith("Z")
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: stopped(bundle))
    assert bundle.inspect()["pid"] == 0


def test_a_container_starts_once(bundle: Bundle) -> None:
    bundle.sleeping()
    refused(bundle.runtime("start", bundle.id), f"container {bundle.id} is running")
    bundle.runtime("kill", bundle.id, "KILL")
    eventually(lambda: stopped(bundle))
    refused(bundle.runtime("start", bundle.id), f"container {bundle.id} is stopped")


def test_a_name_belongs_to_one_container(bundle: Bundle) -> None:
    pid = bundle.sleeping()
    refused(bundle.create(), f'container with given ID already exists: "{bundle.id}"')
    assert bundle.inspect()["pid"] == pid
    assert bundle.inspect()["status"] == "running"


def test_a_running_or_paused_container_is_deleted_by_force_only(bundle: Bundle) -> None:
    pid = bundle.sleeping()
    refused(bundle.runtime("delete", bundle.id), f"container {bundle.id} is running")
    bundle.runtime("pause", bundle.id)
    refused(bundle.runtime("delete", bundle.id), f"container {bundle.id} is paused")
    assert bundle.runtime("delete", "--force", bundle.id).returncode == 0
    assert nothing_is_left(bundle)
    eventually(lambda: not os.path.exists(f"/proc/{pid}"))


def test_a_created_container_can_be_deleted(bundle: Bundle) -> None:
    bundle.create()
    pid = bundle.inspect()["pid"]
    assert bundle.runtime("delete", bundle.id).returncode == 0
    assert nothing_is_left(bundle)
    eventually(lambda: not os.path.exists(f"/proc/{pid}"))


def test_a_stopped_container_is_there_until_it_is_deleted(bundle: Bundle) -> None:
    bundle.program("true").start()
    eventually(lambda: stopped(bundle))
    assert bundle.runtime("delete", bundle.id).returncode == 0
    assert nothing_is_left(bundle)
    refused(bundle.runtime("delete", bundle.id), f'container does not exist: "{bundle.id}"')
    assert bundle.runtime("delete", "--force", bundle.id).returncode == 0, "as runc has it"


def test_what_a_stopped_container_left_running_ends_with_it(bundle: Bundle) -> None:
    """With the host's pid namespace the end of the first process does not end the others."""
    bundle.namespaces(pid=None)
    bundle.script("sleep 3600 & echo $! > /tmp/pid").start()
    eventually(lambda: stopped(bundle))
    left = int((bundle.rootfs / "tmp/pid").read_text())
    eventually(lambda: status(left)["Name"] == "sleep")
    assert bundle.runtime("delete", bundle.id).returncode == 0
    eventually(lambda: not os.path.exists(f"/proc/{left}"))
    assert nothing_is_left(bundle)


def test_a_foreground_run_can_keep_its_container(bundle: Bundle) -> None:
    assert bundle.script("exit 3").run("--keep").returncode == 3
    assert bundle.inspect()["status"] == "stopped"


def test_a_foreground_run_whose_container_is_deleted_meanwhile_ends_with_the_program_s_code(bundle: Bundle) -> None:
    """Two deletions at once: each thing is taken back once, and the second one is no error."""
    trace = bundle.path / "trace"
    bundle.hook("poststop", f"echo poststop >> {trace}")
    with bundle.program("sleep", "3600").begin() as foreground:
        eventually(lambda: running_pid(bundle))
        assert bundle.runtime("delete", "--force", bundle.id).returncode == 0
        _, errors = foreground.communicate()
    assert (foreground.returncode, errors) == (137, "")
    assert trace.read_text() == "poststop\n"
    assert nothing_is_left(bundle)


def test_a_container_outlives_the_killing_of_the_command_that_runs_it(bundle: Bundle) -> None:
    with bundle.program("sleep", "3600").begin() as foreground:
        pid = eventually(lambda: running_pid(bundle))
        foreground.kill()
    assert bundle.inspect()["status"] == "running"
    assert bundle.execute("true").returncode == 0
    assert os.path.exists(f"/proc/{pid}")


def test_a_paused_container_is_frozen_by_its_cgroup_until_it_is_resumed(bundle: Bundle) -> None:
    bundle.script("while :; do echo x >> /tmp/trace; sleep 0.02; done").start()
    trace = bundle.rootfs / "tmp/trace"
    eventually(trace.exists)
    assert bundle.runtime("pause", bundle.id).returncode == 0
    assert "frozen 1" in cgroups.read(group(bundle), "cgroup.events")
    assert bundle.inspect()["status"] == "paused"
    size = trace.stat().st_size
    refused(bundle.runtime("pause", bundle.id), f"container {bundle.id} is paused")
    assert trace.stat().st_size == size
    assert bundle.runtime("resume", bundle.id).returncode == 0
    assert "frozen 0" in cgroups.read(group(bundle), "cgroup.events")
    assert bundle.inspect()["status"] == "running"
    eventually(lambda: trace.stat().st_size > size)
    refused(bundle.runtime("resume", bundle.id), f"container {bundle.id} is running")


@pytest.mark.parametrize("verb", ["state", "start", "kill", "pause", "resume", "delete", "ps"])
def test_every_verb_names_a_container_that_does_not_exist(bundle: Bundle, verb: str) -> None:
    refused(bundle.runtime(verb, "no-such-container"), 'container does not exist: "no-such-container"')


@pytest.mark.parametrize("name", ["", ".", "..", "../escape", "a/b", "a b", "ä", "x" * 256, "a\nb"])
def test_a_name_that_could_move_in_paths_is_refused(bundle: Bundle, name: str) -> None:
    refused(bundle.runtime("run", "--bundle", str(bundle.path), name), "container ID")
    assert not bundle.state.exists()


def test_a_pid_file_is_written_for_create_and_run(bundle: Bundle) -> None:
    file = bundle.path / "pid"
    assert bundle.create("--pid-file", str(file)).returncode == 0
    assert int(file.read_text()) == bundle.inspect()["pid"]
    bundle.remove()
    assert bundle.script("true").run("--pid-file", str(file)).returncode == 0
    assert int(file.read_text()) > 0


def test_descriptors_are_passed_on_request_and_no_others(bundle: Bundle) -> None:
    bundle.script("ls /proc/self/fd > /tmp/fds; echo passed >&3").write()
    words = bundle.command(*bundle.run_words("--preserve-fds", "1"))
    file = bundle.path / "file"
    command = ["bash", "-c", f'exec "$@" 3>{file} 4</etc/hostname 9</etc/hostname', "bash", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert file.read_text() == "passed\n"
    fds = (bundle.rootfs / "tmp/fds").read_text().split()
    assert fds == ["0", "1", "2", "3", "4"], "the fifth is the directory that ls reads"


def test_closed_standard_streams_are_closed_in_the_container_too(bundle: Bundle) -> None:
    """What minidock opens meanwhile takes the free numbers, and must not be what the program gets."""
    bundle.script("ls -l /proc/self/fd > /tmp/fds; exit 5").write()
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *bundle.command(*bundle.run_words())]
    assert subprocess.run(command, check=False).returncode == 5
    shown = (bundle.rootfs / "tmp/fds").read_text()
    assert "socket:" not in shown
    assert "memfd" not in shown
    assert "pipe:" not in shown


def without(config: dict[str, Any], *path: str) -> None:
    for key in path[:-1]:
        config = config[key]
    del config[path[-1]]


def test_a_configuration_that_is_wrong_is_refused_before_anything_is_made(bundle: Bundle) -> None:
    bundle.process["cwd"] = "relative"
    refused(bundle.run(), 'process.cwd: "relative" is not an absolute path')
    assert not bundle.state.exists()
    without(bundle.config, "process", "cwd")
    refused(bundle.run(), "process.cwd: expected a string, got nothing")
    assert not bundle.state.exists()


def test_a_bundle_without_a_configuration_is_named(bundle: Bundle) -> None:
    bundle.write()
    (bundle.path / "config.json").unlink()
    done = subprocess.run(bundle.command(*bundle.run_words()), capture_output=True, text=True, check=False)
    refused(done, f"{bundle.path}/config.json: no such file", "runc spec")


@pytest.mark.parametrize(
    "text",
    [
        '{"ociVersion": "1.0.2", "far": 1e999, %s}',
        '{"ociVersion": "1.0.2", "deep": ' + "[" * 600 + "]" * 600 + ", %s}",
        '{"ociVersion": "1.0.2", "half": "\\ud800", %s}',
    ],
    ids=["a number beyond all floats", "deep nesting", "half a character"],
)
def test_what_a_configuration_says_beyond_the_specification_harms_nothing(bundle: Bundle, text: str) -> None:
    """Such a container lives and is deleted like others: its configuration is read again for every verb."""
    bundle.program("sleep", "3600")
    rest = json.dumps({key: value for key, value in bundle.config.items() if key != "ociVersion"})
    bundle.write()
    (bundle.path / "config.json").write_text(text % rest[1:-1])
    started = subprocess.run(
        bundle.command(*bundle.run_words("--detach")),
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=(bundle.path / "errors").open("w"),
    )
    assert started.returncode == 0, (bundle.path / "errors").read_text()
    try:
        state = bundle.runtime("state", bundle.id)
        assert json.loads(state.stdout or "{}").get("status") == "running", state.stderr
        assert bundle.runtime("delete", "--force", bundle.id).returncode == 0
        assert nothing_is_left(bundle)
    finally:
        if os.path.exists(group(bundle)):
            cgroups.end(group(bundle))


def test_a_detached_run_whose_program_cannot_be_executed_leaves_nothing(bundle: Bundle) -> None:
    odd = bundle.rootfs / "bin/odd"
    odd.write_text("no program\n")
    odd.chmod(0o755)
    done = bundle.program("odd").run("--detach")
    assert done.returncode == 126, done.stderr
    assert nothing_is_left(bundle)
