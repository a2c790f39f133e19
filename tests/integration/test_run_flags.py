"""The flags of `run` that few people use: what each of them does, seen from inside the container and in the kernel."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from pathlib import Path

import pytest

from minidock import jsonfile
from minidock.engine.configuring import choosing
from minidock.engine.engine import Engine
from minidock.engine.life.id_file import IdFile
from minidock.engine.options import Options
from minidock.errors import MinidockError
from minidock.kernel import cgroups
from tests.integration.facts import inside, mount_at, mounts, namespace
from tests.integration.minidocks import Minidock

SPARE = "/mnt/spare"  # a disk that nothing else uses; the test machine has one
MIB = 1 << 20


@pytest.fixture
def engine(minidock: Minidock) -> Generator[Engine]:
    """The library's view of the same containers."""
    found = Engine(str(minidock.root), str(minidock.state))
    yield found
    found.database.close()


def begun(minidock: Minidock, engine: Engine, *words: str) -> int:
    """A container that stays; its first process."""
    container_id = minidock.ok("run", "-d", *words, "busybox", "sleep", "1000").strip()
    return engine.find(container_id).pid


def refusal(minidock: Minidock, *words: str) -> str:
    """The first line of what `run` says when it cannot; nothing may be left."""
    before = minidock.remains()
    done = minidock("run", *words)
    assert done.returncode == 125, done
    assert minidock.remains() == before
    return done.stderr.splitlines()[0].removeprefix("minidock: ")


# Who and with what ----------------------------------------------------------------------------------------


def test_further_groups_are_those_of_the_image(minidock: Minidock) -> None:
    groups = minidock.output("-u", "5:6", "--group-add", "audio", "--group-add", "99", "busybox", "id", "-G")
    assert groups.split() == ["6", "29", "99"]
    assert "Unable to find group nosuch" in refusal(minidock, "--group-add", "nosuch", "busybox", "true")


def test_a_file_of_variables_is_overridden_by_the_command_line(minidock: Minidock, tmp_path: Path) -> None:
    (tmp_path / "env").write_text('# of the program\nA=file\nB="q x" \nHERE\n')
    environment = {**minidock.environment, "HERE": "from outside"}
    words = ("--env-file", f"{tmp_path}/env", "-e", "A=word", "busybox", "env")
    shown = dict(line.split("=", 1) for line in minidock.output(*words, env=environment).splitlines())
    assert (shown["A"], shown["B"], shown["HERE"]) == ("word", '"q x" ', "from outside")


def test_only_the_streams_asked_for_are_shown(minidock: Minidock) -> None:
    script = "echo out; echo err >&2"
    done = minidock("run", "--rm", "-a", "stderr", "busybox", "sh", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "err\n")


def test_the_parts_of_an_image_are_taken_where_nothing_is_asked(minidock: Minidock) -> None:
    made = an_image(minidock, "dressed", {"User": "nobody", "WorkingDir": "/srv", "Env": ["A=image"], "Labels": {}})
    assert minidock.output(made, "sh", "-c", "id -un; pwd; echo $A").split() == ["nobody", "/srv", "image"]
    assert minidock.output("-u", "0", "-w", "/", "-e", "A=b", made, "sh", "-c", "id -un; pwd; echo $A").split() == [
        *("root", "/", "b"),
    ]


def test_the_images_stop_signal_stops(minidock: Minidock, engine: Engine) -> None:
    made = an_image(minidock, "stopped", {"StopSignal": "SIGINT"})
    script = "trap 'exit 9' INT; while :; do sleep 0.05; done"
    minidock.ok("run", "-d", "--name", "c1", made, "sh", "-c", script)
    minidock.ok("stop", "c1")
    assert engine.find("c1").exit_code == 9
    minidock.ok("run", "-d", "--name", "c2", "--stop-signal", "USR1", made, "sh", "-c", script.replace("INT", "USR1"))
    minidock.ok("stop", "c2")
    assert engine.find("c2").exit_code == 9


def an_image(minidock: Minidock, name: str, config: dict[str, object]) -> str:
    """Busybox with another configuration."""
    from minidock.images.image import make, resolve
    from minidock.images.layout import Layout

    layout = Layout(str(minidock.root))
    busybox = resolve(str(minidock.root), "busybox")
    manifest = layout.document(busybox.digest)
    stack = list(zip(busybox.document["rootfs"]["diff_ids"], manifest["layers"], strict=True))
    make(layout, f"docker.io/library/{name}:latest", {**busybox.document, "config": {"Cmd": ["sh"], **config}}, stack)
    return name


def test_labels_of_the_image_and_of_the_container_are_remembered_together(minidock: Minidock, engine: Engine) -> None:
    made = an_image(minidock, "labelled", {"Labels": {"a": "image", "b": "image"}, "ExposedPorts": {"80/tcp": {}}})
    minidock.ok("create", "--name", "c1", "-l", "a=asked", "--expose", "81/udp", made)
    options = engine.options(engine.find("c1"))
    assert options.labels == {"a": "asked", "b": "image"}
    assert options.exposed_ports == ["81/udp", "80/tcp"]


# Names and files of the network ---------------------------------------------------------------------------


def test_hosts_and_name_servers_are_those_asked_for(minidock: Minidock) -> None:
    words = ("--add-host", "a:1.2.3.4", "--add-host", "b=::1", "--dns", "9.9.9.9", "--dns-search", "x.y")
    shown = minidock.output(*words, "--dns-option", "ndots:3", "busybox", "cat", "/etc/hosts", "/etc/resolv.conf")
    assert "1.2.3.4\ta\n::1\tb\n" in shown
    lines = [line for line in shown.splitlines() if line.startswith(("nameserver", "search", "options"))]
    assert lines == ["nameserver 9.9.9.9", "search x.y", "options ndots:3"]


def test_a_name_can_be_looked_up_that_was_added(minidock: Minidock) -> None:
    assert "127.0.0.7" in minidock.output("--add-host", "db:127.0.0.7", "busybox", "ping", "-c1", "-W5", "db")


# Namespaces of others -------------------------------------------------------------------------------------


def test_two_containers_in_one_network_hear_each_other_and_have_one_name(minidock: Minidock) -> None:
    serve = "echo found > /index; httpd -f -p 127.0.0.1:8080 -h /"
    minidock.ok("run", "-d", "--name", "web", "-h", "box", "--add-host", "x:9.9.9.9", "busybox", "sh", "-c", serve)
    ask = "hostname; grep 9.9.9.9 /etc/hosts; until wget -qO- http://127.0.0.1:8080/index; do sleep 0.05; done"
    told = minidock.output("--network", "container:web", "busybox", "sh", "-c", ask)
    assert told.split() == ["box", "9.9.9.9", "x", "found"]


def test_one_network_is_one_namespace_and_the_rest_stays_apart(minidock: Minidock, engine: Engine) -> None:
    one = begun(minidock, engine, "--name", "one")
    two = begun(minidock, engine, "--network", "container:one")
    same = {
        kind
        for kind in ("network", "pid", "ipc", "uts", "mount", "cgroup")
        if namespace(one, kind) == namespace(two, kind)
    }
    assert same == {"network"}


def test_process_numbers_of_another_container_can_be_shared(minidock: Minidock, engine: Engine) -> None:
    one = begun(minidock, engine, "--name", "one")
    shown = minidock.output("--pid", "container:one", "busybox", "ps").splitlines()
    assert any(line.split()[0] == "1" and line.endswith("sleep 1000") for line in shown[1:])
    two = begun(minidock, engine, "--pid", "container:one")
    assert namespace(one, "pid") == namespace(two, "pid")


def test_shared_memory_of_another_container_is_shared_with_its_size(minidock: Minidock, engine: Engine) -> None:
    one = begun(minidock, engine, "--name", "one", "--ipc", "shareable", "--shm-size", "3m")
    two = begun(minidock, engine, "--name", "two", "--ipc", "container:one")
    assert namespace(one, "ipc") == namespace(two, "ipc")
    minidock.ok("exec", "one", "sh", "-c", "echo said > /dev/shm/file")
    assert minidock.ok("exec", "two", "cat", "/dev/shm/file") == "said\n"
    mount = mount_at(two, "/dev/shm")
    assert "size=3072k" in mount.data and {"nosuid", "nodev", "noexec"} <= {*mount.options}
    minidock.ok("rm", "-f", "two")
    assert minidock.ok("exec", "one", "cat", "/dev/shm/file") == "said\n"


def test_without_ipc_there_is_no_shared_memory_and_a_namespace_of_its_own(minidock: Minidock, engine: Engine) -> None:
    pid = begun(minidock, engine, "--ipc", "none")
    assert "/dev/shm" not in [mount.point for mount in mounts(pid)]
    assert namespace(pid, "ipc") != namespace("self", "ipc")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--network", "container:nosuch"], "No such container: nosuch"),
        (["--network", "container:still"], "cannot join network of a non running container: {id}"),
        (["--pid", "container:still"], "container {id} is not running"),
        (["--ipc", "container:still"], "can't join IPC of container {id}: container {id} is not running"),
        (["--network", "container:still", "-h", "x"], "conflicting options: hostname and the network mode"),
        (["--network", "container:still", "--dns", "1.1.1.1"], "conflicting options: dns and the network mode"),
        (
            ["--network", "container:still", "--add-host", "a:1.1.1.1"],
            "conflicting options: custom host-to-IP mapping and the network mode",
        ),
        (
            ["--network", "container:still", "--expose", "80"],
            "conflicting options: port exposing and the container type network mode",
        ),
        (["--network", "nosuch"], "network nosuch not found"),
        (["--uts", "host", "-h", "x"], "conflicting options: hostname and the UTS mode"),
    ],
)
def test_what_cannot_be_shared_is_refused_in_dockers_words(
    minidock: Minidock, engine: Engine, words: list[str], complaint: str
) -> None:
    minidock.ok("create", "--name", "still", "busybox")
    row = engine.find("still")
    done = minidock("run", "--name", "new", *words, "busybox", "true")
    assert done.returncode == 125
    assert done.stderr.splitlines()[0] == "minidock: " + complaint.format(id=row.id)


def test_a_private_ipc_namespace_is_not_shared(minidock: Minidock, engine: Engine) -> None:
    begun(minidock, engine, "--name", "one")
    done = minidock("run", "--name", "two", "--ipc", "container:one", "busybox", "true")
    assert done.returncode == 125
    assert "non-shareable IPC" in done.stderr and "--ipc shareable" in done.stderr


def test_the_other_container_is_found_again_when_both_are_started_again(minidock: Minidock, engine: Engine) -> None:
    begun(minidock, engine, "--name", "one", "--ipc", "shareable")
    begun(minidock, engine, "--name", "two", "--network", "container:one", "--ipc", "container:one")
    minidock.ok("rename", "one", "uno")
    minidock.ok("stop", "-t", "0", "uno", "two")
    assert "is not running" in minidock("start", "two").stderr or "non running" in minidock("start", "two").stderr
    minidock.ok("start", "uno", "two")
    one, two = engine.find("uno").pid, engine.find("two").pid
    assert [namespace(one, kind) == namespace(two, kind) for kind in ("network", "ipc", "uts")] == [True, True, False]


def test_a_network_from_a_third_container_comes_with_its_name_and_the_hosts_stays_the_hosts(
    minidock: Minidock, engine: Engine
) -> None:
    begun(minidock, engine, "--name", "one", "--network", "host")
    begun(minidock, engine, "--name", "two", "--network", "container:one")
    assert minidock.output("--network", "container:two", "busybox", "hostname") == f"{os.uname().nodename}\n"
    words = ("--network", "container:two", "--sysctl", "net.ipv4.ip_forward=1")
    assert "not allowed in the host's network namespace" in refusal(minidock, *words, "busybox", "true")


def test_the_hosts_uts_namespace_is_shared_when_asked_for(minidock: Minidock, engine: Engine) -> None:
    pid = begun(minidock, engine, "--uts", "host", "--userns", "host")
    assert namespace(pid, "uts") == namespace("self", "uts")
    assert namespace(pid, "user") == namespace("self", "user")


# Devices, cgroups, annotations ----------------------------------------------------------------------------


def test_a_rule_allows_a_device_that_the_container_makes_itself(minidock: Minidock) -> None:
    script = "mknod /k c 1 11 && : > /k && echo opened"  # /dev/kmsg; to open it for writing needs no right
    assert minidock.output("--device-cgroup-rule", "c 1:11 rwm", "busybox", "sh", "-c", script) == "opened\n"
    done = minidock("run", "--rm", "busybox", "sh", "-c", script)
    assert "Operation not permitted" in done.stderr and done.stdout == ""


def test_the_cgroup_is_below_the_parent_asked_for(minidock: Minidock) -> None:
    parent = f"/minidock-test-{os.getpid()}"
    try:
        shown = minidock.output(
            "--cgroup-parent", parent, "--cgroupns", "host", "busybox", "grep", "^0::", "/proc/self/cgroup"
        )
        path = shown.strip().removeprefix("0::")
        assert os.path.dirname(path) == parent and len(os.path.basename(path)) == 64
        assert not os.path.exists(cgroups.locate(path))
    finally:
        if os.path.isdir(cgroups.locate(parent)):
            cgroups.end(cgroups.locate(parent))


def test_annotations_reach_the_runtime(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("create", "--name", "c1", "--annotation", "org.example.a=b", "busybox")
    document = jsonfile.read(engine.place(engine.find("c1").id).file("config.json"))
    assert document["annotations"]["org.example.a"] == "b"


def test_a_filter_is_kept_when_its_file_goes(minidock: Minidock, engine: Engine, tmp_path: Path) -> None:
    begun(minidock, engine, "--name", "one")  # whoever shares with another is configured anew at each start
    profile = tmp_path / "profile.json"
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}
    profile.write_text(jsonfile.dump({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
    words = ("--pid", "container:one", "--security-opt", f"seccomp={profile}", "busybox")
    minidock.ok("create", "--name", "c1", *words, "sh", "-c", "mkdir /x || echo refused")
    profile.unlink()
    assert minidock.ok("start", "-a", "c1") == "refused\n"


def test_an_init_is_not_needed_where_another_reaps(minidock: Minidock, engine: Engine) -> None:
    begun(minidock, engine, "--name", "one")
    two = begun(minidock, engine, "--init", "--pid", "container:one")
    assert inside(two, "/proc/1/cmdline").read_bytes() == b"sleep\x001000\x00"
    assert Path(f"/proc/{two}/cmdline").read_bytes() == b"sleep\x001000\x00"


# What cannot be had ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--gpus", "all"], "--gpus cannot be had: "),
        (["--cpu-count", "1"], "--cpu-count cannot be had: only Windows has it"),
        (["--kernel-memory", "100m"], "--kernel-memory cannot be had: the kernel has no such limit any more"),
        (["--cpu-rt-runtime", "100"], "Your kernel does not support CPU real-time scheduler"),
        (["--runtime", "foo"], "unknown or invalid runtime name: foo"),
        (["--storage-opt", "size=1g"], "--storage-opt is supported only for overlay over xfs"),
        (["--restart", "foo"], "invalid restart policy: unknown policy 'foo'"),
        (["--stop-signal", "FOO"], "invalid signal: FOO"),
        (["--health-interval", "1us"], "Interval in Healthcheck cannot be less than 1ms"),
        (["--name", "a b"], "Invalid container name (a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"),
    ],
)
def test_what_cannot_be_had_is_refused_and_nothing_is_left(
    minidock: Minidock, words: list[str], complaint: str
) -> None:
    assert refusal(minidock, *words, "busybox", "true").startswith(complaint)


# Which image ----------------------------------------------------------------------------------------------


def engine_of(minidock: Minidock) -> Engine:
    return Engine(str(minidock.root), str(minidock.state))


def wished(**fields: str) -> Options:
    options = Options(fields.pop("image", "busybox"))
    for name, value in fields.items():
        setattr(options, name, value)
    return options


def test_an_image_that_is_here_is_used_whatever_pull_says(minidock: Minidock) -> None:
    for pull in ("missing", "never"):
        assert choosing.image(engine_of(minidock), wished(pull=pull)).layers


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"pull": "foo"}, 'invalid pull option: \'foo\': must be one of "always", "missing" or "never"'),
        ({"pull": "always"}, "cannot reach registry-1.docker.io: no such host"),
        ({"image": "127.0.0.1:1/nosuch"}, "cannot reach 127.0.0.1:1: Connection refused"),
        ({"platform": "linux/riscv64"}, "does not match the specified platform (linux/riscv64)"),
        ({"platform": "windows/amd64"}, "does not match the specified platform (windows/amd64)"),
        ({"platform": "riscv64"}, "does not match the specified platform (riscv64)"),
        ({"platform": "foo"}, '"foo": unknown operating system or architecture'),
        ({"platform": "a/b/c/d"}, '"a/b/c/d" is an invalid component of a platform'),
    ],
)
def test_an_image_that_cannot_be_had_is_refused(minidock: Minidock, fields: dict[str, str], complaint: str) -> None:
    with pytest.raises(MinidockError) as caught:
        choosing.image(engine_of(minidock), wished(**fields))
    assert complaint in caught.value.message


def test_without_pulling_a_missing_image_is_not_made_either(tmp_path: Path) -> None:
    with pytest.raises(MinidockError) as caught:
        choosing.image(Engine(str(tmp_path)), wished(pull="never"))
    assert (caught.value.message, caught.value.code) == ("No such image: busybox:latest", 125)


def test_the_hosts_own_platform_may_be_named_in_several_ways(minidock: Minidock) -> None:
    machine = os.uname().machine
    for platform in ("linux", f"linux/{machine}", machine):
        assert choosing.image(engine_of(minidock), wished(platform=platform)).layers


# The file with the id -------------------------------------------------------------------------------------


def test_the_file_gets_the_id_and_is_not_there_when_nothing_came_of_it(tmp_path: Path) -> None:
    path = tmp_path / "id"
    with IdFile(str(path)) as file:
        file.write("abc")
    assert path.read_text() == "abc"
    with pytest.raises(MinidockError, match=f"container ID file found, .* or delete {path}"), IdFile(str(path)):
        pass
    assert path.read_text() == "abc"
    with pytest.raises(ZeroDivisionError), IdFile(f"{tmp_path}/other"):
        _ = 1 / 0
    assert os.listdir(tmp_path) == ["id"]


def test_a_file_that_cannot_be_made_stops_everything(tmp_path: Path) -> None:
    with pytest.raises(MinidockError) as caught, IdFile(f"{tmp_path}/no/id"):
        pass
    assert caught.value.message == (
        f"failed to create the container ID file: open {tmp_path}/no/id: no such file or directory"
    )


# Limits: each needs a controller of cgroup version 2 ------------------------------------------------------


def limited(minidock: Minidock, *words: str) -> str:
    """The path of the cgroup of a container with limits; skipped where the host does not have what they need."""
    done = minidock("run", "-d", "--cgroupns", "host", *words, "busybox", "sleep", "1000")
    if "does not offer the cgroup controller" in done.stderr:
        pytest.skip(done.stderr.splitlines()[0])
    assert done.returncode == 0, done.stderr
    return cgroups.locate(f"/minidock/{done.stdout.strip()}")


def read(group: str, file: str) -> str:
    return cgroups.read(group, file).strip()


def test_a_quota_and_a_period_are_the_cgroups(minidock: Minidock) -> None:
    group = limited(minidock, "--cpu-period", "50000", "--cpu-quota", "20000")
    assert read(group, "cpu.max") == "20000 50000"


def test_a_node_of_memory_is_the_cgroups(minidock: Minidock) -> None:
    group = limited(minidock, "--cpuset-mems", "0", "--cpuset-cpus", "0")
    assert (read(group, "cpuset.mems"), read(group, "cpuset.cpus")) == ("0", "0")


def test_a_weight_for_disks_is_the_cgroups(minidock: Minidock) -> None:
    group = limited(minidock, "--blkio-weight", "500")
    file = "io.bfq.weight" if cgroups.exists(group, "io.bfq.weight") else "io.weight"
    assert read(group, file) in ("default 500", "default 4950", "500")


@pytest.fixture
def disk(minidock: Minidock) -> Generator[tuple[str, str]]:
    """A disk that may be slowed down: its node, and its number."""
    limited(minidock, "--blkio-weight", "100")  # skips with its own reason where there is no io controller
    if not os.path.ismount(SPARE):
        pytest.skip(f"this host has no disk mounted at {SPARE} that could be slowed down")
    number, path = os.stat(SPARE).st_dev, f"/dev/minidock-test-{os.getpid()}"
    os.mknod(path, stat.S_IFBLK | 0o600, number)
    yield path, f"{os.major(number)}:{os.minor(number)}"
    os.unlink(path)


def test_rates_for_a_disk_are_the_cgroups(minidock: Minidock, disk: tuple[str, str]) -> None:
    path, number = disk
    group = limited(
        minidock,
        *("--device-read-bps", f"{path}:1mb", "--device-write-bps", f"{path}:2mb"),
        *("--device-read-iops", f"{path}:30", "--device-write-iops", f"{path}:40"),
    )
    assert read(group, "io.max") == f"{number} rbps={MIB} wbps={2 * MIB} riops=30 wiops=40"


def test_what_only_version_1_of_cgroups_had_does_no_harm(minidock: Minidock) -> None:
    assert minidock.output("--memory-swappiness", "5", "--oom-kill-disable", "busybox", "echo", "hi") == "hi\n"


def test_a_plan_shows_what_the_flags_come_to_without_a_container(minidock: Minidock) -> None:
    words = ("--cpu-quota", "20000", "--ipc", "none", "--group-add", "audio", "busybox", "true")
    done = minidock("plan", *words)
    assert done.returncode == 0, done.stderr
    assert "cpu.max to 20000" in done.stdout and "/dev/shm" not in done.stdout


def test_the_shared_memory_of_another_is_borrowed_without_a_trace_on_the_host(
    minidock: Minidock, engine: Engine
) -> None:
    before = Path("/proc/self/mountinfo").read_text()
    begun(minidock, engine, "--name", "one", "--ipc", "shareable")
    begun(minidock, engine, "--ipc", "container:one")
    assert Path("/proc/self/mountinfo").read_text() == before
