"""Namespaces: which of them are the container's own, which the host's, which another container's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.integration.bundles import Bundle
from tests.integration.facts import eventually, inside, namespace, status

ALWAYS_OWN = ("pid", "network", "mount", "uts", "ipc", "cgroup")
DAY = 86400


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Generator[int]:
    """The first process of a container that nobody changed anything of."""
    made = Bundle(tmp_path_factory.mktemp("plain"))
    try:
        yield made.sleeping()
    finally:
        made.remove()


@pytest.mark.parametrize("kind", ALWAYS_OWN)
def test_a_container_has_a_namespace_of_its_own(plain: int, kind: str) -> None:
    assert namespace(plain, kind) != namespace("self", kind)


@pytest.mark.parametrize("kind", ["user", "time"])
def test_user_and_time_namespaces_are_made_on_request_only(plain: int, kind: str) -> None:
    assert namespace(plain, kind) == namespace("self", kind)


def test_the_first_process_is_number_1_of_its_pid_namespace(plain: int) -> None:
    assert status(plain)["NSpid"].split() == [str(plain), "1"]


def test_a_container_can_use_each_namespace_of_the_host(bundle: Bundle) -> None:
    bundle.config["hostname"] = ""
    bundle.namespaces(pid=None, network=None, uts=None, ipc=None, cgroup=None)
    pid = bundle.sleeping()
    kinds = [kind for kind in ALWAYS_OWN if kind != "mount"]
    assert [namespace(pid, kind) for kind in kinds] == [namespace("self", kind) for kind in kinds]
    assert namespace(pid, "mount") != namespace("self", "mount")
    assert inside(pid, f"/proc/{os.getpid()}/comm").exists(), "the container's /proc shows the host's processes"


def test_a_container_can_join_namespaces_of_another_container_by_their_paths(bundle: Bundle) -> None:
    first = bundle.sleeping()
    second = bundle.sibling()
    paths = {"pid": "pid", "network": "net", "uts": "uts", "ipc": "ipc", "cgroup": "cgroup"}
    second.namespaces(**{kind: f"/proc/{first}/ns/{file}" for kind, file in paths.items()})
    pid = second.sleeping()
    assert [namespace(pid, kind) for kind in paths] == [namespace(first, kind) for kind in paths]
    assert namespace(pid, "mount") != namespace(first, "mount")
    assert status(pid)["NSpid"].split()[1] != "1"
    assert inside(pid, "/proc/1/comm").read_text() == "sleep\n", "its /proc shows the other's first process"


def test_a_container_can_join_a_mount_namespace(bundle: Bundle) -> None:
    holder = subprocess.Popen(["unshare", "--mount", "sleep", "3600"])
    try:
        eventually(lambda: namespace(holder.pid, "mount") != namespace("self", "mount"))
        pid = bundle.namespaces(mount=f"/proc/{holder.pid}/ns/mnt").sleeping()
        assert namespace(pid, "mount") == namespace(holder.pid, "mount")
        assert os.path.samestat(inside(pid, "/").stat(), bundle.rootfs.stat())
    finally:
        holder.kill()
        holder.wait()


def test_a_path_to_the_wrong_kind_of_namespace_is_refused_by_name(bundle: Bundle) -> None:
    bundle.namespaces(network="/proc/self/ns/uts")
    done = bundle.run()
    assert done.returncode == 1
    assert "namespace.network" in done.stderr
    assert "is a uts namespace, and a network namespace is to be joined" in done.stderr


def test_a_path_to_no_namespace_is_refused_by_name(bundle: Bundle) -> None:
    done = bundle.namespaces(ipc="/run/no-such-namespace").run()
    assert done.returncode == 1
    assert "namespace.ipc" in done.stderr
    assert "/run/no-such-namespace" in done.stderr


def test_root_of_a_user_namespace_is_a_plain_user_of_the_host(open_bundle: Bundle) -> None:
    open_bundle.map_users(outside=200000, size=1000)
    pid = open_bundle.sleeping()
    assert namespace(pid, "user") != namespace("self", "user")
    assert status(pid)["Uid"].split() == ["200000"] * 4
    assert status(pid)["Gid"].split() == ["200000"] * 4
    for map_ in ("uid_map", "gid_map"):
        assert Path(f"/proc/{pid}/{map_}").read_text().split() == ["0", "200000", "1000"]
    assert open_bundle.execute("touch", "/tmp/made").returncode == 0
    assert (open_bundle.rootfs / "tmp/made").stat().st_uid == 200000
    owners = open_bundle.execute("stat", "-c", "%u:%g", "/tmp/made", "/dev", "/dev/shm", "/proc/1")
    assert owners.stdout.split() == ["0:0"] * 4


def test_the_other_namespaces_belong_to_the_user_namespace(open_bundle: Bundle) -> None:
    """Root in it may use its network and host name, which it could not if they were the host's root's."""
    open_bundle.map_users()
    given = ["CAP_SYS_ADMIN", "CAP_NET_ADMIN"]
    open_bundle.process["capabilities"] = dict.fromkeys(("bounding", "effective", "permitted"), given)
    script = "hostname renamed && hostname && ip link set lo down && cat /sys/class/net/lo/flags"
    assert open_bundle.output(script).split() == ["renamed", "0x8"]


def test_a_container_can_join_a_user_namespace_by_its_path(open_bundle: Bundle) -> None:
    first = open_bundle.map_users().sleeping()
    second = open_bundle.sibling().namespaces(user=f"/proc/{first}/ns/user")
    pid = second.sleeping()
    assert namespace(pid, "user") == namespace(first, "user")
    assert status(pid)["Uid"].split() == ["100000"] * 4
    assert namespace(pid, "pid") != namespace(first, "pid")
    assert inside(pid, "/proc/1/comm").read_text() == "sleep\n"


def test_a_user_namespace_can_go_with_the_network_of_the_host(open_bundle: Bundle) -> None:
    pid = open_bundle.map_users().namespaces(network=None).sleeping()
    assert namespace(pid, "network") == namespace("self", "network")
    assert inside(pid, "/sys/class/net/lo").exists()


def test_a_time_namespace_shifts_the_clocks_since_boot(bundle: Bundle) -> None:
    bundle.linux["timeOffsets"] = {"boottime": {"secs": 100 * DAY}, "monotonic": {"secs": DAY, "nanosecs": 5}}
    pid = bundle.namespaces(time="").sleeping()
    assert namespace(pid, "time") != namespace("self", "time")
    offsets = [line.split() for line in Path(f"/proc/{pid}/timens_offsets").read_text().splitlines()]
    assert offsets == [["monotonic", str(DAY), "5"], ["boottime", str(100 * DAY), "0"]]
    host = float(Path("/proc/uptime").read_text().split()[0])
    container = float(bundle.execute("cat", "/proc/uptime").stdout.split()[0])
    assert container - host > 99 * DAY
    assert bundle.inspect()["status"] == "running"


def test_a_container_can_join_a_time_namespace_by_its_path(bundle: Bundle) -> None:
    """The start time of a process, by which a container is known again, is shown in the reader's own clock."""
    bundle.linux["timeOffsets"] = {"boottime": {"secs": 100 * DAY}}
    first = bundle.namespaces(time="").sleeping()
    second = bundle.sibling().namespaces(time=f"/proc/{first}/ns/time")
    pid = second.sleeping()
    assert namespace(pid, "time") == namespace(first, "time")
    assert second.inspect()["status"] == "running"


def test_a_cgroup_namespace_hides_where_the_container_is_in_the_host_s_tree(plain: int, bundle: Bundle) -> None:
    line = bundle.output("grep '^0::' /proc/self/cgroup")
    assert line == "0::/\n"
    of_plain = [line for line in Path(f"/proc/{plain}/cgroup").read_text().splitlines() if line.startswith("0::")]
    assert of_plain[0].startswith("0::/minidock/"), "seen from the host it is there all the same"


def test_names_are_set_in_the_container_and_stay_as_they_were_on_the_host(bundle: Bundle) -> None:
    host = os.uname().nodename, Path("/proc/sys/kernel/domainname").read_text()
    bundle.config |= {"hostname": "inner", "domainname": "example.test"}
    assert bundle.output("hostname; cat /proc/sys/kernel/domainname").split() == ["inner", "example.test"]
    assert (os.uname().nodename, Path("/proc/sys/kernel/domainname").read_text()) == host


def test_the_loopback_device_is_up(plain: int) -> None:
    assert inside(plain, "/sys/class/net/lo/flags").read_text().strip() == "0x9"
    assert os.listdir(inside(plain, "/sys/class/net")) == ["lo"]


def test_sysctls_are_set_in_the_container_s_namespaces_only(bundle: Bundle) -> None:
    wanted = {
        "net.ipv4.ip_unprivileged_port_start": "80",
        "net/ipv4/conf/lo/forwarding": "1",
        "kernel.msgmax": "4096",
        "kernel.shm_rmid_forced": "1",
        "fs.mqueue.msg_max": "5",
        "kernel.domainname": "by.sysctl",
    }
    files = ["/proc/sys/" + name.replace(".", "/") for name in wanted]
    before = [Path(file).read_text() for file in files]
    bundle.linux["sysctl"] = wanted
    assert bundle.output(f"cat {' '.join(files)}").splitlines() == list(wanted.values())
    assert [Path(file).read_text() for file in files] == before


def test_a_sysctl_that_the_kernel_refuses_is_named(bundle: Bundle) -> None:
    bundle.linux["sysctl"] = {"kernel.msgmax": "many"}
    done = bundle.run()
    assert done.returncode == 1
    assert "step sysctl: kernel.msgmax = many: Invalid argument" in done.stderr
