"""Limits as the engine knows them: who was killed for memory, how much is used, what `update` changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minidock.kernel import cgroups
from tests.integration.minidocks import Minidock
from tests.waiting import wait_until

EATER = "tail -c 200m /dev/zero"  # keeps what it reads, to show the end of it


def limited(minidock: Minidock, *words: str) -> str:
    """The id of a new container; skipped where the host does not have the controllers for it."""
    done = minidock("run", "-d", *words)
    if done.returncode == 125 and "does not offer the cgroup controller" in done.stderr:
        pytest.skip(done.stderr.splitlines()[0])
    assert done.returncode == 0, done.stderr
    return str(done.stdout.strip())


def setting(container: str, file: str) -> str:
    return Path(cgroups.locate(f"/minidock/{container}"), file).read_text().strip()


def test_a_container_that_was_killed_for_memory_says_so(minidock: Minidock) -> None:
    limited(minidock, "-m", "16m", "--name", "c1", "busybox", "sh", "-c", EATER)
    assert minidock.ok("wait", "c1") == "137\n"
    state = json.loads(minidock.ok("inspect", "c1"))[0]["State"]
    assert (state["OOMKilled"], state["ExitCode"], state["Status"]) == (True, 137, "exited")
    actions = minidock.ok("events", "--since", "10m", "--until", "0s", "--format", "{{.Action}}").split()
    assert {"oom", "die"} <= set(actions)


def test_stats_tell_how_much_memory_of_how_much_and_how_many_processes(minidock: Minidock) -> None:
    keeper = "head -c 20m /dev/zero | tr '\\0' x | (read -r x; sleep 1000)"
    limited(minidock, "-m", "64m", "--pids-limit", "50", "--name", "c1", "busybox", "sh", "-c", keeper)
    form = "{{.MemUsage}}|{{.MemPerc}}|{{.PIDs}}"

    def shown() -> list[str]:
        return minidock.ok("stats", "--no-stream", "--format", form, "c1").strip().split("|")

    wait_until(lambda: float(shown()[1].rstrip("%")) > 10)
    usage, _, processes = shown()
    assert usage.endswith(" / 64MiB")
    assert int(processes) >= 2


def test_update_changes_the_limits_of_what_runs_and_of_its_next_start(minidock: Minidock) -> None:
    container = limited(minidock, "-m", "64m", "--cpus", "0.5", "--pids-limit", "50", "busybox", "sleep", "1000")
    flags = ("-m", "32m", "--memory-swap", "48m", "--cpus", "0.25", "--pids-limit", "20", "--cpu-shares", "512")
    assert minidock.ok("update", *flags, container) == f"{container}\n"
    wanted = {"memory.max": str(32 << 20), "memory.swap.max": str(16 << 20), "cpu.max": "25000 100000"}
    wanted |= {"pids.max": "20", "cpu.weight": "59"}
    assert {file: setting(container, file) for file in wanted} == wanted
    minidock.ok("restart", "-t", "0", container)
    assert {file: setting(container, file) for file in wanted} == wanted
    document = json.loads(minidock.ok("inspect", container))[0]["HostConfig"]
    assert (document["Memory"], document["NanoCpus"], document["PidsLimit"]) == (32 << 20, 250_000_000, 20)


def test_commands_of_a_build_have_the_limits_of_the_build(minidock: Minidock, tmp_path: Path) -> None:
    text = "FROM busybox\nRUN cd /sys/fs/cgroup && cat memory.max memory.swap.max cpu.max cpuset.cpus > /limits\n"
    (tmp_path / "Dockerfile").write_text(text)
    flags = (
        "-m",
        "64m",
        "--memory-swap",
        "80m",
        "--cpu-quota",
        "50000",
        "--cpu-period",
        "100000",
        "--cpuset-cpus",
        "0",
    )
    done = minidock("build", "-t", "limited", *flags, str(tmp_path))
    if done.returncode == 1 and "does not offer the cgroup controller" in done.stderr:
        pytest.skip(done.stderr.splitlines()[0])
    assert done.returncode == 0, done.stderr
    shown = minidock.output("limited", "cat", "/limits").splitlines()
    assert shown == [str(64 << 20), str(16 << 20), "50000 100000", "0"]
    minidock.ok("rmi", "-f", "limited")
