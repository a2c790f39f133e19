"""From options to config.json. What is expected here was captured from dockerd's own, where both can have it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from minidock.engine.configuring import network_files
from minidock.engine.configuring.limits import numbers
from minidock.engine.directories import new_id
from minidock.engine.options import DeviceRequest, Options, Ulimit
from minidock.errors import MinidockError
from minidock.networks import resolvers
from minidock.oci.spec import Spec
from minidock.runtime import defaults
from minidock.steps.place import Place as StepsPlace
from minidock.steps.plan import container_plan
from tests.unit.configured import PLACE, SHORT, an_image, config, mount, refused

# The whole ------------------------------------------------------------------------------------------------


def test_the_document_is_one_that_the_runtime_accepts_and_can_plan() -> None:
    document = json.loads(json.dumps(config()))
    steps = [step.name for step in container_plan(Spec(document), StepsPlace(PLACE.id, PLACE.path))]
    assert {"root.overlay", "identity.seccomp", "mount.etc.hosts", "process.exec"} <= set(steps)


def test_nothing_but_the_options_decides_so_that_two_calls_agree() -> None:
    assert config() == config()


def test_the_root_is_an_overlay_whose_topmost_layer_comes_first() -> None:
    annotations = config()["annotations"]
    assert json.loads(annotations["minidock.layers"]) == ["/data/layers/2/diff", "/data/layers/1/diff"]
    assert annotations["minidock.upper"] == f"/data/containers/{PLACE.id}/upper"
    assert annotations["minidock.work"] == f"/data/containers/{PLACE.id}/work"


def test_the_cgroup_is_named_after_the_container() -> None:
    assert config()["linux"]["cgroupsPath"] == f"/minidock/{PLACE.id}"


def test_an_id_is_64_hexadecimal_digits_whose_beginning_is_no_number() -> None:
    for _ in range(200):
        found = new_id()
        assert len(found) == 64 and int(found, 16) >= 0
        assert not found[:12].isdecimal()


# The program ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "entrypoint", "command", "expected"),
    [
        ({"Cmd": ["c"]}, None, [], ["c"]),
        ({"Cmd": ["c"]}, None, ["x"], ["x"]),
        ({"Cmd": ["c"], "Entrypoint": ["e", "1"]}, None, [], ["e", "1", "c"]),
        ({"Cmd": ["c"], "Entrypoint": ["e", "1"]}, None, ["x"], ["e", "1", "x"]),
        ({"Cmd": ["c"], "Entrypoint": ["e", "1"]}, ["f"], [], ["f"]),
        ({"Cmd": ["c"], "Entrypoint": ["e", "1"]}, ["f"], ["x"], ["f", "x"]),
        ({"Cmd": ["c"], "Entrypoint": ["e", "1"]}, [], ["x"], ["x"]),
        ({"Cmd": None, "Entrypoint": ["e"]}, None, [], ["e"]),
    ],
)
def test_entrypoint_and_command_come_together_as_in_docker(
    image: dict[str, Any], entrypoint: list[str] | None, command: list[str], expected: list[str]
) -> None:
    assert config(an_image(**image), command, entrypoint=entrypoint)["process"]["args"] == expected


@pytest.mark.parametrize("entrypoint", [None, []])
def test_an_image_with_nothing_to_run_needs_a_command(entrypoint: list[str] | None) -> None:
    image = an_image(Cmd=[] if entrypoint is None else ["sh"])
    with pytest.raises(MinidockError, match="no command specified"):
        config(image, entrypoint=entrypoint)


@pytest.mark.parametrize("wrong", ["sh -c", ["sh", 1], ["sh\0"], {"sh": 1}])
def test_an_image_whose_command_is_no_list_of_words_is_refused(wrong: object) -> None:
    with pytest.raises(MinidockError, match="Cmd is not a list of words"):
        config(an_image(Cmd=wrong))


def test_the_environment_has_dockers_order_and_each_key_once() -> None:
    image = an_image(Env=["PATH=/image", "A=image", "B=image"])
    env = config(image, environment=["A=asked", "C=asked"], terminal=True)["process"]["env"]
    assert env == ["PATH=/image", f"HOSTNAME={SHORT}", "TERM=xterm", "A=asked", "C=asked", "B=image"]


def test_the_environment_of_an_image_without_any_is_dockers_default() -> None:
    assert config()["process"]["env"] == [f"PATH={defaults.PATH}", f"HOSTNAME={SHORT}"]


def test_a_key_without_a_value_removes_what_the_image_and_docker_set() -> None:
    image = an_image(Env=["A=image", "B=image"])
    env = config(image, environment=["A", "HOSTNAME"])["process"]["env"]
    assert env == [f"PATH={defaults.PATH}", "B=image"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("", {"uid": 0, "gid": 0, "username": "0"}),
        ("7:8", {"uid": 7, "gid": 8, "additionalGids": [8]}),
        ("7", {"uid": 7, "gid": 0, "username": "7"}),
        ("nobody", {"uid": 0, "gid": 0, "username": "nobody"}),
        ("nobody:8", {"uid": 0, "gid": 8, "username": "nobody:8"}),
        ("7:audio", {"uid": 7, "gid": 0, "username": "7:audio"}),
    ],
)
def test_a_user_is_looked_up_inside_unless_both_numbers_are_given(wanted: str, expected: dict[str, Any]) -> None:
    assert config(user=wanted)["process"]["user"] == expected
    assert config(an_image(User=wanted))["process"]["user"] == expected


def test_the_asked_user_and_directory_win_over_the_images() -> None:
    image = an_image(User="daemon", WorkingDir="/srv")
    process = config(image, user="7:8", workdir="/tmp/x/../y")["process"]
    assert (process["user"]["uid"], process["cwd"]) == (7, "/tmp/y")
    assert config(image)["process"]["cwd"] == "/srv"
    assert config()["process"]["cwd"] == "/"


def test_a_number_that_no_user_can_have_is_refused() -> None:
    assert "in range 0-2147483647" in refused(user="99999999999").message


def test_a_relative_working_directory_is_refused() -> None:
    assert "needs to be an absolute path" in refused(workdir="x").message


def test_limits_of_processes_are_the_ocis_and_the_later_of_two_counts() -> None:
    ulimits = [Ulimit("nofile", 1, 2), Ulimit("core", -1, -1), Ulimit("nofile", 10, 20)]
    assert config(ulimits=ulimits)["process"]["rlimits"] == [
        {"type": "RLIMIT_CORE", "soft": 18446744073709551615, "hard": 18446744073709551615},
        {"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20},
    ]


def test_the_size_of_the_terminal_is_handed_on_if_there_is_one() -> None:
    assert config(terminal=True, console_size=(24, 80))["process"]["consoleSize"] == {"height": 24, "width": 80}
    assert "consoleSize" not in config(console_size=(24, 80))["process"]


# Names and namespaces -------------------------------------------------------------------------------------


def test_every_namespace_is_the_containers_own_unless_it_is_asked_otherwise() -> None:
    def kinds(**fields: object) -> set[str]:
        return {entry["type"] for entry in config(**fields)["linux"]["namespaces"]}  # type: ignore[arg-type]

    every = {"pid", "network", "mount", "uts", "ipc", "cgroup"}
    assert kinds() == every
    assert kinds(pid="host") == every - {"pid"}
    assert kinds(network="host") == every - {"network"}
    assert kinds(ipc="host") == every - {"ipc"}
    assert kinds(uts="host") == every - {"uts"}
    assert kinds(cgroupns="host") == every - {"cgroup"}


@pytest.mark.parametrize(
    ("field", "mode", "complaint", "hint"),
    [
        ("network", "container:", "--network: invalid container format container:<name|id>", "say which container"),
        ("pid", "foo", "--pid: invalid PID mode", "host or container:NAME"),
        ("pid", "container:", "--pid: invalid PID mode", "container:NAME"),
        ("ipc", "foo", "invalid IPC mode: foo", "none or private or shareable or host or container:NAME"),
        ("ipc", "private:x", "invalid IPC mode: private:x", "private"),
        ("uts", "container:x", "--uts: invalid UTS mode", "it may be host"),
        ("userns", "private", "--userns: invalid USER mode", "it may be host"),
        ("cgroupns", "container:x", "--cgroupns: invalid CGROUP mode", "private or host"),
    ],
)
def test_a_mode_that_does_not_exist_is_refused_with_those_that_do(
    field: str, mode: str, complaint: str, hint: str
) -> None:
    error = refused(**{field: mode})
    assert error.message == complaint
    assert hint in error.hint


def test_the_host_name_is_the_short_id_or_the_hosts_where_the_network_is() -> None:
    host = os.uname().nodename
    assert config()["hostname"] == SHORT
    assert config(hostname="foo")["hostname"] == "foo"
    assert config(network="host")["hostname"] == host
    assert config(network="host", hostname="foo")["hostname"] == "foo"


def test_a_shared_uts_namespace_is_not_renamed() -> None:
    document = config(uts="host")
    assert "hostname" not in document
    assert f"HOSTNAME={os.uname().nodename}" in document["process"]["env"]
    assert "conflicting options" in refused(uts="host", hostname="foo").message


def test_a_host_name_longer_than_the_kernels_limit_is_refused() -> None:
    assert config(hostname="x" * 64)["hostname"] == "x" * 64
    assert "invalid hostname" in refused(hostname="x" * 65).message


def test_a_network_of_its_own_has_dockers_sysctls() -> None:
    dockers = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}
    assert config()["linux"]["sysctl"] == dockers
    asked = {"net.ipv4.ip_unprivileged_port_start": "1024", "kernel.msgmax": "65536"}
    assert config(sysctls=asked)["linux"]["sysctl"] == {**dockers, **asked}


def test_the_hosts_network_is_not_configured_by_a_container() -> None:
    assert config(network="host")["linux"]["sysctl"] == {}
    error = refused(network="host", sysctls={"net.ipv4.ip_forward": "1"})
    assert error.message == 'sysctl "net.ipv4.ip_forward" is not allowed in the host\'s network namespace'
    assert "host's ipc namespace" in refused(ipc="host", sysctls={"kernel.msgmax": "65536"}).message


# Mounts ---------------------------------------------------------------------------------------------------


def test_the_three_files_of_the_network_are_the_containers_own() -> None:
    for name in ("resolv.conf", "hostname", "hosts"):
        entry = mount(config(), f"/etc/{name}")
        assert entry["source"] == f"/data/containers/{PLACE.id}/{name}"
        assert entry["options"] == ["rbind", "rprivate"]
        assert mount(config(read_only=True), f"/etc/{name}")["options"] == ["rbind", "ro", "rprivate"]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("/host:/data", ["rbind", "rprivate"]),
        ("/host:/data:rw", ["rbind", "rprivate"]),
        ("/host:/data:ro", ["rbind", "rro", "rprivate"]),
        ("/host:/data:z", ["rbind", "rprivate"]),
        ("/host:/data:Z,rslave,ro", ["rbind", "rro", "rslave"]),
        ("/host:/data:shared", ["rbind", "shared"]),
        ("/host/../host//:/data/", ["rbind", "rprivate"]),
    ],
)
def test_a_bind_is_as_in_docker(text: str, options: list[str]) -> None:
    assert mount(config(binds=[text]), "/data") == {
        "destination": "/data",
        "type": "bind",
        "source": "/host",
        "options": options,
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("/a:/b:ro:x", "invalid spec"),
        (":/b", "invalid spec"),
        ("/a:/b:", "invalid spec"),
        ("/a:b", "mount path must be absolute"),
        ("/a:/", "destination can't be '/'"),
        ("/a:/b/..", "destination can't be '/'"),
        ("/a:/b:foo", "invalid mode: foo"),
        ("/a:/b:ro,rw", "invalid mode: ro,rw"),
        ("/a:/b:rslave,private", "invalid mode"),
    ],
)
def test_a_bind_that_is_none_is_refused(text: str, complaint: str) -> None:
    assert complaint in refused(binds=[text]).message


def test_two_mounts_on_one_place_are_refused() -> None:
    assert "Duplicate mount point: /b" in refused(binds=["/a:/b", "/c:/b/"]).message
    assert "Duplicate mount point: /b" in refused(binds=["/a:/b"], tmpfs={"/b": ""}).message


def test_outer_mounts_come_before_inner_ones() -> None:
    places = [entry["destination"] for entry in config(binds=["/a:/x/y/z", "/b:/x"], tmpfs={"/x/y": ""})["mounts"]]
    assert places.index("/x") < places.index("/x/y") < places.index("/x/y/z")


def test_a_bind_takes_the_place_of_what_every_container_has() -> None:
    document = config(binds=["/a:/dev/shm", "/b:/etc/hosts"])
    assert (mount(document, "/dev/shm")["source"], mount(document, "/etc/hosts")["source"]) == ("/a", "/b")
    places = [entry["destination"] for entry in config(binds=["/dev:/dev"])["mounts"]]
    assert [place for place in places if place.startswith("/dev")] == ["/dev"]


def test_what_spreads_needs_a_root_that_lets_it_through() -> None:
    assert config(binds=["/a:/b"])["linux"]["rootfsPropagation"] == ""
    assert config(binds=["/a:/b:rslave"])["linux"]["rootfsPropagation"] == "rslave"
    assert config(binds=["/a:/b:slave", "/a:/c:shared"])["linux"]["rootfsPropagation"] == "shared"


def test_a_tmpfs_has_dockers_defaults_and_later_words_win() -> None:
    entry = mount(config(tmpfs={"/t": "size=1m,mode=700,exec"}), "/t")
    assert entry["type"] == "tmpfs"
    assert entry["options"] == ["noexec", "nosuid", "nodev", "rprivate", "size=1m", "mode=700", "exec"]


@pytest.mark.parametrize(("target", "words"), [("t", ""), ("/", ""), ("/t", "foo"), ("/t", "foo=1"), ("/t", "size")])
def test_a_tmpfs_that_cannot_be_is_refused(target: str, words: str) -> None:
    assert refused(tmpfs={target: words}).message


def test_shared_memory_has_the_size_that_was_asked_for() -> None:
    assert "size=67108864" in mount(config(), "/dev/shm")["options"]
    assert "size=1048576" in mount(config(shm_size=1 << 20), "/dev/shm")["options"]
    assert mount(config(ipc="host"), "/dev/shm")["type"] == "bind"


def test_a_read_only_root_leaves_the_kernels_file_systems_usable() -> None:
    document = config(read_only=True)
    assert document["root"]["readonly"] is True
    assert "ro" not in mount(document, "/dev")["options"] + mount(document, "/proc")["options"]


def test_privileged_may_write_to_sysfs_and_its_cgroups() -> None:
    for place in ("/sys", "/sys/fs/cgroup"):
        assert "ro" in mount(config(), place)["options"]
        assert "ro" not in mount(config(privileged=True), place)["options"]


# Devices --------------------------------------------------------------------------------------------------


def test_a_device_is_made_inside_under_its_new_name_and_allowed_as_far_as_asked() -> None:
    linux = config(devices=[DeviceRequest("/dev/null", "/dev/other", "r")])["linux"]
    status = os.stat("/dev/null")
    assert linux["devices"] == [
        {
            "path": "/dev/other",
            "type": "c",
            "major": 1,
            "minor": 3,
            "fileMode": stat.S_IMODE(status.st_mode),
            "uid": status.st_uid,
            "gid": status.st_gid,
        }
    ]
    assert linux["resources"]["devices"] == [
        {"allow": False, "access": "rwm"},
        {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "r"},
    ]


def test_a_directory_of_devices_is_given_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "no device is below" in refused(devices=[DeviceRequest(str(tmp_path))]).message
    paths = {node["path"] for node in config(devices=[DeviceRequest("/dev", "/devices")])["linux"]["devices"]}
    assert {"/devices/null", "/devices/zero"} <= paths


def test_what_is_no_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "not a device node" in refused(devices=[DeviceRequest(f"{tmp_path}/file")]).message
    assert "No such file" in refused(devices=[DeviceRequest(f"{tmp_path}/none")]).message


def test_privileged_has_every_device_of_the_host_but_its_terminals() -> None:
    linux = config(privileged=True)["linux"]
    paths = {node["path"] for node in linux["devices"]}
    assert {"/dev/null", "/dev/zero", "/dev/tty"} <= paths
    assert not [path for path in paths if path.startswith("/dev/pts") or path in ("/dev/ptmx", "/dev/console")]
    assert linux["resources"]["devices"] == [{"allow": False, "access": "rwm"}, {"allow": True, "access": "rwm"}]


# Limits ---------------------------------------------------------------------------------------------------


def test_limits_are_dockers_in_the_ocis_units() -> None:
    resources = config(
        memory=64 << 20,
        memory_reservation=32 << 20,
        nano_cpus=500_000_000,
        cpu_shares=512,
        cpuset_cpus="0",
        pids_limit=9,
    )["linux"]["resources"]
    assert resources["memory"] == {"limit": 64 << 20, "reservation": 32 << 20, "swap": 128 << 20}
    assert resources["cpu"] == {"quota": 50_000, "period": 100_000, "shares": 512, "cpus": "0"}
    assert resources["pids"] == {"limit": 9}


def test_without_limits_there_are_none() -> None:
    assert set(config()["linux"]["resources"]) == {"devices"}
    assert set(config(pids_limit=-1)["linux"]["resources"]) == {"devices"}


def test_swap_is_what_was_asked_for() -> None:
    assert config(memory=64 << 20, memory_swap=-1)["linux"]["resources"]["memory"]["swap"] == -1
    assert config(memory=64 << 20, memory_swap=64 << 20)["linux"]["resources"]["memory"]["swap"] == 64 << 20


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"memory": 1 << 20}, "Minimum memory limit allowed is 6MB"),
        ({"memory": 64 << 20, "memory_swap": 32 << 20}, "Minimum memoryswap limit should be larger than memory limit"),
        ({"memory_swap": 32 << 20}, "You should always set the Memory limit when using Memoryswap limit"),
        ({"memory_reservation": 1 << 20}, "Minimum memory reservation allowed is 6MB"),
        (
            {"memory": 32 << 20, "memory_reservation": 64 << 20},
            "Minimum memory limit can not be less than memory reservation limit",
        ),
        ({"nano_cpus": 99_000_000_000_000}, "Range of CPUs is from 0.01 to"),
        ({"nano_cpus": 1}, "Range of CPUs is from 0.01 to"),
        ({"cpuset_cpus": "8000"}, "Requested CPUs are not available - requested 8000, available: 0"),
        ({"cpuset_cpus": "x"}, "Invalid value x for cpuset cpus"),
        ({"cpu_shares": -1}, "invalid CPU shares"),
        ({"oom_score_adj": 2000}, "Invalid value 2000, range for oom score adj is [-1000, 1000]"),
        ({"shm_size": -1}, "SHM size"),
    ],
)
def test_limits_that_make_no_sense_get_dockers_objections(fields: dict[str, int], complaint: str) -> None:
    assert complaint in refused(**fields).message


def test_lists_of_processors_are_read_as_the_kernel_reads_them() -> None:
    assert numbers("0-2,7") == {0, 1, 2, 7}
    for wrong in ("", "1-", "-1", "2-1", "0-99999999999", "a"):
        with pytest.raises(MinidockError, match="Invalid value"):
            numbers(wrong)


# Files of the network -------------------------------------------------------------------------------------


def test_name_servers_on_the_hosts_loopback_are_left_out() -> None:
    text = "search example.org\nnameserver 127.0.0.53\nnameserver 10.0.0.1\nnameserver ::1\noptions ndots:2\n"
    assert network_files.reachable(text) == "search example.org\nnameserver 10.0.0.1\noptions ndots:2\n"


@pytest.mark.parametrize("text", ["", "nameserver 127.0.0.1\n", "# nameserver 10.0.0.1\n"])
def test_dockers_name_servers_stand_in_where_none_is_left(text: str) -> None:
    assert resolvers.servers(network_files.reachable(text)) == ["8.8.8.8", "8.8.4.4"]


def texts(**fields: object) -> dict[str, str]:
    options = Options("test")
    for name, value in fields.items():
        setattr(options, name, value)
    return network_files.texts(options, "foo")


def test_the_hosts_network_has_the_hosts_names() -> None:
    shared = texts(network="host")
    assert shared["resolv.conf"] == resolvers.read_or_nothing("/etc/resolv.conf")
    own = texts()
    assert own["hostname"] == "foo\n"
    assert own["hosts"].startswith("127.0.0.1\tlocalhost\n::1\tlocalhost ")


@pytest.mark.parametrize("network", ["none", "host"])
def test_names_that_are_added_come_after_those_that_all_have(network: str) -> None:
    hosts = texts(network=network, extra_hosts=["a:1.2.3.4", "b:::1"])["hosts"]
    assert hosts == f"{network_files.HOSTS}1.2.3.4\ta\n::1\tb\n"


@pytest.mark.parametrize("extra", ["a", ":1.2.3.4", "a:", "a:1.2.3.4\n6.6.6.6 bank"])
def test_a_name_that_cannot_be_added_is_refused(extra: str) -> None:
    with pytest.raises(MinidockError, match="add-host"):
        texts(extra_hosts=[extra])


@pytest.mark.parametrize("network", ["none", "host"])
def test_without_a_bridge_the_host_is_no_gateway(network: str) -> None:
    with pytest.raises(MinidockError, match="unable to derive the IP value for host-gateway"):
        texts(network=network, extra_hosts=["a:host-gateway"])


def test_the_gateway_is_known_when_there_is_an_address() -> None:
    options = Options("busybox")
    options.extra_hosts = ["a:host-gateway", "b:1.2.3.4"]
    found = network_files.hosts(options, [("172.17.0.2", "web")], gateway="172.17.0.1")
    assert found == f"{network_files.HOSTS}172.17.0.1\ta\n1.2.3.4\tb\n172.17.0.2\tweb\n"


def test_in_a_network_with_names_the_one_server_is_the_containers_own() -> None:
    options = Options("busybox")
    options.dns, options.dns_search, options.dns_options = ["1.1.1.1"], ["a.b"], ["rotate"]
    assert network_files.embedded_resolv_conf(options).splitlines() == [
        "nameserver 127.0.0.11",
        "search a.b",
        "options rotate ndots:0",
        "",
        "# Based on host file: '/etc/resolv.conf' (internal resolver)",
        "# ExtServers: [1.1.1.1]",
        "# Overrides: [nameservers search options]",
        "# Option ndots from: internal",
    ]


def test_a_number_of_dots_that_was_asked_for_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolvers, "host_file", lambda: "nameserver 9.9.9.9\nsearch host.example\n")
    options = Options("busybox")
    options.dns_options = ["ndots:2"]
    lines = network_files.embedded_resolv_conf(options).splitlines()
    assert lines[:3] == ["nameserver 127.0.0.11", "search host.example", "options ndots:2"]
    assert lines[5:] == [
        "# ExtServers: [host(9.9.9.9)]",
        "# Overrides: [options]",
        "# Option ndots from: override",
    ]


def test_name_servers_that_were_asked_for_take_the_place_of_the_hosts() -> None:
    lines = texts(dns=["1.1.1.1", "127.0.0.1"])["resolv.conf"].splitlines()
    assert [line for line in lines if line.startswith("nameserver")] == ["nameserver 1.1.1.1", "nameserver 127.0.0.1"]


@pytest.mark.parametrize("network", ["none", "host"])
def test_search_domains_and_options_are_one_line_each(network: str) -> None:
    wishes = {"dns": ["9.9.9.9"], "dns_search": ["a.b", "c.d"], "dns_options": ["ndots:3", "rotate"]}
    text = texts(network=network, **wishes)["resolv.conf"]
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines == ["nameserver 9.9.9.9", "search a.b c.d", "options ndots:3 rotate"]


def test_a_dot_as_search_domain_is_none_at_all() -> None:
    assert "search" not in texts(dns_search=["."])["resolv.conf"]
