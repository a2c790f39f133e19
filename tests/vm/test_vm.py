"""The test machine itself, before other tests rely on it. These run on the host; each boots it once."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.vm.places import PROJECT

# The first run builds the image, where none is kept.
pytestmark = pytest.mark.timeout(900)

_FACTS = """
cat /sys/fs/cgroup/cgroup.subtree_control
stat -f -c %T /sys/fs/cgroup
cat /proc/self/cgroup
grep -c partition /proc/swaps
findmnt -n -o SOURCE /mnt/spare
python -c 'import minidock, prctl, pytest'
grep -c 'minidock lab list' /etc/motd
"""


def in_vm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROJECT / "tests/vm/run", *arguments], capture_output=True, text=True, check=False)


def test_a_command_in_the_vm_returns_its_output_and_its_exit_status() -> None:
    ran = in_vm("sh", "-c", "pwd; echo to standard error >&2; test -f pyproject.toml && exit 7")
    assert ran.stdout.splitlines()[-2:] == ["/minidock", "to standard error"]
    assert ran.returncode == 7, ran.stderr


def test_the_vm_has_every_cgroup_controller_swap_a_spare_disk_and_minidock() -> None:
    ran = in_vm("sh", "-ec", _FACTS)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    controllers, kind, cgroup, swaps, spare, greeted = ran.stdout.splitlines()[-6:]
    assert {"cpuset", "cpu", "io", "memory", "pids"} <= set(controllers.split())
    assert (kind, cgroup, swaps, spare) == ("cgroup2fs", "0::/job", "1", "/dev/vdb")
    assert greeted != "0"  # whoever logs in is told where to begin


def test_a_command_whose_time_is_over_is_ended_and_its_artefacts_still_come_back(tmp_path: Path) -> None:
    bring = ["--artefact", "log", "--into", str(tmp_path)]
    ran = in_vm("--timeout", "3", *bring, "sh", "-c", "echo written > log; sleep 1000")
    assert ran.returncode == 124, ran.stdout + ran.stderr
    assert (tmp_path / "log").read_text() == "written\n"
