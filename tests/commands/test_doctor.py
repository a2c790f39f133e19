"""minidock doctor: on this host, which can run containers, and on hosts that were made poor for one command."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minidock.engine.engine import Engine
from minidock.kernel import cgroups
from tests.integration import poverty
from tests.integration.minidocks import LAUNCH, PROJECT, Minidock

Json = Any


def examined(
    minidock: Minidock, poor: Callable[[], None] | None = None, **environment: str
) -> tuple[int, dict[str, Json]]:
    """The exit code, and every check by its name."""
    options = {"env": {**minidock.environment, **environment}, "preexec_fn": poor}
    done = minidock("doctor", "--format", "json", **options)
    assert "Traceback" not in done.stderr and done.stderr == ""
    document = json.loads(done.stdout)
    assert document["ready"] is (done.returncode == 0)
    return done.returncode, {check["name"]: check for check in document["checks"]}


def test_a_host_that_runs_containers_has_all_that_is_needed(minidock: Minidock) -> None:
    minidock.output("busybox", "true")
    code, checks = examined(minidock)
    assert code == 0
    assert {check["status"] for check in checks.values()} <= {"ok", "warning"}
    assert {"kernel", "overlay", "cgroup", "network.bridge", "namespace.pid", "seccomp", "root.room"} <= {*checks}


def test_each_check_is_a_line_and_what_is_wrong_is_mended_below_it(minidock: Minidock) -> None:
    done = minidock("doctor", preexec_fn=poverty.without("CAP_SYS_RESOURCE"))
    assert done.returncode == 0
    at = done.stdout.splitlines().index(next(line for line in done.stdout.splitlines() if "rights.limits" in line))
    line, confirm, mend = done.stdout.splitlines()[at : at + 3]
    assert line.startswith("warning  rights.limits") and "without CAP_SYS_RESOURCE" in line
    assert confirm.startswith("         confirm: capsh") and "--cap-add SYS_RESOURCE" in mend
    assert "This host has all that is needed: " in done.stdout and done.stdout.endswith("minidock system check\n")


def test_it_changes_nothing(tmp_path: Path) -> None:
    fresh = Minidock(tmp_path)
    links = os.listdir("/sys/class/net")
    modules = Path("/proc/modules").read_text() if Path("/proc/modules").exists() else ""
    assert fresh("doctor").returncode == 0
    assert [*tmp_path.iterdir()] == []
    assert os.listdir("/sys/class/net") == links
    names = {line.split()[0] for line in modules.splitlines()}
    assert not modules or {line.split()[0] for line in Path("/proc/modules").read_text().splitlines()} == names


def test_without_root_it_says_what_only_root_can_tell(tmp_path: Path) -> None:
    code, checks = examined(Minidock(tmp_path), poverty.user(1234), MINIDOCK_ROOT="/var/lib/minidock-of-nobody")
    assert code == 0
    assert checks["rights"]["mend"] == "try again with sudo"
    assert (checks["network.bridge"]["status"], checks["network.bridge"]["says"]) == ("unknown", "only root can tell")
    assert checks["overlay"]["status"] == checks["cgroup"]["status"] == "ok"


def netfilter_refused() -> poverty.Poverty:
    return poverty.denied("socket", errno.EPROTONOSUPPORT, {"index": 2, "value": 12, "op": "SCMP_CMP_EQ"})


@pytest.mark.parametrize(
    ("check", "poor", "says"),
    [
        ("rights.capabilities", poverty.without("CAP_NET_ADMIN"), "without CAP_NET_ADMIN"),
        ("rights.user-namespace", poverty.in_user_namespace, "runs in a user namespace"),
        ("cgroup.devices", poverty.denied("bpf"), "under a seccomp filter"),
        ("namespace.network", poverty.denied("unshare"), "under a seccomp filter"),
        ("network.nftables", netfilter_refused(), "a socket of NETLINK_NETFILTER is refused"),
        ("cgroup.writable", poverty.read_only(cgroups.mount_point()), "is mounted read-only"),
        ("seccomp", poverty.covered("/proc/sys/kernel"), "has no seccomp filters"),  # filters.none
    ],
)
def test_what_a_poor_host_lacks_is_found(minidock: Minidock, check: str, poor: poverty.Poverty, says: str) -> None:
    code, checks = examined(minidock, poor)
    assert (code, checks[check]["status"]) == (1, "missing"), checks[check]
    assert says in checks[check]["cause"] and checks[check]["confirm"] and checks[check]["mend"]


def test_an_old_kernel_is_found(minidock: Minidock) -> None:
    """host.old-kernel, by the personality that shows programs a Linux 2.6"""
    command = ["setarch", "--uname-2.6", *LAUNCH, "minidock.cli.main", "doctor"]
    done = subprocess.run(command, env=minidock.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr == ""
    assert "missing  kernel                 this is Linux 2.6." in done.stdout


def test_a_host_without_proc_is_found_and_nothing_else_is_said_of_it(minidock: Minidock) -> None:
    """host.no-proc"""
    code, checks = examined(minidock, poverty.covered("/proc"))
    assert (code, checks["proc"]["mend"]) == (1, "mount -t proc proc /proc")
    assert "cgroup" not in checks
    done = minidock("run", "--rm", "busybox", "true", preexec_fn=poverty.covered("/proc"))
    assert "cause: /proc is not mounted" in done.stderr and "Traceback" not in done.stderr


def test_missing_packages_are_found_and_break_nothing(minidock: Minidock) -> None:
    """host.no-module, by a Python that minidock is not installed with"""
    command = ["/usr/bin/python3", *LAUNCH[1:], "minidock.cli.main", "doctor"]
    if Path(sys.prefix) == Path("/usr"):
        pytest.skip("minidock is installed in the system's own Python")
    done = subprocess.run(command, env=minidock.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr == ""
    assert "missing  python.modules         Python (/usr/bin/python3) does not find the module " in done.stdout


def test_a_clock_that_is_behind_is_found(minidock: Minidock, tmp_path: Path) -> None:
    """host.clock-behind, by a minidock that was installed in the future"""
    shutil.copytree(PROJECT / "minidock", tmp_path / "minidock", ignore=shutil.ignore_patterns("__pycache__"))
    os.utime(tmp_path / "minidock/diagnosis/hosts.py", (4e9, 4e9))
    command = [sys.executable, "-I", "-S", f"{tmp_path}/minidock/launch.py", "minidock.cli.main", "doctor"]
    done = subprocess.run(command, env=minidock.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "and minidock was installed at 2096-10-02" in done.stdout


def test_a_disk_that_is_nearly_full_is_a_warning_and_a_full_one_is_not_enough(tmp_path: Path) -> None:
    """space.filling, space.full"""
    disk = tmp_path / "disk"
    disk.mkdir()

    def filled(most: int) -> poverty.Poverty:
        def poor() -> None:
            poverty.covered(str(disk), "tmpfs", "size=4m")()
            (disk / "filler").write_bytes(bytes(most))

        return poor

    code, checks = examined(Minidock(disk), filled((4 << 20) - (160 << 10)))
    assert (code, checks["root.room-left"]["status"]) == (0, "warning")
    code, checks = examined(Minidock(disk), filled(4 << 20))
    assert (code, checks["root.room"]["status"], checks["root.room-left"]["status"]) == (1, "missing", "ok")
    assert f"the tmpfs on {disk} is full" in checks["root.room"]["cause"]


def test_a_place_for_images_that_cannot_hold_changes_is_found(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    code, checks = examined(Minidock(disk), poverty.covered(str(disk), "hugetlbfs"))
    assert (code, checks["overlay.upper"]["status"]) == (1, "missing")
    assert "is on hugetlbfs" in checks["overlay.upper"]["cause"]


def test_whether_the_keeper_runs_is_told(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "busybox", "sleep", "1000")
    assert examined(minidock)[1]["network.keeper"]["says"] == "it runs"


def test_etcd_is_asked_only_where_it_is_needed(tmp_path: Path) -> None:
    minidock = Minidock(tmp_path)
    assert "network.etcd" not in examined(minidock)[1]
    engine = Engine(str(minidock.root), str(minidock.state))
    options = json.dumps({"etcd": "http://127.0.0.1:1", "address": "192.0.2.1"})
    with engine.database.change() as change:
        change.do("INSERT INTO networks VALUES (?, 'far', 'overlay', 0, 0, 0, 1, 0, '{}', ?, '[]')", "f" * 64, options)
    engine.database.close()
    code, checks = examined(minidock)
    assert (code, checks["network.etcd"]["status"]) == (0, "warning")
    assert "http://127.0.0.1:1" in checks["network.etcd"]["cause"] and "MINIDOCK_ETCD" in checks["network.etcd"]["mend"]


def test_a_library_can_ask_as_well(minidock: Minidock) -> None:
    found = Engine(str(minidock.root), str(minidock.state)).examination()
    assert found["ready"] is True
