"""The wishes that few containers have, from options to config.json: limits, shared namespaces, groups, annotations."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from minidock.engine.configuring import limits, sharing
from minidock.engine.configuring.sharing import Shared
from minidock.engine.directories import Place
from minidock.engine.options import DeviceLimit, Healthcheck, Options
from minidock.errors import MinidockError
from minidock.oci.spec import Spec
from minidock.steps import filesystem
from minidock.steps.place import Place as StepsPlace
from minidock.steps.plan import container_plan
from tests.unit.configured import PLACE, SHORT, an_image, config, mount, refused


def resources(**fields: object) -> dict[str, Any]:
    found: dict[str, Any] = config(**fields)["linux"]["resources"]  # type: ignore[arg-type]
    return found


# Limits ---------------------------------------------------------------------------------------------------


def test_a_quota_and_a_period_are_taken_as_they_are() -> None:
    assert resources(cpu_period=50_000, cpu_quota=20_000)["cpu"] == {"period": 50_000, "quota": 20_000}
    assert resources(cpu_quota=20_000)["cpu"] == {"quota": 20_000}
    assert resources(cpuset_mems="0")["cpu"] == {"mems": "0"}


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"nano_cpus": 10**9, "cpu_period": 1000}, "Nano CPUs and CPU Period cannot both be set"),
        ({"nano_cpus": 10**9, "cpu_quota": 1000}, "Nano CPUs and CPU Quota cannot both be set"),
        ({"cpu_period": 999}, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s"),
        ({"cpu_period": 1_000_001}, "CPU cfs period"),
        ({"cpu_quota": 999}, "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
        ({"cpu_rt_period": 1}, "Your kernel does not support CPU real-time scheduler"),
        ({"cpu_rt_runtime": 1}, "Your kernel does not support CPU real-time scheduler"),
        ({"cpuset_mems": "999"}, "Requested memory nodes are not available - requested 999, available: 0"),
        ({"cpuset_mems": "x"}, "Invalid value x for cpuset mems"),
        ({"blkio_weight": 9}, "Range of blkio weight is from 10 to 1000"),
        ({"blkio_weight": 1001}, "Range of blkio weight is from 10 to 1000"),
        ({"memory_swappiness": 101}, "invalid value: 101. Valid memory swappiness range is 0-100"),
        ({"memory_swappiness": -2}, "Valid memory swappiness range is 0-100"),
        ({"device_read_bps": [DeviceLimit("/dev/null", 1)]}, "/dev/null: not a block device"),
        ({"device_write_iops": [DeviceLimit("/dev/nosuch", 1)]}, "/dev/nosuch: No such file"),
        ({"device_cgroup_rules": ["x"]}, "invalid device cgroup format 'x'"),
        ({"device_cgroup_rules": ["c 1:x rwm"]}, "invalid device cgroup format"),
        ({"device_cgroup_rules": ["c 1:3 q"]}, "invalid device cgroup format"),
        ({"device_cgroup_rules": ["c 1:3"]}, "invalid device cgroup format"),
        ({"storage_options": {"size": "1g"}}, "--storage-opt is supported only for overlay over xfs with 'pquota'"),
        ({"storage_options": {"foo": "1"}}, "Unknown option foo"),
        ({"runtime": "foo"}, "unknown or invalid runtime name: foo"),
        ({"log_driver": "foo"}, "logger: no log driver named 'foo' is registered"),
        ({"log_options": {"foo": "1"}}, "unknown log opt 'foo' for json-file log driver"),
    ],
)
def test_what_cannot_be_had_gets_dockers_objection(fields: dict[str, object], complaint: str) -> None:
    assert complaint in refused(**fields).message


def a_disk(directory: Path) -> str:
    """A node for a disk that does not exist: only its number is looked at."""
    path = directory / "disk"
    try:
        os.mknod(path, stat.S_IFBLK | 0o600, os.makedev(259, 7))
    except PermissionError:
        pytest.skip("only root can make a device node, see mknod(2)")
    return str(path)


def test_disks_go_by_their_numbers(tmp_path: Path) -> None:
    disk = a_disk(tmp_path)
    number = {"major": 259, "minor": 7}
    assert resources(
        blkio_weight=500,
        blkio_weight_devices=[DeviceLimit(disk, 300)],
        device_read_bps=[DeviceLimit(disk, 1)],
        device_write_bps=[DeviceLimit(disk, 2)],
        device_read_iops=[DeviceLimit(disk, 3)],
        device_write_iops=[DeviceLimit(disk, 4)],
    )["blockIO"] == {
        "weight": 500,
        "weightDevice": [{**number, "weight": 300}],
        "throttleReadBpsDevice": [{**number, "rate": 1}],
        "throttleWriteBpsDevice": [{**number, "rate": 2}],
        "throttleReadIOPSDevice": [{**number, "rate": 3}],
        "throttleWriteIOPSDevice": [{**number, "rate": 4}],
    }


def test_what_only_version_1_of_cgroups_had_is_left_out_with_a_warning() -> None:
    options = Options("test")
    assert limits.warnings(options) == []
    options.memory_swappiness, options.oom_kill_disable = 0, True
    swappiness, killer = limits.warnings(options)
    assert "Memory swappiness discarded." in swappiness
    assert "OomKillDisable discarded." in killer
    assert "memory" not in resources(memory_swappiness=0, oom_kill_disable=True)


def test_a_rule_of_devices_may_leave_numbers_open() -> None:
    rules = resources(device_cgroup_rules=["c 1:3 rwm", "b 8:* r", "a *:* m"])["devices"]
    assert rules[1:] == [
        {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"},
        {"allow": True, "type": "b", "major": 8, "access": "r"},
        {"allow": True, "type": "a", "access": "m"},
    ]
    Spec(config(device_cgroup_rules=["c 1:3 rwm", "b 8:* r", "a *:* m"]))


@pytest.mark.parametrize(
    ("parent", "path"),
    [
        ("", f"/minidock/{PLACE.id}"),
        ("foo", f"/foo/{PLACE.id}"),
        ("/foo/bar/", f"/foo/bar/{PLACE.id}"),
        ("//foo", f"/foo/{PLACE.id}"),
        ("../../foo", f"/foo/{PLACE.id}"),
    ],
)
def test_a_parent_cgroup_is_somewhere_in_the_tree(parent: str, path: str) -> None:
    assert config(cgroup_parent=parent)["linux"]["cgroupsPath"] == path


# Namespaces of others -------------------------------------------------------------------------------------


def shared_with(**pids: int) -> Shared:
    shared = Shared()
    shared.pids = pids
    if "network" in pids:
        shared.place, shared.hostname = Place("/data", "f" * 64), "theirs"
    return shared


def test_a_namespace_of_another_container_goes_by_its_first_process() -> None:
    document = config(
        shared=shared_with(network=7, pid=8, ipc=9), network="container:a", pid="container:b", ipc="container:c"
    )
    paths = {entry["type"]: entry.get("path") for entry in document["linux"]["namespaces"]}
    assert paths == {
        "network": "/proc/7/ns/net",
        "pid": "/proc/8/ns/pid",
        "ipc": "/proc/9/ns/ipc",
        **dict.fromkeys(("mount", "uts", "cgroup")),
    }
    steps = [step.name for step in container_plan(Spec(document), StepsPlace(PLACE.id, PLACE.path))]
    assert "network.loopback" not in steps


def test_another_container_that_nobody_found_is_refused_rather_than_replaced() -> None:
    assert refused(network="container:a").message == "--network container:a: nobody knows this container"


def test_whoever_shares_a_network_shares_its_name_its_hosts_and_its_servers() -> None:
    document = config(shared=shared_with(network=7), network="container:a")
    assert document["hostname"] == "theirs"
    assert "HOSTNAME=theirs" in document["process"]["env"]
    for name in ("hosts", "hostname", "resolv.conf"):
        assert mount(document, f"/etc/{name}")["source"] == f"/data/containers/{'f' * 64}/{name}"


def test_whoever_shares_a_network_does_not_configure_it() -> None:
    assert config(shared=shared_with(network=7), network="container:a")["linux"]["sysctl"] == {}


def test_whoever_shares_with_one_that_shares_with_the_host_does_not_configure_the_host() -> None:
    shared = shared_with(network=7)
    shared.hosts = {"network"}
    with pytest.raises(MinidockError, match="not allowed in the host's network namespace"):
        config(shared=shared, network="container:a", sysctls={"net.ipv4.ip_forward": "1"})
    assert config(shared=shared, network="container:a", sysctls={"kernel.msgmax": "65536"})


def test_no_label_is_what_every_container_has() -> None:
    assert config(security=["label=disable"]) == config()
    assert "invalid --security-opt" in refused(security=["label=type:svirt_t"]).message


def test_shared_memory_is_that_of_whose_ipc_namespace_it_is() -> None:
    entry = mount(config(shared=shared_with(ipc=9), ipc="container:c"), "/dev/shm")
    assert (entry["type"], entry["source"]) == ("bind", "/proc/9/root/dev/shm")
    assert "noexec" in entry["options"] and "rbind" not in entry["options"]


def test_without_ipc_there_is_no_shared_memory() -> None:
    places = [entry["destination"] for entry in config(ipc="none")["mounts"]]
    assert "/dev/shm" not in places and "/dev/mqueue" in places
    assert mount(config(ipc="shareable"), "/dev/shm")["source"] == "shm"


def test_the_others_are_named_with_what_they_lend() -> None:
    options = Options("test")
    assert sharing.others(options) == {}
    options.network, options.pid, options.ipc = "container:db", "host", "container:cache"
    assert sharing.others(options) == {"network": "db", "ipc": "cache"}


def test_a_mount_of_another_container_is_known_by_its_path() -> None:
    borrowed = {"/proc/9/root/dev/shm", "/proc/123/root/"}
    own = {"/proc/self/root/x", "/proc/9/rootx/y", "/proc/9/root", "/proc", "/dev/shm", "/x/proc/9/root/y", ""}
    assert {path for path in borrowed | own if filesystem.is_borrowed(path)} == borrowed


def test_the_plan_says_whose_shared_memory_it_takes() -> None:
    document = config(shared=shared_with(ipc=9), ipc="container:c")
    steps = {step.name: step for step in container_plan(Spec(document), StepsPlace(PLACE.id, PLACE.path))}
    step = steps["source.dev.shm"]
    assert step.side == "host" and "process 9" in step.says()
    assert step.shell().startswith("# No command ") and steps["mount.dev.shm"].shell().startswith("# open_tree(2)")


def test_a_shared_uts_namespace_has_the_hosts_domain_too() -> None:
    assert refused(uts="host", domainname="x").message == "conflicting options: domainname and the UTS mode"


# Who, and for whom ----------------------------------------------------------------------------------------


def in_layers(directory: Path, *groups: str | None) -> Any:
    """An image whose layers have these /etc/group, bottom first."""
    image = an_image()
    image.layers = [str(directory / str(number)) for number in range(len(groups))]
    for layer, text in zip(image.layers, groups, strict=True):
        Path(layer, "etc").mkdir(parents=True)
        if text is not None:
            Path(layer, "etc/group").write_text(text)
    return image


def test_groups_by_name_are_looked_up_in_the_topmost_layer_that_knows_groups(tmp_path: Path) -> None:
    image = in_layers(tmp_path, "audio:x:1:\n", "audio:x:29:\nvideo:x:44:\n", None)
    user = config(image, groups=["audio", "99", "video"])["process"]["user"]
    assert user == {"uid": 0, "gid": 0, "username": "0", "additionalGids": [29, 99, 44]}


def test_groups_come_after_the_users_own(tmp_path: Path) -> None:
    image = in_layers(tmp_path, "audio:x:29:\n")
    assert config(image, user="5:6", groups=["audio"])["process"]["user"] == {
        "uid": 5,
        "gid": 6,
        "additionalGids": [6, 29],
    }


def test_a_group_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    image = in_layers(tmp_path, "audio:x:29:\nbroken:x\n")
    for name in ("nosuch", "broken", "²"):
        error = refused(image=image, groups=[name])
        assert error.message == f"Unable to find group {name}: no matching entries in group file"
    assert "in range 0-2147483647" in refused(image=image, groups=["4294967296"]).message


def test_a_link_in_the_image_does_not_lead_to_the_hosts_groups(tmp_path: Path) -> None:
    image = in_layers(tmp_path, None)
    Path(image.layers[0], "etc/group").symlink_to("/../../../../../../etc/group")
    assert "no matching entries" in refused(image=image, groups=["daemon"]).message


def test_annotations_are_passed_on_but_ours_are_ours() -> None:
    assert config(annotations={"a.b": "c"})["annotations"]["a.b"] == "c"
    assert "minidock.layers" in refused(annotations={"minidock.layers": '["/"]'}).message
    assert "the empty string is not permitted" in refused(annotations={"": "x"}).message


def test_the_host_name_stays_the_containers_own_with_a_parent_network() -> None:
    assert config(shared=shared_with(pid=8), pid="container:b")["hostname"] == SHORT


# How it ends ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        (
            {"restart": "foo"},
            "invalid restart policy: unknown policy 'foo'; "
            "use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
        ),
        (
            {"restart": "always", "restart_most": 3},
            "invalid restart policy: maximum retry count can only be used with 'on-failure'",
        ),
        (
            {"restart": "no", "restart_most": -1},
            "invalid restart policy: maximum retry count can only be used with 'on-failure' and cannot be negative",
        ),
        (
            {"restart": "on-failure", "restart_most": -1},
            "invalid restart policy: maximum retry count cannot be negative",
        ),
        ({"restart": "always", "auto_remove": True}, "can't create 'AutoRemove' container with restart policy"),
        ({"stop_signal": "FOO"}, "invalid signal: FOO"),
        ({"stop_signal": "0"}, "invalid signal: 0"),
        ({"health": Healthcheck(interval=999_999)}, "Interval in Healthcheck cannot be less than 1ms"),
        ({"health": Healthcheck(timeout=-1)}, "Timeout in Healthcheck cannot be less than 1ms"),
        ({"health": Healthcheck(start_period=1)}, "StartPeriod in Healthcheck cannot be less than 1ms"),
        ({"health": Healthcheck(start_interval=1)}, "StartInterval in Healthcheck cannot be less than 1ms"),
        ({"health": Healthcheck(retries=-1)}, "Retries in Healthcheck cannot be negative"),
        ({"health": Healthcheck(["FOO", "x"])}, "Unknown healthcheck type 'FOO'"),
    ],
)
def test_an_end_that_cannot_be_gets_dockers_objection(fields: dict[str, object], complaint: str) -> None:
    assert refused(**fields).message == complaint


def test_every_policy_and_signal_that_there_is_is_taken() -> None:
    for policy in ("no", "always", "on-failure", "unless-stopped"):
        config(restart=policy)
    config(restart="on-failure", restart_most=3)
    for signal in ("SIGINT", "int", "9", "RTMIN+3"):
        config(stop_signal=signal)
