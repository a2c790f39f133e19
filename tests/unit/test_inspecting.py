"""What `inspect` tells of a container. The values were compared, field by field, with those of a real dockerd."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from minidock import jsonfile
from minidock.cli import tree
from minidock.cli.container_flags import options
from minidock.engine.configuring import mount_wishes, program
from minidock.engine.configuring.merging import merged
from minidock.engine.directories import Place
from minidock.engine.looking import inspecting
from minidock.engine.options import Options
from minidock.images.image import Image
from minidock.state import containers
from minidock.state.containers import Row
from tests.unit.configured import PLACE, SHORT, an_image

STARTED = 1_800_000_000_123_456_789
# In the order of Docker 28's answer; those in brackets are left out where they have no value.
HOST_CONFIG = """
Binds ContainerIDFile LogConfig NetworkMode PortBindings RestartPolicy AutoRemove VolumeDriver VolumesFrom ConsoleSize
[Annotations] CapAdd CapDrop CgroupnsMode Dns DnsOptions DnsSearch ExtraHosts GroupAdd IpcMode Cgroup Links OomScoreAdj
PidMode Privileged PublishAllPorts ReadonlyRootfs SecurityOpt [StorageOpt] [Tmpfs] UTSMode UsernsMode ShmSize [Sysctls]
Runtime Isolation CpuShares Memory NanoCpus CgroupParent BlkioWeight BlkioWeightDevice BlkioDeviceReadBps
BlkioDeviceWriteBps BlkioDeviceReadIOps BlkioDeviceWriteIOps CpuPeriod CpuQuota CpuRealtimePeriod CpuRealtimeRuntime
CpusetCpus CpusetMems Devices DeviceCgroupRules DeviceRequests MemoryReservation MemorySwap MemorySwappiness
OomKillDisable PidsLimit Ulimits CpuCount CpuPercent IOMaximumIOps IOMaximumBandwidth [Mounts] MaskedPaths ReadonlyPaths
[Init]
""".split()  # noqa: SIM905
CONFIG = """
Hostname Domainname User AttachStdin AttachStdout AttachStderr [ExposedPorts] Tty OpenStdin StdinOnce Env Cmd
[Healthcheck] Image Volumes WorkingDir Entrypoint OnBuild Labels [StopSignal] [StopTimeout]
""".split()  # noqa: SIM905
WHOLE = """
Id Created Path Args State Image ResolvConfPath HostnamePath HostsPath LogPath Name RestartCount Driver Platform
MountLabel ProcessLabel AppArmorProfile ExecIDs HostConfig GraphDriver [SizeRw] [SizeRootFs] Mounts Config
NetworkSettings
""".split()  # noqa: SIM905
EVERYTHING = """
--annotation a=b --storage-opt x=y --tmpfs /t:size=1m --sysctl net.core.somaxconn=1 --mount type=tmpfs,dst=/m --init
--expose 80 --health-cmd ok --stop-signal INT --stop-timeout 0 --add-host a:1.2.3.4 -l k=v -e A=B --entrypoint sh
--network none -m 64m --pids-limit 20 --ulimit nofile=10:20 --cap-add net_admin --cap-drop CAP_CHOWN --device /dev/null
--device-read-bps /dev/vda:1mb --blkio-weight-device /dev/vda:300 --group-add audio -it -v /tmp:/x -v /y -h host -u 1:2
--restart on-failure:3 --log-opt max-size=1m --dns 1.1.1.1 --ipc shareable --security-opt no-new-privileges --cidfile /c
""".split()  # noqa: SIM905


def always(fields: list[str]) -> list[str]:
    return [field for field in fields if not field.startswith("[")]


def all_of(fields: list[str]) -> list[str]:
    return [field.strip("[]") for field in fields]


def a_row(command: list[str], **columns: object) -> Row:
    blank: dict[str, Any] = dict.fromkeys(Row.__annotations__, "")
    blank |= dict.fromkeys(("pid", "exit_code", "oom_killed", "started", "finished", "restarts", "stop_asked"), 0)
    known = {"id": PLACE.id, "name": "tidy_hopper", "created": STARTED, "status": "created", "image_id": "sha256:1"}
    return Row([*{**blank, **known, "command": jsonfile.dump(command), **columns}.values()])


def asked(*words: str, image: Image) -> Options:
    command = tree.load("container create")
    arguments = command.arguments()
    arguments.read([*words], most_words=command.flags_end)
    found = merged(image, options(arguments))
    found.mount_points = mount_wishes.resolve(
        found, image, root="/data", mounts_of=lambda _: [], image_of=lambda _: image
    )
    return found


def inspected(*words: str, row: dict[str, object] | None = None, image: Image | None = None, **more: Any) -> Any:
    image = image or an_image()
    found = asked(*words, image=image)
    told = inspecting.container(a_row(program.command_line(image, found), **row or {}), found, PLACE, image, **more)
    return json.loads(jsonfile.dump(told))


# The shape ------------------------------------------------------------------------------------------------


def test_every_field_of_docker_is_there_in_its_order() -> None:
    plain, full = inspected("busybox"), inspected(*EVERYTHING, "busybox", sizes=(1, 2))
    for fields, pick in ((WHOLE, ()), (HOST_CONFIG, ("HostConfig",)), (CONFIG, ("Config",))):
        for document, expected in ((plain, always(fields)), (full, all_of(fields))):
            for name in pick:
                document = document[name]
            assert list(document) == expected


def test_the_row_has_the_columns_that_these_tests_believe_it_has() -> None:
    assert a_row(["x"], pid=7).pid == 7 and a_row(["x"]).status == "created"


# The values -----------------------------------------------------------------------------------------------


def test_a_container_that_nobody_asked_anything_of_has_dockers_defaults() -> None:
    told = inspected("busybox")
    assert (told["Path"], told["Args"], told["Name"]) == ("sh", [], "/tidy_hopper")
    host, config = told["HostConfig"], told["Config"]
    nulls = {name for name, value in host.items() if value is None}
    assert nulls == {
        *("Binds", "VolumesFrom", "CapAdd", "CapDrop", "ExtraHosts", "GroupAdd", "Links", "SecurityOpt"),
        *("DeviceCgroupRules", "DeviceRequests", "MemorySwappiness", "OomKillDisable", "PidsLimit"),
    }
    assert [name for name, value in host.items() if value == []] == [
        *("Dns", "DnsOptions", "DnsSearch", "BlkioWeightDevice", "BlkioDeviceReadBps", "BlkioDeviceWriteBps"),
        *("BlkioDeviceReadIOps", "BlkioDeviceWriteIOps", "Devices", "Ulimits"),
    ]
    assert (host["IpcMode"], host["CgroupnsMode"], host["ShmSize"]) == ("private", "private", 64 << 20)
    assert host["RestartPolicy"] == {"Name": "no", "MaximumRetryCount": 0}
    assert host["LogConfig"] == {"Type": "json-file", "Config": {}}
    assert {name for name, value in config.items() if value is None} == {"Volumes", "Entrypoint", "OnBuild"}
    assert (config["Hostname"], config["Cmd"], config["Labels"]) == (SHORT, ["sh"], {})
    assert (config["AttachStdin"], config["AttachStdout"], config["AttachStderr"]) == (False, True, True)


def test_what_was_asked_for_is_told_as_docker_tells_it() -> None:
    host = inspected(*EVERYTHING, "busybox", "-c", "true")["HostConfig"]
    expected = {
        "Binds": ["/tmp:/x"],
        "ContainerIDFile": "/c",
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}},
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
        "Annotations": {"a": "b"},
        "CapAdd": ["CAP_NET_ADMIN"],
        "CapDrop": ["CAP_CHOWN"],
        "Dns": ["1.1.1.1"],
        "ExtraHosts": ["a:1.2.3.4"],
        "GroupAdd": ["audio"],
        "IpcMode": "shareable",
        "SecurityOpt": ["no-new-privileges"],
        "StorageOpt": {"x": "y"},
        "Tmpfs": {"/t": "size=1m"},
        "Sysctls": {"net.core.somaxconn": "1"},
        "Memory": 64 << 20,
        "MemorySwap": 128 << 20,
        "PidsLimit": 20,
        "BlkioWeightDevice": [{"Path": "/dev/vda", "Weight": 300}],
        "BlkioDeviceReadBps": [{"Path": "/dev/vda", "Rate": 1 << 20}],
        "Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/null", "CgroupPermissions": "rwm"}],
        "Ulimits": [{"Name": "nofile", "Hard": 20, "Soft": 10}],
        "Mounts": [{"Type": "tmpfs", "Target": "/m"}],
        "Init": True,
    }
    assert {name: host[name] for name in expected} == expected


def test_the_part_that_an_image_could_say_as_well_is_merged_with_the_images() -> None:
    image = an_image(Env=["A=image", "B=image"], Labels={"i": "j"}, ExposedPorts={"53/udp": {}}, Volumes={"/v": {}})
    told = inspected(*EVERYTHING, "busybox", "-c", "true", image=image)
    config = told["Config"]
    expected = {
        "Hostname": "host",
        "User": "1:2",
        "ExposedPorts": {"53/udp": {}, "80/tcp": {}},
        "Tty": True,
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "Env": ["A=B", "B=image"],
        "Cmd": ["-c", "true"],
        "Entrypoint": ["sh"],
        "Healthcheck": {"Test": ["CMD-SHELL", "ok"]},
        "Volumes": {"/v": {}, "/y": {}},
        "Labels": {"i": "j", "k": "v"},
        "StopSignal": "INT",
        "StopTimeout": 0,
    }
    assert {name: config[name] for name in expected} == expected
    assert (told["Path"], told["Args"]) == ("sh", ["-c", "true"])


def test_the_mounts_are_told_with_where_they_come_from() -> None:
    bind, _, volume = inspected(*EVERYTHING, "busybox")["Mounts"]
    assert (bind["Type"], bind["Source"], bind["Destination"], bind["RW"]) == ("bind", "/tmp", "/x", True)
    assert (volume["Type"], volume["Destination"], volume["Driver"]) == ("volume", "/y", "local")
    assert volume["Source"] == f"/data/volumes/{volume['Name']}/_data"


@pytest.mark.parametrize(
    ("words", "security", "masked", "readonly"),
    [
        (["--privileged"], ["label=disable"], None, None),
        (["--security-opt", "systempaths=unconfined"], [], [], []),
        (["--ipc", "host"], ["label=disable"], True, True),
        (["--pid", "host", "--security-opt", "no-new-privileges"], ["no-new-privileges", "label=disable"], True, True),
    ],
)
def test_what_is_hidden_of_the_kernel_and_why_is_told(
    words: list[str], security: object, masked: object, readonly: object
) -> None:
    host = inspected(*words, "busybox")["HostConfig"]
    assert host["SecurityOpt"] == security
    for name, expected in (("MaskedPaths", masked), ("ReadonlyPaths", readonly)):
        assert (len(host[name]) > 4) if expected is True else host[name] == expected


def test_the_directories_are_those_of_the_overlay() -> None:
    driver = inspected("busybox")["GraphDriver"]
    assert driver == {
        "Data": {
            "LowerDir": "/data/layers/2/diff:/data/layers/1/diff",
            "MergedDir": PLACE.file("root"),
            "UpperDir": PLACE.file("upper"),
            "WorkDir": PLACE.file("work"),
        },
        "Name": "overlay2",
    }


# The state ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "shown", "true"),
    [
        (containers.CREATED, "created", set()),
        (containers.STARTING, "created", set()),
        (containers.RUNNING, "running", {"Running"}),
        (containers.PAUSED, "paused", {"Running", "Paused"}),
        (containers.RESTARTING, "restarting", {"Running", "Restarting"}),
        (containers.REMOVING, "removing", set()),
        (containers.EXITED, "exited", set()),
        (containers.DEAD, "dead", {"Dead"}),
    ],
)
def test_a_state_is_a_word_and_five_answers(status: str, shown: str, true: set[str]) -> None:
    state = inspected("busybox", row={"status": status, "pid": 77})["State"]
    assert state["Status"] == shown
    assert {name for name in ("Running", "Paused", "Restarting", "OOMKilled", "Dead") if state[name]} == true
    assert state["Pid"] == (77 if "Running" in true else 0)


def test_times_are_told_to_the_nanosecond_and_never_is_gos_first_year() -> None:
    told = inspected("busybox", row={"status": "running", "started": STARTED})
    assert told["Created"] == told["State"]["StartedAt"] == "2027-01-15T08:00:00.123456789Z"
    assert told["State"]["FinishedAt"] == "0001-01-01T00:00:00Z"


def test_the_end_is_told_with_its_reason() -> None:
    row = {"status": "exited", "exit_code": 137, "oom_killed": 1, "error": "why", "restarts": 3}
    told = inspected("busybox", row=row)
    state = told["State"]
    assert (state["ExitCode"], state["OOMKilled"], state["Error"], told["RestartCount"]) == (137, True, "why", 3)


def test_health_is_told_only_where_it_is_looked_after() -> None:
    assert "Health" not in inspected("busybox")["State"]
    result = {"Start": STARTED, "End": STARTED + 1, "ExitCode": 0, "Output": "ok\n"}
    text = jsonfile.dump({"Status": "healthy", "FailingStreak": 0, "Log": [result]})
    health = inspected("busybox", row={"status": "running", "health": text})["State"]["Health"]
    assert (health["Status"], health["FailingStreak"]) == ("healthy", 0)
    assert health["Log"][0] == {
        "Start": "2027-01-15T08:00:00.123456789Z",
        "End": "2027-01-15T08:00:00.12345679Z",
        "ExitCode": 0,
        "Output": "ok\n",
    }


# The network ----------------------------------------------------------------------------------------------


def test_whoever_is_on_anothers_network_has_none_of_its_own_to_tell() -> None:
    other = Place("/data", "f" * 64)
    told = inspected("--network", f"container:{other.id}", "busybox", files=other)
    assert told["HostConfig"]["NetworkMode"] == f"container:{other.id}"
    assert told["HostsPath"] == other.file("hosts")


def test_the_host_name_is_the_hosts_on_the_hosts_network() -> None:
    assert inspected("--network", "host", "busybox")["Config"]["Hostname"] == os.uname().nodename
