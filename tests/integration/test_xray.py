"""`xray`: what it tells of a container is what the kernel tells, outside and inside."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from minidock.kernel import cgroups
from tests.integration.facts import status
from tests.integration.minidocks import Minidock
from tests.waiting import wait_until

KINDS = {"pid": "pid", "network": "net", "mount": "mnt", "uts": "uts", "ipc": "ipc", "cgroup": "cgroup", "user": "user"}
SETS = {
    "effective": "CapEff",
    "permitted": "CapPrm",
    "bounding": "CapBnd",
    "inheritable": "CapInh",
    "ambient": "CapAmb",
}


def xray(minidock: Minidock, *names: str) -> dict[str, Any]:
    found = json.loads(minidock.ok("xray", "--format", "json", *names))
    return {one["name"]: one for one in found["containers"]}


def test_namespaces_and_who_shares_them_are_the_kernels(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "web", "busybox", "sleep", "1000")
    minidock.ok(
        "run", "-d", "--name", "partner", "--network", "container:web", "--ipc", "host", "busybox", "sleep", "9"
    )
    found = xray(minidock)
    for name, other in (("web", "partner"), ("partner", "web")):
        spaces = {each["kind"]: each for each in found[name]["namespaces"]}
        for kind, file in KINDS.items():
            here, hosts = (os.stat(f"/proc/{pid}/ns/{file}").st_ino for pid in (found[name]["pid"], "self"))
            theirs = os.stat(f"/proc/{found[other]['pid']}/ns/{file}").st_ino
            assert (spaces[kind]["inode"], spaces[kind]["host_inode"]) == (here, hosts)
            assert spaces[kind]["is_hosts"] == (here == hosts)
            assert spaces[kind]["shared_with"] == ([other] if here == theirs else [])
        assert spaces["network"]["shared_with"] == [other]
    assert {each["kind"]: each["is_hosts"] for each in found["partner"]["namespaces"]}["ipc"]


def test_processes_have_both_numbers_and_their_place_in_the_tree(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "tree", "busybox", "sh", "-c", "sh -c 'sleep 1000; true'; true")
    minidock.ok("exec", "-d", "tree", "sleep", "77")
    wait_until(
        lambda: "sleep 1000" in [each["command"] for each in xray(minidock, "tree")["tree"]["processes"]],
        "the inner shell's child",
    )
    processes = xray(minidock, "tree")["tree"]["processes"]
    for each in processes:
        numbers = status(each["pid"])["NSpid"].split()
        assert each["pids"] == [int(number) for number in numbers] and each["inside"] == int(numbers[-1])
    shape = [(each["depth"], each["command"]) for each in processes]
    assert [depth for depth, _ in shape] == [0, 1, 2, 0]
    assert (shape[2][1], shape[3][1]) == ("sleep 1000", "sleep 77")
    assert processes[0]["inside"] == 1


def test_rights_are_those_that_the_first_process_has(minidock: Minidock) -> None:
    flags = ("--cap-drop", "ALL", "--cap-add", "NET_RAW", "--cap-add", "KILL", "--security-opt", "no-new-privileges")
    minidock.ok("run", "-d", "--name", "weak", *flags, "busybox", "sleep", "1000")
    minidock.ok("run", "-d", "--name", "free", "--privileged", "busybox", "sleep", "1000")
    for name, one in xray(minidock).items():
        known = status(one["pid"])
        order = {capability: number for number, capability in enumerate(one["capabilities"]["all"])}
        for each, field in SETS.items():
            bits = sum(1 << order[capability] for capability in one["capabilities"]["sets"][each])
            assert bits == int(known[field], 16), f"{name}: {each}"
        assert one["capabilities"]["no_new_privileges"] == (known["NoNewPrivs"] == "1") == (name == "weak")
        assert one["seccomp"]["mode"] == {"0": "none", "2": "filter"}[known["Seccomp"]]
        assert (one["seccomp"]["rules"] is None) == (name == "free")


def test_mounts_are_those_that_the_container_sees(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "web", "-v", "data:/srv", "-v", "/tmp:/host tmp:ro", "busybox", "sleep", "1000")
    mounts = xray(minidock, "web")["web"]["mounts"]
    seen = minidock.ok("exec", "web", "cat", "/proc/self/mountinfo").splitlines()
    assert [(each["target"].replace(" ", "\\040"), each["options"]) for each in mounts] == [
        (line.split(" ")[4], line.split(" ")[5]) for line in seen
    ]
    purposes = {each["target"]: (each["purpose"], each["source"], each["read_only"]) for each in mounts}
    assert purposes["/srv"] == ("volume", "data", False)
    assert purposes["/host tmp"] == ("bind", "/tmp", True)
    assert purposes["/"][0] == "root" and purposes["/proc/keys"][0] == "masked"
    assert purposes["/proc/sys"][0] == "read-only" and purposes["/etc/hosts"][0] == "minidock"


def test_limits_are_read_from_the_cgroup_and_explained(minidock: Minidock) -> None:
    flags = ("-m", "64m", "--cpus", "0.5", "--pids-limit", "50")
    done = minidock("run", "-d", "--name", "web", *flags, "busybox", "sleep", "1000")
    if done.returncode == 125 and "does not offer the cgroup controller" in done.stderr:
        pytest.skip(done.stderr.splitlines()[0])
    assert done.returncode == 0, done.stderr
    group = xray(minidock, "web")["web"]["cgroup"]
    files = {each["file"]: each for each in group["files"]}
    for name in ("memory.max", "pids.max", "cpu.max", "cgroup.procs"):
        assert files[name]["value"] == Path(cgroups.locate(group["path"]), name).read_text().strip()
    assert files["memory.max"]["meaning"] == "above 64 MiB something is killed"
    assert files["cpu.max"]["meaning"] == "at most 0.5 processors: 50000 of each 100000 microseconds"
    assert files["pids.max"]["meaning"] == "at most 50: the next fork(2) is refused"
    assert (group["use"]["memory_limit"], group["use"]["pids_limit"], group["use"]["pids"]) == (64 << 20, 50, 1)
    assert 0 < group["use"]["memory"] < 64 << 20
