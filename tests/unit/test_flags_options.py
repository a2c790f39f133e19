"""From the flags of `run` to options, and from options to what is remembered of them, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from minidock import jsonfile
from minidock.cli import tree
from minidock.cli.container_flags import FLAGS, REFUSED, options
from minidock.engine.configuring.mount_points import MountPoint, MountRequest
from minidock.engine.options import DeviceLimit, DeviceRequest, Healthcheck, NetworkRequest, Options, Ulimit
from minidock.errors import MinidockError
from minidock.runtime.arguments import UsageError


def asked(*words: str, command: str = "run") -> Options:
    found = tree.load(f"container {command}")
    arguments = found.arguments()
    arguments.read([*words, "busybox"], most_words=found.flags_end)
    return options(arguments)


def refused(*words: str) -> str:
    with pytest.raises(MinidockError) as caught:
        asked(*words)
    return caught.value.message


# Flags ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["--group-add", "a", "--group-add", "7"], "groups", ["a", "7"]),
        (["--name", "n"], "name", "n"),
        (["-l", "a=b", "--label", "c"], "labels", {"a": "b", "c": ""}),
        (["--annotation", "a=b=c"], "annotations", {"a": "b=c"}),
        (["--platform", "linux/amd64"], "platform", "linux/amd64"),
        (["--pull", "never"], "pull", "never"),
        (["--runtime", "minidock"], "runtime", "minidock"),
        (["--cidfile", "/x"], "container_id_file", "/x"),
        (["--rm"], "auto_remove", True),
        (["--restart", "on-failure:3"], "restart", "on-failure"),
        (["--restart", "on-failure:3"], "restart_most", 3),
        (["--stop-signal", "INT"], "stop_signal", "INT"),
        (["--stop-timeout", "0"], "stop_timeout", 0),
        (["--log-driver", "local"], "log_driver", "local"),
        (["--log-opt", "max-size=1m", "--log-opt", "x"], "log_options", {"max-size": "1m", "x": ""}),
        (["--storage-opt", "size=1g"], "storage_options", {"size": "1g"}),
        (["--device-cgroup-rule", "c 1:3 rwm"], "device_cgroup_rules", ["c 1:3 rwm"]),
        (["--network", "container:db"], "network", "container:db"),
        (["--expose", "80", "--expose", "90-91/udp"], "exposed_ports", ["80/tcp", "90/udp", "91/udp"]),
        (["--dns", "1.1.1.1"], "dns", ["1.1.1.1"]),
        (["--dns-search", "a.b"], "dns_search", ["a.b"]),
        (["--dns-option", "rotate", "--dns-opt", "ndots:1"], "dns_options", ["rotate", "ndots:1"]),
        (["--add-host", "a=::1"], "extra_hosts", ["a:::1"]),
        (["--pid", "container:x"], "pid", "container:x"),
        (["--ipc", "shareable"], "ipc", "shareable"),
        (["--userns", "host"], "userns", "host"),
        (["--cgroup-parent", "/x"], "cgroup_parent", "/x"),
        (["--memory-swappiness", "0"], "memory_swappiness", 0),
        (["--oom-kill-disable"], "oom_kill_disable", True),
        (["--cpu-period", "1000"], "cpu_period", 1000),
        (["--cpu-quota", "2000"], "cpu_quota", 2000),
        (["--cpu-rt-period", "1"], "cpu_rt_period", 1),
        (["--cpu-rt-runtime", "1"], "cpu_rt_runtime", 1),
        (["--cpuset-mems", "0"], "cpuset_mems", "0"),
        (["--blkio-weight", "500"], "blkio_weight", 500),
        (["--disable-content-trust=false", "-q", "--isolation", "default"], "image", "busybox"),
    ],
)
def test_a_flag_becomes_an_option(words: list[str], field: str, value: object) -> None:
    assert getattr(asked(*words), field) == value


@pytest.mark.parametrize(
    ("flag", "field"),
    [
        ("blkio-weight-device", "blkio_weight_devices"),
        ("device-read-bps", "device_read_bps"),
        ("device-write-bps", "device_write_bps"),
        ("device-read-iops", "device_read_iops"),
        ("device-write-iops", "device_write_iops"),
    ],
)
def test_limits_for_disks_become_options(flag: str, field: str) -> None:
    (limit,) = getattr(asked(f"--{flag}", "/dev/sda:500"), field)
    assert (limit.path, limit.value) == ("/dev/sda", 500)


def test_files_come_first_and_what_is_on_the_command_line_wins(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("A=file\nB=file\n")
    (tmp_path / "labels").write_text("a=file\nb=file\n")
    found = asked(
        *("-e", "A=word", "--env-file", f"{tmp_path}/env", "-l", "a=word", "--label-file", f"{tmp_path}/labels"),
    )
    assert found.environment == ["A=file", "B=file", "A=word"]
    assert found.labels == {"a": "word", "b": "file"}


@pytest.mark.parametrize(
    ("words", "attach", "once"),
    [
        ([], ["stdout", "stderr"], False),
        (["-i"], ["stdin", "stdout", "stderr"], True),
        (["-a", "STDERR"], ["stderr"], False),
        (["-a", "stdout", "-i"], ["stdin", "stdout"], True),
        (["-a", "stdin"], ["stdin"], False),
        (["-d"], [], False),
        (["-d", "-i"], [], False),
    ],
)
def test_the_streams_are_those_asked_for_else_the_output(words: list[str], attach: list[str], once: bool) -> None:
    found = asked(*words)
    assert (found.attach, found.stdin_once) == (attach, once)


def test_health_flags_become_one_check() -> None:
    found = asked(
        *("--health-cmd", "ok", "--health-interval", "5s", "--health-timeout", "1s", "--health-retries", "2"),
        *("--health-start-period", "1m", "--health-start-interval", "2s"),
    ).health
    assert found is not None
    second = 1_000_000_000
    assert vars(found) == {
        "test": ["CMD-SHELL", "ok"],
        "interval": 5 * second,
        "timeout": second,
        "retries": 2,
        "start_period": 60 * second,
        "start_interval": 2 * second,
    }


def test_a_check_may_be_asked_for_in_part_or_switched_off() -> None:
    part = asked("--health-retries", "2").health
    assert part and (part.test, part.retries) == ([], 2)
    none = asked("--no-healthcheck").health
    assert none and none.test == ["NONE"]
    assert asked("--no-healthcheck=false").health is None


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--no-healthcheck", "--health-cmd", "x"], "--no-healthcheck conflicts with --health-* options"),
        (["--health-interval", "-5s"], "--health-interval cannot be negative"),
        (["--health-start-period", "-1s"], "--health-start-period cannot be negative"),
        (["--health-retries", "-1"], "--health-retries cannot be negative"),
        (["-d", "-a", "stdin"], "conflicting options: cannot specify both --attach and --detach"),
        (["--rm", "--restart", "always"], "conflicting options: cannot specify both --restart and --rm"),
        (["--restart", ":3"], "invalid restart policy format: no policy provided before colon"),
        (["--expose", "1:2"], "invalid port format for --expose: 1:2"),
        (["--storage-opt", "x"], "invalid storage option"),
        (["--log-driver", "none", "--log-opt", "a=b"], "invalid logging opts for driver none"),
        (["--network", ""], "no name set for network"),
        (["--env-file", "/nowhere/at/all"], "open /nowhere/at/all: no such file or directory"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(words: list[str], complaint: str) -> None:
    assert refused(*words) == complaint


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["-a", "x"], 'invalid argument "x" for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR'),
        (["--dns", "x"], 'invalid argument "x" for "--dns" flag: IP address is not correctly formatted: x'),
        (["-l", "=x"], 'invalid argument "=x" for "-l, --label" flag: invalid label \'=x\': empty name'),
        (
            ["--health-interval", "5"],
            'invalid argument "5" for "--health-interval" flag: time: missing unit in duration "5"',
        ),
        (["--cpu-period", "x"], 'invalid argument "x" for "--cpu-period" flag: expected an integer'),
    ],
)
def test_a_bad_value_names_its_flag(words: list[str], complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        asked(*words)
    assert caught.value.message == complaint


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_here_is_refused_with_the_reason(name: str) -> None:
    word = f"--{name}" if name == "use-api-socket" else f"--{name}=1"
    assert refused(word) == f"--{name} cannot be had: {REFUSED[name]}"
    assert len(REFUSED[name]) < 100


# Of `docker run --help`, version 28.
_DOCKERS = """
add-host annotation attach blkio-weight blkio-weight-device cap-add cap-drop cgroup-parent cgroupns cidfile cpu-count
cpu-percent cpu-period cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares cpus cpuset-cpus cpuset-mems detach detach-keys
device device-cgroup-rule device-read-bps device-read-iops device-write-bps device-write-iops disable-content-trust dns
dns-option dns-search domainname entrypoint env env-file expose gpus group-add health-cmd health-interval health-retries
health-start-interval health-start-period health-timeout help hostname init interactive io-maxbandwidth io-maxiops ip
ip6 ipc isolation kernel-memory label label-file link link-local-ip log-driver log-opt mac-address memory
memory-reservation memory-swap memory-swappiness mount name network network-alias no-healthcheck oom-kill-disable
oom-score-adj pid pids-limit platform privileged publish publish-all pull quiet read-only restart rm runtime
security-opt shm-size sig-proxy stop-signal stop-timeout storage-opt sysctl tmpfs tty ulimit use-api-socket user userns
uts volume volume-driver volumes-from workdir
"""


def test_every_flag_of_dockers_run_is_known() -> None:
    known = {flag.name for flag in tree.load("container run").flags} | {"help"}
    assert {*_DOCKERS.split()} <= known


def test_no_flag_is_there_twice() -> None:
    names = [name for flag in FLAGS for name in (flag.name, flag.letter, flag.also) if name]
    assert sorted(names) == sorted(set(names))


# What is remembered ---------------------------------------------------------------------------------------


def full() -> Options:
    """Every field as it is never by itself."""
    made = Options("image", ["command"])
    strange: dict[type, Any] = {bool: True, int: 7, str: "x", dict: {"k": "v"}, list: ["x"], tuple: (24, 80)}
    for name, value in vars(made).items():
        setattr(made, name, strange.get(type(value), 3))
    made.entrypoint, made.stop_timeout = ["e"], 3
    made.ulimits = [Ulimit("nofile", 1, -1)]
    made.devices = [DeviceRequest("/dev/a", "/dev/b", "r")]
    made.health = Healthcheck(["CMD", "x"], 1, 2, 3, 4, 5)
    made.mounts = [MountRequest(target="/t", labels={"a": "b"})]
    made.networks = [NetworkRequest("n", aliases=["a"], link_local=["169.254.0.2"], gw_priority=-1, options={"k": "v"})]
    made.mount_points = [MountPoint("bind", "/t", "/s", data=["a"])]
    for name in (
        "blkio_weight_devices",
        "device_read_bps",
        "device_read_iops",
        "device_write_bps",
        "device_write_iops",
    ):
        setattr(made, name, [DeviceLimit("/dev/a", 1)])
    return made


def plain(value: Any) -> Any:
    """Objects as what is in them, so that two can be compared."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return vars(value) if hasattr(value, "__dict__") else value


def stored_and_read(made: Options) -> Options:
    return Options.from_data(jsonfile.parse(jsonfile.dump(made.as_data())))


def test_every_option_survives_being_stored() -> None:
    made = full()
    found = stored_and_read(made)
    for name, value in vars(made).items():
        got = getattr(found, name)
        assert plain(got) == plain(value), name
        assert type(got) is type(value), name
        if isinstance(value, list):
            assert [type(item) for item in got] == [type(item) for item in value], name


@pytest.mark.parametrize(("field", "value"), [("entrypoint", []), ("stop_timeout", 0), ("attach", []), ("network", "")])
def test_empty_is_not_the_same_as_not_said(field: str, value: object) -> None:
    made = Options("image")
    setattr(made, field, value)
    assert getattr(stored_and_read(made), field) == value


def test_what_nobody_asked_for_takes_no_room() -> None:
    assert len(jsonfile.dump(Options("busybox", ["true"]).as_data())) < 400


def test_a_row_of_an_older_minidock_is_read_with_todays_defaults() -> None:
    found = Options.from_data({"image": "busybox", "command": ["x"], "gone_since": 1})
    assert (found.image, found.command, found.network, found.shm_size) == ("busybox", ["x"], "bridge", 64 << 20)
    assert not hasattr(found, "gone_since")


def test_a_default_that_changes_later_does_not_change_old_containers() -> None:
    assert {"network": "bridge", "cgroupns": "private"}.items() <= Options("x").as_data().items()
