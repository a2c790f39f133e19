"""Leaving steps out: what docs/without.md says can be seen, and what is refused, said, and remembered."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.demonstrations import Demonstration, demonstrations
from tests.integration.minidocks import Minidock

SECTIONS = ("Namespaces", "The network", "Files", "The program")


@pytest.mark.parametrize("shown", demonstrations(*SECTIONS), ids=lambda shown: shown.step)
def test_what_a_step_is_for_is_seen_without_it(minidock: Minidock, tmp_path: Path, shown: Demonstration) -> None:
    shown.run(minidock, tmp_path)


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("namespace.mount", "every mount of the container would be made on the host"),
        ("root.pivot", "the program would run on the host's own files"),
        ("process.clone", "would be the one that you typed the command to"),
    ],
)
def test_what_would_harm_the_host_is_refused_and_no_container_is_made(minidock: Minidock, step: str, why: str) -> None:
    mounts = Path("/proc/self/mountinfo").read_text()
    done = minidock("run", "--without", step, "busybox", "true")
    assert (done.returncode, why in done.stderr) == (125, True), done
    assert minidock.ok("ps", "-aq") == ""
    assert Path("/proc/self/mountinfo").read_text() == mounts


def test_a_step_that_does_not_exist_is_refused_with_those_that_do(minidock: Minidock) -> None:
    done = minidock("create", "--without", "namespace.none", "busybox")
    assert done.returncode == 1
    assert "no such step: namespace.none" in done.stderr
    assert "namespace.pid" in done.stderr


def test_what_needs_a_step_goes_with_it_and_the_host_keeps_its_name(minidock: Minidock) -> None:
    done = minidock("run", "--rm", "--hostname", "box", "--without", "namespace.uts", "busybox", "hostname")
    assert done.stdout == f"{os.uname().nodename}\n"
    assert "WARNING: left out: uts.hostname (it needs namespace.uts)" in done.stderr


def test_without_a_network_of_its_own_a_container_changes_nothing_of_the_hosts(minidock: Minidock) -> None:
    before = Path("/proc/net/route").read_text()
    minidock.ok("run", "-d", "--name", "c1", "--without", "namespace.network", "busybox", "sleep", "1000")
    assert minidock.ok("exec", "c1", "readlink", "/proc/self/ns/net").strip() == os.readlink("/proc/self/ns/net")
    minidock.ok("network", "create", "front")
    try:
        done = minidock("network", "connect", "front", "c1")
    finally:
        minidock.ok("network", "rm", "front")
    assert (done.returncode, "it is on the host's" in done.stderr) == (1, True), done
    assert Path("/proc/net/route").read_text() == before


def test_what_was_left_out_is_left_out_again_and_told_afterwards(minidock: Minidock) -> None:
    minidock.ok("create", "--name", "c1", "--without", "namespace.pid", "busybox", "sh", "-c", "echo $$")
    for _ in range(2):
        assert minidock.ok("start", "-a", "c1") != "1\n"
    told = json.loads(minidock.ok("explain", "--format", "json", "c1"))
    assert [step["name"] for step in told["steps"] if step["outcome"] == "left out"] == ["namespace.pid"]


def test_a_plan_is_without_it_as_well(minidock: Minidock) -> None:
    planned = json.loads(minidock.ok("plan", "--format", "json", "--without", "namespace.uts", "busybox"))
    assert not {"namespace.uts", "uts.hostname"} & {step["name"] for step in planned}
