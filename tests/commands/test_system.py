"""What concerns all of minidock: reboots, limits that change, what is pruned, and what is told."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from minidock.engine.engine import Engine
from minidock.kernel import cgroups, processes
from minidock.state import containers
from tests.integration.minidocks import Minidock
from tests.waiting import wait_until

SLEEP = ("busybox", "sleep", "1000")
# Ends at once when it is asked to, with the exit code that it is given.
POLITE = ("busybox", "sh", "-c", 'trap "exit $0" TERM; while :; do sleep 0.05; done')


@pytest.fixture
def engine(minidock: Minidock) -> Generator[Engine]:
    made = Engine(str(minidock.root), str(minidock.state))
    yield made
    made.database.close()


def statuses(engine: Engine) -> dict[str, str]:
    return {row.name: row.status for row in engine.everyone()}


# Reboots --------------------------------------------------------------------------------------------------


def power_cut(minidock: Minidock, engine: Engine) -> None:
    """What is left of a reboot without warning: rows of another boot, and nothing that runs."""
    for row in engine.everyone():
        if row.status not in containers.AT_REST:
            monitor = int(row.owner.split()[0])
            os.kill(monitor, 9)
            wait_until(lambda monitor=monitor: not processes.start_time(monitor))  # type: ignore[misc]
            cgroups.end(cgroups.locate(f"/minidock/{row.id}"))
            subprocess.run(["rm", "-r", minidock.state / row.id], check=True)
            with engine.database.change() as change:
                containers.alter(change, row.id, owner=f"{' '.join(row.owner.split()[:2])} 00000000")


def make_all_kinds(minidock: Minidock) -> None:
    for policy in ("no", "on-failure", "always", "unless-stopped"):
        for fate in ("running", "stopped"):
            named = ("--name", f"{policy}-{fate}", "--restart", policy, "--stop-timeout", "0")
            minidock.ok("run", "-d", *named, *SLEEP)
    minidock.ok("create", "--name", "never-started", "--restart", "always", *SLEEP)
    minidock.ok("run", "-d", "--rm", "--name", "temporary", "--stop-timeout", "0", *SLEEP)
    stopped = [f"{policy}-stopped" for policy in ("no", "on-failure", "always", "unless-stopped")]
    minidock.ok("stop", "-t", "0", *stopped)


def should_run_after_boot() -> set[str]:
    return {"on-failure-running", "always-running", "always-stopped", "unless-stopped-running"}


def test_after_a_power_cut_those_come_back_that_should(minidock: Minidock, engine: Engine) -> None:
    make_all_kinds(minidock)
    power_cut(minidock, engine)
    told = minidock.ok("system", "boot").split()
    assert set(told) == should_run_after_boot()
    found = statuses(engine)
    assert {name for name, status in found.items() if status == "running"} == should_run_after_boot()
    assert found["never-started"] == "created"
    assert "temporary" not in found
    assert minidock.ok("system", "check") == "All is well.\n"


def test_they_come_back_though_somebody_looked_before(minidock: Minidock, engine: Engine) -> None:
    make_all_kinds(minidock)
    power_cut(minidock, engine)
    minidock.ok("ps", "-a")
    minidock.ok("system", "check", "--repair")
    assert set(minidock.ok("system", "boot").split()) == should_run_after_boot()


def test_after_a_shutdown_those_come_back_that_should(minidock: Minidock, engine: Engine) -> None:
    make_all_kinds(minidock)
    ended = set(minidock.ok("system", "shutdown").split())
    assert ended == {*(f"{name}-running" for name in ("no", "on-failure", "always", "unless-stopped")), "temporary"}
    assert set(statuses(engine).values()) == {"exited", "created"}
    assert set(minidock.ok("system", "boot").split()) == should_run_after_boot()
    assert minidock.ok("system", "boot") == ""


def test_a_shutdown_gives_each_container_its_signal_and_its_time(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", "--name", "polite", "--restart", "on-failure", *POLITE, "3")
    minidock.ok("run", "-d", "--name", "done", "--restart", "on-failure", *POLITE, "0")
    minidock.ok("run", "-d", "--name", "deaf", "--stop-timeout", "0", *SLEEP)
    minidock.ok("pause", "deaf")
    minidock.ok("system", "shutdown")
    assert [engine.find(name).exit_code for name in ("polite", "done", "deaf")] == [3, 0, 137]
    assert minidock.ok("system", "boot") == "polite\n"  # the other one succeeded in what it did


def test_one_that_cannot_be_started_does_not_keep_the_others(minidock: Minidock, engine: Engine) -> None:
    for name in ("one", "two"):
        minidock.ok("run", "-d", "--name", name, "--restart", "always", "--stop-timeout", "0", *SLEEP)
    minidock.ok("system", "shutdown")
    path = Path(engine.place(engine.find("one").id).file("config.json"))
    path.write_text(path.read_text().replace('"sleep"', '"nosuch"'))
    done = minidock("system", "boot")
    assert (done.returncode, done.stdout) == (1, "two\n")
    assert "container one could not be started" in done.stderr


# Changes --------------------------------------------------------------------------------------------------


def test_new_limits_are_in_the_state_and_in_the_next_run(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("create", "--name", "web", *SLEEP)
    assert minidock.ok("update", "-m", "64m", "--pids-limit", "9", "--cpus", "0.5", "--restart", "always", "web") == (
        "web\n"
    )
    options = engine.options(engine.find("web"))
    assert (options.memory, options.pids_limit, options.nano_cpus) == (64 << 20, 9, 500_000_000)
    assert options.restart == "always"
    document = json.loads(Path(engine.place(engine.find("web").id).file("config.json")).read_text())
    resources = document["linux"]["resources"]
    assert resources["memory"] == {"limit": 64 << 20, "swap": 128 << 20}
    assert (resources["pids"], resources["cpu"]) == ({"limit": 9}, {"quota": 50000, "period": 100000})
    assert resources["devices"]


@pytest.mark.parametrize(
    ("made", "asked", "says"),
    [
        ([], [], "you must provide one or more flags"),
        ([], ["-m", "1m"], "Minimum memory limit allowed is 6MB"),
        (["-m", "64m"], ["-m", "256m"], "Memory limit should be smaller than already set memoryswap limit"),
        (["--cpus", "1"], ["--cpu-quota", "5000"], "CPU Quota cannot be updated as NanoCPUs has already been set"),
        (["--cpus", "1"], ["--cpu-period", "5000"], "CPU Period cannot be updated as NanoCPUs has already been set"),
        (["--cpu-quota", "5000"], ["--cpus", "1"], "Nano CPUs cannot be updated as CPU Quota has already been set"),
        (["--rm"], ["--restart", "always"], "Restart policy cannot be updated because AutoRemove is enabled"),
        ([], ["--restart", "sometimes"], "invalid restart policy: unknown policy 'sometimes'"),
        ([], ["--restart", "always:3"], "maximum retry count can only be used with 'on-failure'"),
        ([], ["--pids-limit", "many"], 'invalid argument "many" for "--pids-limit" flag'),
    ],
)
def test_what_cannot_be_is_refused_in_dockers_words(
    minidock: Minidock, engine: Engine, made: list[str], asked: list[str], says: str
) -> None:
    minidock.ok("create", "--name", "web", *made, *SLEEP)
    before = engine.find("web").options
    done = minidock("update", *asked, "web")
    assert done.returncode in (1, 125)
    assert says in done.stderr
    assert engine.find("web").options == before


def test_a_new_restart_policy_holds_for_what_runs_and_for_what_waits(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", "--name", "web", *SLEEP)
    minidock.ok("update", "--restart", "always", "web")
    first = engine.find("web").pid
    os.kill(first, 9)
    wait_until(lambda: engine.find("web").pid not in (0, first))
    minidock.ok("run", "-d", "--name", "loop", "--restart", "always", "busybox", "false")
    wait_until(lambda: engine.find("loop").restarts > 5)  # by now it waits for seconds
    wait_until(lambda: engine.find("loop").status == containers.RESTARTING)
    last = engine.find("loop").started
    minidock.ok("update", "--restart", "no", "loop")
    wait_until(lambda: engine.find("loop").status == containers.EXITED)
    assert (engine.find("loop").exit_code, engine.find("loop").started) == (1, last)


def test_a_restart_keeps_what_was_to_be_removed_at_its_end(minidock: Minidock, engine: Engine) -> None:
    container_id = minidock.ok("run", "-d", "--rm", "--name", "web", *SLEEP).strip()
    first = engine.find("web").pid
    minidock.ok("pause", "web")
    assert minidock.ok("restart", "-t", "0", "web") == "web\n"
    row = engine.find("web")
    assert (row.id, row.status) == (container_id, containers.RUNNING)
    assert row.pid != first
    actions = [row[0] for row in engine.database.rows("SELECT action FROM events WHERE actor = ?", container_id)]
    assert actions[-4:] == ["die", "stop", "start", "restart"]


def test_a_restart_starts_what_does_not_run(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("create", "--name", "web", *SLEEP)
    minidock.ok("restart", "web")
    assert engine.find("web").status == containers.RUNNING


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["web", "other"], 'Error when allocating new name: Conflict. The container name "/other" is already in use'),
        (["web", "x!"], "Error when allocating new name: Invalid container name (x!)"),
        (["web", "web"], "Renaming a container with the same name as its current name"),
        (["web", ""], "Neither old nor new names may be empty"),
    ],
)
def test_a_name_that_cannot_be_given_is_refused(minidock: Minidock, words: list[str], says: str) -> None:
    for name in ("web", "other"):
        minidock.ok("create", "--name", name, *SLEEP)
    done = minidock("rename", *words)
    assert done.returncode == 1
    assert says in done.stderr


def test_pausing_what_does_not_run_is_refused(minidock: Minidock, engine: Engine) -> None:
    container_id = minidock.ok("create", "--name", "web", *SLEEP).strip()
    assert f"Container {container_id} is not running" in minidock("pause", "web").stderr
    assert f"Container {container_id} is not paused" in minidock("unpause", "web").stderr
    minidock.ok("start", "web")
    minidock.ok("pause", "web")
    assert f"Container {container_id} is already paused" in minidock("pause", "web").stderr
    actions = [row[0] for row in engine.database.rows("SELECT action FROM events WHERE actor = ?", container_id)]
    assert actions.count("pause") == 1


# Pruning --------------------------------------------------------------------------------------------------


def make_some(minidock: Minidock) -> None:
    minidock.ok("run", "--name", "ended", "-l", "kind=a", "busybox", "sh", "-c", "echo four > /x")
    minidock.ok("create", "--name", "created", "-l", "kind=b", *SLEEP)
    minidock.ok("run", "-d", "--name", "running", *SLEEP)


def test_containers_that_rest_are_pruned(minidock: Minidock, engine: Engine) -> None:
    make_some(minidock)
    ids = [engine.find(name).id for name in ("created", "ended")]
    assert minidock.ok("container", "prune", "-f") == (
        f"Deleted Containers:\n{ids[0]}\n{ids[1]}\n\nTotal reclaimed space: 5B\n"
    )
    assert statuses(engine) == {"running": "running"}
    assert minidock.ok("container", "prune", "-f") == "Total reclaimed space: 0B\n"


def test_without_a_yes_nothing_is_pruned(minidock: Minidock, engine: Engine) -> None:
    make_some(minidock)
    question = "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] "
    for answer in ("", "n\n", "what?\n"):
        done = minidock("container", "prune", stdin=None, input=answer)
        assert (done.returncode, done.stdout) == (0, question)
    assert len(statuses(engine)) == 3
    minidock("container", "prune", stdin=None, input="y\n")
    assert len(statuses(engine)) == 1


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        (["label=kind"], {"running"}),
        (["label=kind=a"], {"created", "running"}),
        (["label!=kind=a"], {"ended", "running"}),
        (["label=kind=a", "label=kind=b"], {"created", "ended", "running"}),
        (["until=24h"], {"created", "ended", "running"}),
        (["until=0s"], {"running"}),
    ],
)
def test_filters_keep_containers_from_being_pruned(
    minidock: Minidock, engine: Engine, filters: list[str], left: set[str]
) -> None:
    make_some(minidock)
    minidock.ok("container", "prune", "-f", *(word for text in filters for word in ("--filter", text)))
    assert set(statuses(engine)) == left


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["container", "prune", "-f", "--filter", "nonsense"], "bad format of filter (expected name=value)"),
        (["container", "prune", "-f", "--filter", "colour=red"], "invalid filter 'colour'"),
        (["container", "prune", "-f", "--filter", "until=xx"], 'failed to parse value as time or duration: "xx"'),
        (["system", "prune", "-f", "--filter", "colour=red"], "invalid filter 'colour'"),
        (["system", "prune", "-f", "--volumes", "--filter", "until=1h"], 'The "until" filter is not supported with'),
    ],
)
def test_filters_that_mean_nothing_are_refused_and_nothing_is_pruned(
    minidock: Minidock, engine: Engine, words: list[str], says: str
) -> None:
    make_some(minidock)
    done = minidock(*words)
    assert done.returncode != 0
    assert says in done.stderr
    assert len(statuses(engine)) == 3


def test_all_that_is_not_in_use_is_pruned_at_once(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "--name", "ended", "-v", "/data", "busybox", "sh", "-c", "echo three > /data/x")
    (volume,) = engine.volumes()
    container_id = engine.find("ended").id
    told = minidock.ok("system", "prune", "-f", "--volumes")
    assert told.startswith(f"Deleted Containers:\n{container_id}\n\nDeleted Volumes:\n{volume.name}\n\n")
    assert told.endswith("Total reclaimed space: 6B\n")
    assert (statuses(engine), engine.volumes()) == ({}, [])
    assert "busybox\n" in minidock.ok("images", "--format", "{{.Repository}}")


def test_the_question_says_what_will_go(minidock: Minidock) -> None:
    asked = minidock.ok("system", "prune", "-a", "--volumes", "--filter", "label=a", "--filter", "label!=b")
    assert asked == (
        "WARNING! This will remove:\n"
        "  - all stopped containers\n"
        "  - all networks not used by at least one container\n"
        "  - all anonymous volumes not used by at least one container\n"
        "  - all images without at least one container associated to them\n"
        "  - unused build cache\n"
        "\n"
        "  Items to be pruned will be filtered with:\n"
        "  - label!=b\n"
        "  - label=a\n"
        "\n"
        "Are you sure you want to continue? [y/N] "
    )


# What is told ---------------------------------------------------------------------------------------------


def test_df_adds_up_what_there_is(minidock: Minidock) -> None:
    make_some(minidock)
    minidock.ok("volume", "create", "unused")
    data = minidock.root / "volumes/unused/_data/file"
    data.write_bytes(bytes(1500))
    rows = [json.loads(line) for line in minidock.ok("system", "df", "--format", "json").splitlines()]
    minidock.ok("volume", "rm", "unused")
    images, ours, volumes, builds = rows
    assert (builds["Type"], builds["TotalCount"], builds["Size"]) == ("Build Cache", "0", "0B")
    assert (images["Type"], images["TotalCount"], images["Active"]) == ("Images", "1", "1")
    assert images["Reclaimable"] == "0B (0%)"
    assert ours == {
        "Type": "Containers",
        "TotalCount": "3",
        "Active": "1",
        "Size": "5B",
        "Reclaimable": "5B (100%)",
    }
    assert volumes == {
        "Type": "Local Volumes",
        "TotalCount": "1",
        "Active": "0",
        "Size": "1.5kB",
        "Reclaimable": "1.5kB (100%)",
    }


def test_df_in_detail_lists_everything(minidock: Minidock) -> None:
    make_some(minidock)
    told = minidock.ok("system", "df", "-v")
    headings = ["Images space usage:", "Containers space usage:", "Local Volumes space usage:"]
    assert [line for line in told.splitlines() if line.endswith("usage:")] == headings
    everything = json.loads(minidock.ok("system", "df", "-v", "--format", "json"))
    assert {row["Names"]: row["Size"] for row in everything["Containers"]} == {
        "running": "0B",
        "created": "0B",
        "ended": "5B",
    }
    (image,) = everything["Images"]
    assert (image["Repository"], image["Containers"], image["SharedSize"]) == ("busybox", "3", "0B")


def test_info_counts_containers_and_knows_the_host(minidock: Minidock) -> None:
    make_some(minidock)
    minidock.ok("run", "-d", "--name", "paused", *SLEEP)
    minidock.ok("pause", "paused")
    info = json.loads(minidock.ok("info", "--format", "json"))
    counts = [info[f"Containers{state}"] for state in ("", "Running", "Paused", "Stopped")]
    assert counts == [4, 1, 1, 2]
    assert (info["Images"], info["Driver"], info["CgroupVersion"]) == (1, "overlay2", "2")
    assert info["KernelVersion"] == os.uname().release
    assert info["NCPU"] == len(os.sched_getaffinity(0))
    assert info["MemTotal"] == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert info["DockerRootDir"] == str(minidock.root)
    offered = cgroups.offered(cgroups.mount_point())
    assert info["MemoryLimit"] == ("memory" in offered)
    assert ("WARNING: No memory limit support" in (info["Warnings"] or [])) == ("memory" not in offered)
    text = minidock.ok("info")
    for line in (
        " Containers: 4\n",
        "  Running: 1\n",
        "  Paused: 1\n",
        "  Stopped: 2\n",
        " Storage Driver: overlay2\n",
    ):
        assert line in text


def test_version_can_be_asked_by_templates(minidock: Minidock) -> None:
    from minidock import __version__

    assert minidock.ok("version", "--format", "{{.Server.Version}} {{.Client.Version}}") == (
        f"{__version__} {__version__}\n"
    )
    assert json.loads(minidock.ok("version", "-f", "json"))["Server"]["KernelVersion"] == os.uname().release
    assert minidock("version", "-f", "{{.Nope}}").returncode == 1
