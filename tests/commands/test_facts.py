"""What the kernel says of a process, read by engine/looking/facts.py: of containers whose flags are known."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from minidock.engine.looking import facts
from tests.integration.minidocks import Minidock
from tests.waiting import wait_until

FLAGS = ["--hostname", "box", "--cap-drop", "ALL", "--cap-add", "CHOWN", "--cap-add", "KILL", "--user", "7:8"]
FLAGS += ["--security-opt", "no-new-privileges", "--ulimit", "nofile=100:200", "--oom-score-adj", "5", "-w", "/tmp"]
FLAGS += ["--sysctl", "net.ipv4.ip_unprivileged_port_start=99", "--device", "/dev/full:/dev/other", "--network", "none"]


@pytest.fixture
def pid(minidock: Minidock) -> int:
    minidock.ok("run", "-d", "--name", "one", *FLAGS, "--env", "A=b c", "busybox", "sleep", "1000")
    return int(minidock.ok("inspect", "-f", "{{.State.Pid}}", "one"))


def test_every_facility_tells_of_a_container_what_its_flags_said(pid: int) -> None:
    found = facts.of(pid)
    told = {
        ("host name", "host name"): "box",
        ("namespaces", "uts"): "of its own",
        ("namespaces", "user"): "the host's",
        ("capabilities", "bounding"): "CHOWN KILL",
        ("capabilities", "effective"): "none",
        ("seccomp", "no new privileges"): "1",
        ("seccomp", "mode"): "a filter",
        ("user", "user"): "7 7 7 7",
        ("limits of processes", "Max open files"): "100 (hard 200)",
        ("process", "score for the out-of-memory killer"): "5",
        ("process", "working directory"): "/tmp",
        ("process", "leads a session"): "yes",
        ("environment", "A"): "b c",
        ("sysctls", "net.ipv4.ip_unprivileged_port_start"): "99",
        ("devices", "/dev/other"): "c 1:7 mode 666 of 0:0",
        ("devices", "/dev/stdin"): "a link to /proc/self/fd/0",
        ("network", "device lo"): "up 127.0.0.1 ::1",
        ("network", "default route"): "none",
        ("mounts", "/sys"): "sysfs (ro,nosuid,nodev,noexec,relatime)",
        ("mounts", "/etc/hosts"): found["mounts"]["/etc/hostname"].replace("hostname", "hosts"),
    }
    assert {key: found[key[0]].get(key[1]) for key in told} == told


def test_of_oneself_all_is_the_hosts_and_no_file_is_left_open() -> None:
    before = os.listdir("/proc/self/fd")
    found = facts.of(os.getpid())
    assert set(found["namespaces"].values()) == {"the host's"}
    assert found["environment"].get("PATH", os.environ["PATH"]) is not None
    assert os.listdir("/proc/self/fd") == before


def test_a_dev_that_is_a_link_is_not_followed_into_the_hosts_tree(minidock: Minidock, tmp_path: Path) -> None:
    """It would be looked up from our root, not from that of the process."""
    layer = next(each for each in (minidock.root / "layers").glob("*/diff") if (each / "bin/busybox").exists())
    subprocess.run(["cp", "-a", str(layer), str(tmp_path / "tree")], check=True)
    shutil.rmtree(tmp_path / "tree/dev", ignore_errors=True)
    (tmp_path / "tree/dev").symlink_to("/dev")
    with subprocess.Popen(["chroot", str(tmp_path / "tree"), "/bin/sleep", "1000"]) as process:
        try:
            wait_until(lambda: os.readlink(f"/proc/{process.pid}/root") != "/", "the change of its root")
            assert facts.devices(process.pid) == {}
        finally:
            process.kill()
