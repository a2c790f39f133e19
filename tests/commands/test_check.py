"""Whatever is killed, and when: `system check` finds what is left, `--repair` cleans up, and nothing is lost."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from socket import if_nameindex

import pytest

from minidock.engine.engine import Engine
from minidock.kernel import cgroups, processes
from minidock.runtime import container as runtime
from minidock.state import containers
from minidock.state.database import close_all
from tests.integration.minidocks import Minidock
from tests.waiting import wait_until

KILLED = str(Path(__file__).with_name("killed.py"))
# Which effects a kill comes before: some here and some there, the early ones more often; or all of them.
EVERY = os.environ.get("MINIDOCK_EVERY_EFFECT") == "1"
SLEEP = ("busybox", "sleep", "1000")
NETWORK = ["network", "create", "--subnet", "10.90.0.0/24", "net"]
WIRE = ["network", "create", "-d", "macvlan", "-o", "parent=wire0", "--subnet", "10.91.0.0/24", "lan"]


@pytest.fixture
def engine(minidock: Minidock) -> Generator[Engine]:
    made = Engine(str(minidock.root), str(minidock.state))
    yield made
    made.database.close()


def told(engine: Engine) -> list[str]:
    return [str(finding) for finding in engine.check()]


def forget(engine: Engine, container_id: str) -> None:
    """As if the state had never known it."""
    with engine.database.change() as change:
        containers.forget(change, container_id)


def is_frozen(container_id: str) -> bool:
    return "frozen 1" in cgroups.read(cgroups.locate(f"/minidock/{container_id}"), "cgroup.events")


def all_is_well(minidock: Minidock) -> bool:
    done = minidock("system", "check")
    return (done.returncode, done.stdout) == (0, "All is well.\n")


# Killed at every moment -----------------------------------------------------------------------------------

CASES: dict[str, tuple[list[list[str]], list[str]]] = {
    "create": ([], ["create", "--name", "new", "-v", "data:/data", "-v", "/other", *SLEEP]),
    "run": ([], ["run", "-d", "--name", "new", "-v", "/other", *SLEEP]),
    "run --rm": ([], ["run", "--rm", "-v", "/other", "busybox", "true"]),
    "stop": ([["run", "-d", "--name", "old", *SLEEP]], ["stop", "-t", "0", "old"]),
    "restart": ([["run", "-d", "--name", "old", *SLEEP]], ["restart", "-t", "0", "old"]),
    "pause": ([["run", "-d", "--name", "old", *SLEEP]], ["pause", "old"]),
    "unpause": ([["run", "-d", "--name", "old", *SLEEP], ["pause", "old"]], ["unpause", "old"]),
    "update": ([["create", "--name", "old", *SLEEP]], ["update", "--memory", "64m", "--restart", "always", "old"]),
    "rename": ([["create", "--name", "old", *SLEEP]], ["rename", "old", "new"]),
    "rm": ([["run", "-d", "--name", "old", "-v", "/other", *SLEEP]], ["rm", "-f", "-v", "old"]),
    "run -p": ([NETWORK], ["run", "-d", "--name", "new", "--network", "net", "-p", "8080:80", *SLEEP]),
    "network create": ([], NETWORK),
    "network rm": ([NETWORK, ["run", "--rm", "--network", "net", "busybox", "true"]], ["network", "rm", "net"]),
    "network connect": ([NETWORK, ["run", "-d", "--name", "old", *SLEEP]], ["network", "connect", "net", "old"]),
    "network disconnect": (
        [NETWORK, ["run", "-d", "--name", "old", "--network", "net", "-p", "8080:80", *SLEEP]],
        ["network", "disconnect", "net", "old"],
    ),
    "run on a wire": ([WIRE], ["run", "-d", "--name", "new", "--network", "lan", *SLEEP]),
    "network rm of a wire": ([WIRE, ["run", "--rm", "--network", "lan", "busybox", "true"]], ["network", "rm", "lan"]),
    "volume create": ([], ["volume", "create", "data"]),
    "volume rm": ([["volume", "create", "data"]], ["volume", "rm", "data"]),
}
KILLS = [(name, "command") for name in CASES] + [("run", "monitor"), ("run --rm", "monitor"), ("run -p", "monitor")]


@pytest.fixture(scope="module", autouse=True)
def wire() -> Generator[None]:
    """One that containers may share."""
    subprocess.run(["ip", "link", "add", "wire0", "up", "type", "veth", "peer", "name", "wire1"], check=True)
    yield
    subprocess.run(["ip", "link", "del", "wire0"], check=True)


@pytest.fixture
def kept(minidock: Minidock, engine: Engine) -> Generator[str]:
    """A container, with a volume, that no kill may harm."""
    yield minidock.ok("create", "--name", "kept", "-v", "kept:/kept", *SLEEP).strip()
    engine.remove("kept")
    engine.remove_volume("kept")


@pytest.mark.parametrize(("case", "who"), KILLS, ids=[f"{who} of {case}" for case, who in KILLS])
def test_a_kill_before_any_effect_can_be_repaired(
    minidock: Minidock, engine: Engine, kept: str, tmp_path: Path, case: str, who: str
) -> None:
    before, words = CASES[case]
    died, kills = tmp_path / "died", 0
    for number in itertools.count(1) if EVERY else (root * root for root in itertools.count(1)):
        for earlier in before:
            minidock.ok(*earlier)
        _run_killed(minidock, died, who, str(number), words)
        if not died.exists():
            break
        wait_until(lambda: not processes.start_time(int(died.read_text())), "its death")
        died.unlink()
        kills += 1
        _repair(engine, f"killed before effect {number}")
        _clear(engine, minidock, kept)
    assert kills
    _clear(engine, minidock, kept)
    assert engine.find(kept).status == containers.CREATED


def _run_killed(
    minidock: Minidock, died: Path, who: str, which: str, words: list[str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, KILLED, who, which, *words],
        env={**minidock.environment, "DIED": str(died)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _repair(engine: Engine, when: str) -> None:
    """Whom the killed one has forked needs a moment to see that it is gone: until then there is nothing to repair."""

    def is_well() -> bool:
        findings = engine.repair()
        assert all(finding.is_repaired for finding in findings), (when, [str(finding) for finding in findings])
        return told(engine) == []

    wait_until(is_well, f"a repair: {when}")


def _clear(engine: Engine, minidock: Minidock, kept: str) -> None:
    """All but what was there before any kill: there must be no trace of it."""
    for row in engine.everyone():
        if row.id != kept:
            engine.remove(row.id, force=True, volumes=True)
    for volume in engine.volumes():
        if volume.name != "kept":
            engine.remove_volume(volume.name)
    for network in engine.networks({"type": ["custom"]}):
        engine.remove_network(network.name)
    wait_until(lambda: [name for _, name in if_nameindex() if name.startswith(("br-", "veth"))] == [], "links to go")
    assert minidock.remains() == [kept]
    assert os.listdir(minidock.root / "volumes") == ["kept"]
    assert not os.path.isdir(minidock.root / "unfinished") or os.listdir(minidock.root / "unfinished") == []
    close_all()


def test_no_command_waits_for_a_monitor_that_was_killed_at_the_gate(
    minidock: Minidock, engine: Engine, tmp_path: Path
) -> None:
    """The process that was to become the container lives on, and must not keep the line to the command open."""
    done = _run_killed(minidock, tmp_path / "died", "monitor", "socket.connect", ["run", "--name", "web", *SLEEP])
    assert (tmp_path / "died").exists()
    assert (done.returncode, "monitor ended without a word" in done.stderr) == (125, True)
    assert engine.find("web").status == containers.CREATED


# What is found, and what is done about it ----------------------------------------------------------------


def test_a_system_in_use_is_well(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "running", *SLEEP)
    minidock.ok("run", "-d", "--name", "paused", *SLEEP)
    minidock.ok("run", "-d", "--name", "again", "--restart", "always", "busybox", "true")
    minidock.ok("create", "--rm", "--name", "created", *SLEEP)
    minidock.ok("run", "--name", "exited", "busybox", "true")
    minidock.ok("pause", "paused")
    assert all_is_well(minidock)
    minidock.ok("system", "check", "--repair")
    assert "running\n" in minidock.ok("ps", "--format", "{{.Names}}")


def test_a_killed_monitor_is_found_and_what_it_ran_is_ended(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", "--name", "web", *SLEEP)
    row = engine.find("web")
    os.kill(int(row.owner.split()[0]), signal.SIGKILL)
    wait_until(lambda: told(engine), "the finding")
    done = minidock("system", "check")
    assert done.returncode == 1
    assert done.stdout.startswith(f"container web ({row.id[:12]}): it is written down as running, but its monitor is")
    assert os.path.exists(f"/proc/{row.pid}")
    done = minidock("system", "check", "--repair")
    assert (done.returncode, done.stdout.count(": done\n")) == (0, 1)
    assert all_is_well(minidock)
    assert processes.start_time(row.pid) == 0
    assert not os.path.exists(cgroups.locate(f"/minidock/{row.id}"))
    assert (engine.find("web").status, engine.find("web").exit_code) == ("exited", 255)


def test_a_running_container_that_the_state_does_not_know_is_ended(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", "--name", "web", *SLEEP)
    row = engine.find("web")
    forget(engine, row.id)
    assert any(f"the runtime has a container {row.id[:12]}" in line for line in told(engine))
    _repair(engine, "")
    wait_until(lambda: not processes.start_time(row.pid))
    assert minidock.remains() == []


def test_processes_in_the_cgroup_of_a_container_that_nobody_knows_are_ended(
    minidock: Minidock, engine: Engine, tmp_path: Path
) -> None:
    minidock.ok("run", "-d", "--name", "web", *SLEEP)
    row = engine.find("web")
    forget(engine, row.id)
    os.kill(int(row.owner.split()[0]), signal.SIGKILL)
    (minidock.state / row.id).rename(tmp_path / "state")
    (minidock.root / "containers" / row.id).rename(tmp_path / "container")
    name, nobody = told(engine)
    assert f"names/web: it leads to the container {row.id[:12]}, which does not run" in name
    assert f"the runtime has a container {row.id[:12]} that the state does not know" in nobody
    _repair(engine, "")
    wait_until(lambda: not processes.start_time(row.pid))
    assert not os.path.exists(cgroups.locate(f"/minidock/{row.id}"))


def test_what_an_earlier_run_left_of_a_container_at_rest_is_ended(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", "--name", "web", *SLEEP)
    row = engine.find("web")
    os.kill(int(row.owner.split()[0]), signal.SIGKILL)
    with engine.database.change() as change:
        containers.alter(change, row.id, status=containers.EXITED, owner="", pid=0)
    assert f"of an earlier run there still is its processes {row.pid}" in told(engine)[0]
    _repair(engine, "")
    wait_until(lambda: not processes.start_time(row.pid))
    minidock.ok("start", "web")


def test_containers_of_another_root_are_left_alone(minidock: Minidock, engine: Engine, tmp_path: Path) -> None:
    minidock.ok("run", "-d", "--name", "web", *SLEEP)
    other = Engine(str(tmp_path), engine.run_root)
    assert told(other) == []
    other.database.close()
    assert engine.find("web").status == containers.RUNNING


def test_the_state_follows_the_kernel_in_what_is_frozen(minidock: Minidock, engine: Engine) -> None:
    for name in ("one", "two"):
        minidock.ok("run", "-d", "--name", name, *SLEEP)
    minidock.ok("pause", "one")
    one, two = engine.find("one").id, engine.find("two").id
    runtime.resume(runtime.Container.load(engine.run_root, one))
    runtime.pause(runtime.Container.load(engine.run_root, two))
    findings = sorted(told(engine))
    assert "written down as paused, but it runs" in findings[0]
    assert "written down as running, but it is frozen" in findings[1]
    _repair(engine, "")
    assert [engine.find(name).status for name in ("one", "two")] == [containers.RUNNING, containers.PAUSED]
    assert (is_frozen(one), is_frozen(two)) == (False, True)
    minidock.ok("unpause", "two")
    assert not is_frozen(two)


def test_a_signal_to_a_paused_container_lets_it_go_on_and_the_state_knows(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", "--name", "web", "busybox", "sh", "-c", "trap : HUP; while :; do sleep 0.1; done")
    minidock.ok("pause", "web")
    minidock.ok("kill", "-s", "HUP", "web")
    row = engine.find("web")
    assert (row.status, is_frozen(row.id)) == (containers.RUNNING, False)


def test_a_layer_that_a_container_stands_on_is_unpacked_again(
    minidock: Minidock, engine: Engine, tmp_path: Path
) -> None:
    minidock.ok("create", "--name", "web", "busybox", "true")
    (layer,) = (minidock.root / "layers").iterdir()
    layer.rename(tmp_path / "layer")
    assert f"its layer {layer}/diff is missing" in told(engine)[0]
    _repair(engine, "")
    minidock.ok("start", "-a", "web")


def test_a_damaged_configuration_is_made_again(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("create", "--name", "web", "-e", "COLOUR=green", "busybox", "sh", "-c", "echo $COLOUR")
    path = Path(engine.place(engine.find("web").id).file("config.json"))
    before = path.read_text()
    path.write_text(before[: len(before) // 2])
    assert "cannot be used" in told(engine)[0]
    _repair(engine, "")
    assert minidock.ok("start", "-a", "web") == "green\n"
