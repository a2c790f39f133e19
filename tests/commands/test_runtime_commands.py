"""The command line: lists, reports, changes of limits, and what is loaded to do a whole container."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import prctl
import pytest

from minidock.kernel import cgroups
from minidock.runtime import defaults
from tests.integration.bundles import Bundle
from tests.integration.facts import eventually
from tests.integration.test_lifecycle import group, refused, stopped

SLOW_MODULES = (
    *("re", "json", "typing", "dataclasses", "enum", "pathlib", "subprocess", "argparse", "socket", "signal"),
    *("contextlib", "collections", "functools", "shutil", "logging", "tempfile", "ctypes.util", "pyroute2"),
)


def test_containers_are_listed_as_a_table_as_json_and_by_name_alone(bundle: Bundle) -> None:
    assert bundle.runtime("list", "--format", "json").stdout == "[]\n"
    pid = bundle.sleeping()
    second = bundle.sibling()
    second.program("true").start()
    eventually(lambda: stopped(second))
    assert bundle.runtime("list", "-q").stdout.split() == sorted([bundle.id, second.id])
    rows = {row["id"]: row for row in json.loads(bundle.runtime("list", "--format", "json").stdout)}
    assert {name: (row["status"], row["pid"]) for name, row in rows.items()} == {
        bundle.id: ("running", pid),
        second.id: ("stopped", 0),
    }
    assert rows[bundle.id]["rootfs"] == str(bundle.rootfs)
    assert rows[bundle.id]["owner"] == "0"
    head, *lines = bundle.runtime("list").stdout.splitlines()
    assert head.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    assert lines[0].split()[:4] == [bundle.id, str(pid), "running", str(bundle.path)]


def test_a_damaged_record_does_not_hide_the_other_containers(bundle: Bundle) -> None:
    bundle.sleeping()
    damaged = bundle.state / "damaged"
    damaged.mkdir()
    (damaged / "state.json").write_text("{")
    assert bundle.id in bundle.runtime("list", "-q").stdout.split()
    refused(bundle.runtime("state", "damaged"), "state.json is damaged")
    assert bundle.runtime("delete", "--force", "damaged").returncode == 0
    assert not damaged.exists()


def test_the_processes_of_a_container_are_those_of_its_cgroup(bundle: Bundle) -> None:
    pid = bundle.script("sleep 3600 & sleep 3600").start()
    eventually(lambda: len(cgroups.processes(group(bundle))) == 2)
    found = json.loads(bundle.runtime("ps", "--format", "json", bundle.id).stdout)
    assert sorted(found) == sorted(cgroups.processes(group(bundle)))
    assert pid in found
    assert bundle.runtime("ps", bundle.id).stdout.split() == ["PID", *map(str, found)]


def test_events_tell_what_the_cgroup_has_counted(bundle: Bundle) -> None:
    bundle.sleeping()
    event = json.loads(bundle.runtime("events", "--stats", bundle.id).stdout)
    assert (event["type"], event["id"]) == ("stats", bundle.id)
    assert event["data"]["cpu"]["usage_usec"] > 0
    refused(bundle.runtime("events", bundle.id), "--stats")


def test_an_update_changes_the_cgroup_of_a_running_container(bundle: Bundle) -> None:
    bundle.sleeping()
    file = bundle.path / "resources.json"
    file.write_text(json.dumps({"unified": {"cgroup.max.descendants": "7"}}))
    assert bundle.runtime("update", "--resources", str(file), bundle.id).returncode == 0
    assert cgroups.read(group(bundle), "cgroup.max.descendants") == "7\n"
    text = json.dumps({"unified": {"cgroup.max.depth": "3"}})
    done = bundle.runtime("update", "-r", "-", bundle.id, stdin=None, input=text)
    assert (done.returncode, cgroups.read(group(bundle), "cgroup.max.depth")) == (0, "3\n")


def test_an_update_by_flags_sets_limits_or_says_who_holds_the_controller(bundle: Bundle) -> None:
    bundle.sleeping()
    done = bundle.runtime("update", "--pids-limit", "77", "--memory", "67108864", bundle.id)
    if {"pids", "memory"} <= set(cgroups.offered(cgroups.mount_point())):
        assert done.returncode == 0, done.stderr
        limits = [cgroups.read(group(bundle), file).strip() for file in ("pids.max", "memory.max")]
        assert limits == ["77", "67108864"]
    else:
        refused(done, "this host does not offer the cgroup controller", "boot with the kernel parameters")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--pids-limit", "many"), 'invalid argument "many" for'),
        (("--resources", "/no/such/file"), "/no/such/file"),
        (("--memory", "-2"), "resources.memory.limit: -2 is out of range"),
    ],
)
def test_an_update_that_makes_no_sense_is_refused(bundle: Bundle, words: tuple[str, ...], message: str) -> None:
    bundle.sleeping()
    refused(bundle.runtime("update", *words, bundle.id), message)


def test_the_example_that_spec_writes_runs(bundle: Bundle) -> None:
    bundle.write()
    (bundle.path / "config.json").unlink()
    words = ("spec", "--bundle", str(bundle.path))
    made = subprocess.run(bundle.command(*words), capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    again = subprocess.run(bundle.command(*words), capture_output=True, text=True, check=False)
    refused(again, "config.json exists already")
    done = subprocess.run(
        bundle.command(*bundle.run_words()),
        input="echo the-$((40 + 2))\nexit 4\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert "the-42" in done.stdout


def test_features_name_what_is_there(bundle: Bundle) -> None:
    features = json.loads(bundle.runtime("features").stdout)
    assert features["ociVersionMin"] == "1.0.0"
    assert "startContainer" in features["hooks"]
    assert set(defaults.NAMESPACES) <= set(features["linux"]["namespaces"])
    assert features["linux"]["cgroup"]["v2"] is True
    assert prctl.ALL_CAP_NAMES is not None
    assert {"CAP_CHOWN", "CAP_BPF"} <= set(features["linux"]["capabilities"])


def test_a_plan_is_shown_to_anybody_as_text_and_as_json(open_bundle: Bundle) -> None:
    open_bundle.write()
    words = ("plan", str(open_bundle.path))
    as_nobody = {"user": 65534, "group": 65534, "extra_groups": ()}
    text = open_bundle.runtime(*words, **as_nobody)
    data = open_bundle.runtime(*words, "--format", "json", **as_nobody)
    assert (text.returncode, data.returncode) == (0, 0), text.stderr
    steps = json.loads(data.stdout)
    assert [step["name"] for step in steps][-1] == "process.exec"
    assert all(f"{step['name']}: {step['says']}" in text.stdout for step in steps)


def test_a_step_can_be_left_out_to_see_what_it_was_for(bundle: Bundle) -> None:
    host = os.uname().nodename
    done = bundle.script("hostname").run("--without", "namespace.uts", "--without", "uts.hostname")
    assert (done.returncode, done.stdout) == (0, f"{host}\n"), done.stderr
    assert "left out: namespace.uts: without it sethostname(2) in the container would rename the host" in done.stderr
    refused(bundle.run("--without", "no.such.step"), "no such step: no.such.step", "the steps are: ")
    refused(bundle.run("--without", "root.pivot"), "step root.pivot cannot be left out: the program would run on")


def test_the_journal_tells_each_step_with_its_side_and_outcome(bundle: Bundle) -> None:
    bundle.sleeping()
    lines = [json.loads(line) for line in (bundle.state / bundle.id / "journal").read_text().splitlines()]
    plan = json.loads(bundle.runtime("plan", "--format", "json", str(bundle.path)).stdout)
    names = [step["name"] for step in plan]
    assert [line["step"] for line in lines] == [*names, "process.exec"]
    assert [line["outcome"] for line in lines] == [*["done"] * (len(names) - 1), "begun", "done"]
    assert {(step["name"], step["side"]) for step in plan} >= {(line["step"], line["side"]) for line in lines}


@pytest.mark.parametrize("form", ["json", "text"])
def test_errors_go_to_the_log_as_well(bundle: Bundle, form: str) -> None:
    log = bundle.path / "log"
    done = bundle.runtime("--log", str(log), "--log-format", form, "state", "no-such-container")
    refused(done, "container does not exist")
    text = log.read_text()
    if form == "json":
        entry = json.loads(text)
        assert (entry["level"], entry["msg"]) == ("error", 'container does not exist: "no-such-container"')
    else:
        assert 'container does not exist: "no-such-container"' in text


def test_a_log_that_cannot_be_written_does_not_hide_the_error(bundle: Bundle) -> None:
    done = bundle.runtime("--log", "/no/such/directory/log", "state", "no-such-container")
    refused(done, "container does not exist")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fly",), 'unknown command "fly"'),
        (("state", "--fly", "x"), "unknown flag: --fly"),
        (("state",), "expected one container ID, got 0 words"),
        (("state", "a", "b"), "expected one container ID, got 2 words"),
        (("run", "--bundle"), "flag needs an argument: "),
        (("--systemd-cgroup", "list"), "--systemd-cgroup is not supported"),
        (("kill",), "expected a container ID and a signal"),
        (("exec",), "expected a container ID and a command"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused_with_a_reason(
    bundle: Bundle, words: tuple[str, ...], message: str
) -> None:
    refused(bundle.runtime(*words), message)


def test_help_and_version_are_shown(bundle: Bundle) -> None:
    assert bundle.runtime("--help").stdout.startswith("Usage: minidock-runtime")
    assert bundle.runtime("run", "--help").stdout.startswith("Usage: minidock-runtime")
    assert bundle.runtime("--version").stdout.startswith("minidock-runtime version ")
    assert bundle.runtime().returncode == 1


def test_a_bundle_alone_is_enough_to_run(bundle: Bundle) -> None:
    done = bundle.script("echo by itself").runtime("run", str(bundle.path))
    assert (done.returncode, done.stdout) == (0, "by itself\n")
    assert os.listdir(bundle.state) == []


def test_the_state_directory_can_come_from_the_environment(bundle: Bundle) -> None:
    place = bundle.path / "elsewhere"
    bundle.write()
    words = [sys.executable, "-m", "minidock.runtime", "create", "--bundle", str(bundle.path), bundle.id]
    environment = {**os.environ, "MINIDOCK_RUN": str(place)}
    subprocess.run(words, env=environment, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    assert (place / bundle.id / "state.json").exists()
    bundle.state = place
    assert bundle.inspect()["status"] == "created"


def test_a_whole_container_is_run_without_loading_what_is_slow_to_load(bundle: Bundle) -> None:
    """Each of these costs milliseconds at every start: docs say how many."""
    bundle.program("true").write()
    site = str(Path(prctl.__file__).parent)
    code = f"""
import sys
sys.path += [{str(Path.cwd())!r}, {site!r}]
from minidock.runtime.commands import main
code = main(sys.argv[1:])
sys.stderr.write(" ".join(sys.modules))
sys.exit(code)
"""
    words = ["--root", str(bundle.state), *bundle.run_words()]
    command = [sys.executable, "-I", "-S", "-c", code, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.split())
    assert "minidock.runtime.running" in loaded
    assert loaded.isdisjoint(SLOW_MODULES), sorted(loaded & set(SLOW_MODULES))
