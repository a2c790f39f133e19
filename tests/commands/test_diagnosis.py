"""Each cause of a failure, provoked on the real kernel: the error says what it is, how to see it, how to mend it.

Where a host has to be poor for that, the command alone is poor: see tests/integration/poverty.py.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from minidock import jsonfile
from minidock.diagnosis import diagnosing
from minidock.errors import MinidockError
from minidock.kernel import birth, cgroups, device_filter, inotify, mounts, namespaces, syscalls
from minidock.oci.resources import Resources
from minidock.steps import identity, limits, network, root
from minidock.steps.live import Live
from minidock.steps.namespaces import MapIds, NewNamespace
from minidock.steps.reserving import reserve
from minidock.steps.step import explain, perform
from tests.integration import poverty
from tests.integration.bundles import BUSYBOX, Bundle
from tests.integration.causes import explained, failure, found, of_step
from tests.integration.minidocks import Minidock
from tests.waiting import wait_until

# Programs -------------------------------------------------------------------------------------------------


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A directory that containers see as /p."""
    directory = tmp_path / "programs"
    directory.mkdir(mode=0o755)
    return directory


def program(directory: Path, name: str, content: bytes, mode: int = 0o755) -> None:
    path = directory / name
    path.write_bytes(content)
    path.chmod(mode)


def foreign(content: bytes, machine: int) -> bytes:
    """The same ELF program, for another processor by what its header says."""
    return content[:18] + struct.pack("<H", machine) + content[20:]


def run(minidock: Minidock, programs: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return minidock("run", "--rm", "-v", f"{programs}:/p", *words)


@pytest.mark.parametrize(
    ("content", "code", "cause"),
    [
        (b"#!/no/such/shell -e\n", 127, "a script for /no/such/shell, and there is none"),  # program.no-interpreter
        (b"#!/bin/sh\r\necho\r\n", 127, "line ends of Windows"),  # program.carriage-return
        (Path("/bin/ls").read_bytes(), 127, "is loaded by /lib"),  # program.no-loader
        (foreign(Path(BUSYBOX).read_bytes()[:4096], 0x4242), 126, "a program for machine 16962"),
        (
            foreign(Path(BUSYBOX).read_bytes()[:4096], 21),
            126,
            "for ppc64le, and this host is",
        ),  # program.other-processor
        (b"echo hello\n", 126, r"begins with 'echo hello\n': no ELF program"),  # program.not-a-program
        (b"", 126, "is empty"),
    ],
)
def test_a_program_that_cannot_start_is_told_why(
    minidock: Minidock, programs: Path, content: bytes, code: int, cause: str
) -> None:
    program(programs, "it", content)
    done = run(minidock, programs, "busybox", "/p/it")
    assert done.returncode == code
    assert done.stderr.startswith('minidock: exec: "/p/it": ')
    explained(done.stderr, cause)


def test_a_further_program_of_a_running_container_is_told_why_too(minidock: Minidock, programs: Path) -> None:
    program(programs, "it", b"#!/no/such/shell\n")
    minidock.ok("run", "-d", "--name", "box", "-v", f"{programs}:/p", "busybox", "sleep", "1000")
    done = minidock("exec", "box", "/p/it")
    assert done.returncode == 127
    explained(done.stderr, "a script for /no/such/shell")
    assert minidock.ok("top", "box", "-o", "pid,comm").count("\n") == 2, "nobody waits there any more"


def test_who_starts_what_another_has_created_is_told_why(bundle: Bundle) -> None:
    """The process that waits to be started is not a child of the one that starts it."""
    program(bundle.rootfs, "it", b"#!/no/such/shell\n")
    assert bundle.program("/it").create().returncode == 0
    done = bundle.runtime("start", bundle.id)
    assert done.returncode == 127
    explained(done.stderr, "a script for /no/such/shell")


def test_a_build_that_cannot_run_a_program_is_told_why(minidock: Minidock, programs: Path) -> None:
    program(programs, "it", b"#!/no/such/shell\n")
    (programs / "Dockerfile").write_text('FROM busybox\nCOPY it /\nRUN ["/it"]\n')
    done = minidock("build", str(programs))
    assert 'Dockerfile:3: exec: "/it": no such file' in done.stderr
    assert "cause: /it is a script for /no/such/shell, and there is none" in done.stderr
    assert "mend: install /no/such/shell" in done.stderr
    minidock.ok("builder", "prune", "--all", "--force")


def test_a_file_system_without_exec_is_found(minidock: Minidock) -> None:
    """program.noexec"""
    minidock.ok("run", "-d", "--name", "box", "--tmpfs", "/x:noexec", "busybox", "sleep", "1000")
    minidock.ok("exec", "box", "cp", "/bin/busybox", "/x/ls")
    done = minidock("exec", "box", "/x/ls")
    assert done.returncode == 126
    explained(done.stderr, "/x/ls is on /x, which is mounted noexec")


def test_the_mode_of_a_program_and_of_its_directory_is_found(minidock: Minidock, programs: Path) -> None:
    """program.not-executable, program.unsearchable"""
    program(programs, "it", Path(BUSYBOX).read_bytes(), 0o744)
    (programs / "closed").mkdir(mode=0o700)
    program(programs / "closed", "it", Path(BUSYBOX).read_bytes())
    explained(run(minidock, programs, "-u", "1234", "busybox", "/p/it").stderr, "mode 0744", "user is 1234")
    done = run(minidock, programs, "-u", "1234", "busybox", "/p/closed/it")
    explained(done.stderr, "may not search /p/closed, whose mode is 0700")


def test_who_writes_to_a_program_is_named(minidock: Minidock, programs: Path) -> None:
    """program.busy"""
    program(programs, "it", Path(BUSYBOX).read_bytes())
    with (programs / "it").open("ab"):
        done = run(minidock, programs, "busybox", "/p/it")
    assert "text file busy" in done.stderr
    explained(done.stderr, f"(process {os.getpid()}) has /p/it open for writing")


def test_words_that_are_too_long_are_found(minidock: Minidock) -> None:
    """program.too-many-words"""
    script = (
        "import minidock.cli.main as m, sys; sys.exit(m.main(['run', '--rm', '-e', 'A=' + 'x' * 200_000, 'busybox']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=minidock.environment, capture_output=True, text=True, check=False
    )
    explained(done.stderr, "more than 128 KiB")


@pytest.mark.parametrize(("call", "cause"), [("execve", "execve"), ("capset", "identity.capabilities")])
def test_a_call_that_the_containers_own_profile_forbids_is_found(
    minidock: Minidock, tmp_path: Path, call: str, cause: str
) -> None:
    """filters.profile"""
    rule = {"names": [call], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EPERM}
    jsonfile.write(f"{tmp_path}/profile.json", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]})
    done = minidock("run", "--rm", "--security-opt", f"seccomp={tmp_path}/profile.json", "busybox", "true")
    explained(done.stderr, "seccomp profile is in force", cause)


# Paths ----------------------------------------------------------------------------------------------------


def test_a_circle_of_links_in_the_image_is_found(bundle: Bundle) -> None:
    """path.symlink-loop"""
    (bundle.rootfs / "loop").symlink_to("loop")
    done = bundle.mount("/loop/below", str(bundle.path)).run()
    explained(done.stderr, "/loop is a symbolic link that leads in a circle")


def test_a_link_of_the_image_that_is_not_followed_is_found(bundle: Bundle) -> None:
    """path.symlink"""
    (bundle.rootfs / "proc").rmdir()
    (bundle.rootfs / "proc").symlink_to("tmp")
    explained(bundle.run().stderr, "/proc is a symbolic link, and none is followed here")


def test_a_file_where_a_directory_is_needed_is_found(minidock: Minidock, tmp_path: Path) -> None:
    """path.not-a-directory, mounts.file-and-directory"""
    (tmp_path / "file").touch()
    done = minidock("run", "--rm", "-w", "/etc/passwd/below", "busybox", "true")
    explained(done.stderr, "/etc/passwd is a file")
    done = minidock("run", "--rm", "-v", f"{tmp_path}/file:/etc", "busybox", "true")
    explained(done.stderr, "/etc is a directory", f"{tmp_path}/file on the host a file")


def test_what_is_there_of_a_path_is_told(bundle: Bundle) -> None:
    """path.missing"""
    done = bundle.mount("/data", str(bundle.path / "no/such")).run()
    explained(done.stderr, f"there is no {bundle.path}/no; {bundle.path} is there")


def test_what_is_there_of_a_working_directory_is_told(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    done = minidock("exec", "-w", "/etc/no/such", "box", "true")
    assert 'chdir to cwd ("/etc/no/such"): no such file or directory' in done.stderr
    explained(done.stderr, "in the container there is no /etc/no; /etc is there")
    done = minidock("exec", "-w", "/etc/passwd/below", "box", "true")
    explained(done.stderr, "/etc/passwd is a file")


def test_a_name_that_no_file_system_takes_is_found(minidock: Minidock) -> None:
    """path.name-too-long"""
    done = minidock("run", "--rm", "-w", "/" + "x" * 300, "busybox", "true")
    explained(done.stderr, "has 300 bytes, and a name of a file has at most 255")


def test_a_place_in_a_read_only_volume_is_found(minidock: Minidock, tmp_path: Path) -> None:
    """path.read-only"""
    (tmp_path / "volume").mkdir()
    done = minidock("run", "--rm", "-v", f"{tmp_path}/volume:/v:ro", "-v", f"{tmp_path}:/v/new", "busybox", "true")
    explained(done.stderr, "mounted read-only")


def test_a_directory_that_the_containers_root_may_not_enter_is_found(open_bundle: Bundle) -> None:
    """path.unsearchable"""
    closed = open_bundle.path / "closed"
    closed.mkdir(mode=0o700)
    (open_bundle.rootfs).rename(closed / "rootfs")
    open_bundle.rootfs = closed / "rootfs"
    open_bundle.config["root"]["path"] = str(open_bundle.rootfs)
    done = open_bundle.map_users().run()
    explained(done.stderr, f"user 100000, who asks, may not search {closed}: its mode is 0700")


# Mounts ---------------------------------------------------------------------------------------------------


def test_too_many_mounts_are_counted(tmp_path: Path) -> None:
    """mounts.too-many"""

    def many() -> None:
        """Each time all that is mounted below is mounted once more, in a further directory."""
        poverty.covered(str(tmp_path))()
        for number in range(16):
            (tmp_path / str(number)).mkdir()
            mount = mounts.copy(str(tmp_path), recursive=True)
            poverty.attach(mount, f"{tmp_path}/{number}")

    failed = of_step(root.BindRoot(str(tmp_path)), many)
    assert "(ENOSPC)" in failed.message
    assert "file systems are mounted here, and 100000 may be" in failed.finding["cause"]


def test_a_file_system_that_the_kernel_does_not_have_is_found(bundle: Bundle) -> None:
    """mounts.unknown-file-system"""
    done = bundle.mount("/mnt", "none", "nosuchfs").run()
    assert "(ENODEV)" in done.stderr
    explained(done.stderr, 'no file system "nosuchfs"')


def test_an_option_that_a_file_system_does_not_take_is_named(bundle: Bundle) -> None:
    """mounts.unknown-option"""
    done = bundle.mount("/mnt", "tmpfs", "tmpfs", ("nosuch=1",)).run()
    explained(done.stderr, "tmpfs does not take the option nosuch=1")


@pytest.fixture
def directories(tmp_path: Path) -> Path:
    for name in ("lower", "upper", "work", "place", "other"):
        (tmp_path / name).mkdir()
    return tmp_path


def overlay_step(directories: Path, upper: str = "upper", work: str = "work", lower: str = "lower") -> root.OverlayRoot:
    at = str(directories)
    return root.OverlayRoot(f"{at}/place", [f"{at}/{lower}"], f"{at}/{upper}", f"{at}/{work}")


def test_an_overlay_on_an_overlay_is_found(minidock: Minidock, directories: Path) -> None:
    """overlay.nested, all the way from a container's process to the command line"""
    (directories / "on").mkdir()

    def nested() -> None:
        poverty.private_mounts()
        options = f"lowerdir={directories}/lower,upperdir={directories}/upper,workdir={directories}/work"
        subprocess.run(["mount", "-t", "overlay", "o", "-o", options, directories / "on"], check=True)

    environment = {**minidock.environment, "MINIDOCK_ROOT": f"{directories}/on"}
    done = minidock("run", "--network", "none", "busybox", "true", env=environment, preexec_fn=nested)
    assert done.returncode == 125
    assert "step root.overlay: " in done.stderr and "(EINVAL)" in done.stderr
    finding = explained(done.stderr, f"is itself on an overlay ({directories}/on)")
    assert "-v minidock:/var/lib/minidock" in finding["mend"]


def test_directories_that_no_overlay_can_have_are_found(directories: Path) -> None:
    """overlay.unfit-upper, overlay.apart, overlay.too-deep"""

    def on(kind: str) -> None:
        poverty.covered(f"{directories}/other", kind)()
        for name in ("upper", "work"):
            (directories / "other" / name).mkdir()

    failed = of_step(overlay_step(directories, "other/upper", "other/work"), lambda: on("hugetlbfs"))
    assert "is on hugetlbfs" in failed.finding["cause"]
    failed = of_step(overlay_step(directories, "upper", "other/work"), lambda: on("tmpfs"))
    assert "are on different mounts" in failed.finding["cause"]

    def deep() -> None:
        poverty.private_mounts()
        at = str(directories)
        for lower, place in (("lower:place", "other"), ("other:place", "other")):
            names = ":".join(f"{at}/{name}" for name in lower.split(":"))
            subprocess.run(["mount", "-t", "overlay", "o", "-o", f"lowerdir={names}", f"{at}/{place}"], check=True)

    failed = of_step(overlay_step(directories, lower="other"), deep)
    assert "on an overlay of overlays" in failed.finding["cause"]


# Control groups -------------------------------------------------------------------------------------------


@pytest.fixture
def group() -> Generator[str]:
    """The path of a group that is ended with the test."""
    path = f"/minidock-test-{os.getpid()}"
    yield path
    cgroups.end(cgroups.locate(path))


@pytest.mark.hybrid_host
def test_what_holds_a_controller_is_found(minidock: Minidock) -> None:
    """cgroup.version-1"""
    done = minidock("run", "--rm", "-m", "64m", "busybox", "true")
    explained(done.stderr, "the version 1 mount at ", " holds the controller memory")


def test_a_group_that_allows_no_more_below_it_is_found(minidock: Minidock, group: str) -> None:
    """cgroup.no-more-groups, by number and by depth"""
    directory = cgroups.create(group)
    for file in ("cgroup.max.descendants", "cgroup.max.depth"):
        cgroups.write(directory, file, "0")
        done = minidock("run", "--rm", "--cgroup-parent", group, "busybox", "true")
        assert "step cgroup.create: " in done.stderr and "(EAGAIN)" in done.stderr
        explained(done.stderr, f"{directory}/{file} is 0")
        cgroups.write(directory, file, "max")


def test_a_device_filter_above_that_suffers_no_other_is_found(minidock: Minidock, group: str) -> None:
    """cgroup.exclusive-filter"""
    fd = cgroups.open_group(cgroups.create(group))
    loaded = device_filter.load(device_filter.assemble([]))
    attach = struct.pack("=5I", fd, loaded, 6, 0, 0)  # BPF_CGROUP_DEVICE, and no flags: this one alone
    syscalls.bpf(8, ctypes.create_string_buffer(attach, len(attach)))  # BPF_PROG_ATTACH
    done = minidock("run", "--rm", "--cgroup-parent", group, "busybox", "true")
    os.close(fd)
    os.close(loaded)
    assert "step cgroup.devices: " in done.stderr
    explained(done.stderr, f"the device filter of {cgroups.locate(group)} was attached so that no group below")


def test_who_has_a_group_already_is_named(bundle: Bundle) -> None:
    """cgroup.taken"""
    other = bundle.sibling()
    bundle.linux["cgroupsPath"] = other.linux["cgroupsPath"] = f"/minidock-test-{os.getpid()}"
    pid = other.sleeping()
    explained(bundle.run().stderr, f"sleep ({pid}) lives in it")


def test_control_groups_that_are_not_mounted_or_not_writable_are_found(minidock: Minidock) -> None:
    """cgroup.not-mounted, path.read-only"""
    point = cgroups.mount_point()
    words = ("run", "--rm", "--network", "none", "busybox", "true")
    done = minidock(*words, preexec_fn=poverty.unmounted(point))
    explained(done.stderr, "no cgroup2 is mounted here")
    done = minidock(*words, preexec_fn=poverty.read_only(point))
    explained(done.stderr, f"the cgroup2 on {point} is mounted read-only")


def test_controllers_that_no_kernel_has_or_that_a_part_of_the_tree_was_not_given_are_found(group: str) -> None:
    """cgroup.no-controller, cgroup.not-given"""
    wanted = limits.UnifiedFiles(group, limits_of({"nonsense.max": "1"}))
    directory = cgroups.create(group)
    assert "does not have the controller nonsense" in of_step(wanted).finding["cause"]

    def part_alone() -> None:
        """The group is the top of the tree that is to be seen, as in a container."""
        cgroups.write(directory, "cgroup.procs", str(os.getpid()))
        namespaces.unshare("cgroup")
        poverty.covered(cgroups.mount_point(), "cgroup2")()
        cgroups.create(group)

    failed = of_step(wanted, part_alone)
    assert "was not given nonsense from above" in failed.finding["cause"]


def limits_of(files: dict[str, str]) -> Resources:
    return Resources(unified=files)


# Namespaces -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "most"), [("uts", 0), ("user", 0), ("network", 1)])
def test_a_limit_on_namespaces_is_found(kind: str, most: int) -> None:
    """namespaces.limit, by the limits that a user namespace has for its own"""
    file = f"/proc/sys/user/max_{namespaces.FILES.get(kind, kind)}_namespaces"

    def poor() -> None:
        poverty.in_user_namespace()
        namespaces.write(file, str(most))
        for _ in range(most):
            namespaces.unshare(kind)

    failed = failure(lambda: _unshared(NewNamespace(kind)), poor)
    assert f"of {kind} namespaces" in failed.finding["cause"] and file in failed.finding["confirm"]


def _unshared(step: NewNamespace) -> None:
    try:
        namespaces.unshare(step.kind)
    except OSError as error:
        raise explain(step, error, Live()) from None


def test_a_namespace_of_another_kind_or_of_a_process_that_has_ended_is_found(bundle: Bundle, tmp_path: Path) -> None:
    """namespaces.wrong-kind, namespaces.ended"""
    explained(bundle.namespaces(uts="/proc/self/ns/ipc").run().stderr, "is a ipc namespace, and a uts namespace is")
    explained(bundle.namespaces(uts=str(tmp_path)).run().stderr, "is no namespace")
    ended = subprocess.Popen(["true"])
    ended.wait()
    done = bundle.namespaces(uts=f"/proc/{ended.pid}/ns/uts").run()
    explained(done.stderr, f"process {ended.pid}, whose it was, has ended")


def test_users_that_minidocks_own_user_namespace_does_not_have_are_found() -> None:
    """namespaces.unmapped-ids"""

    def map_ids() -> None:
        live = Live(pid=birth.born(namespaces.FLAGS["user"]))
        if live.pid == 0:
            time.sleep(60)
        try:
            perform(MapIds([(0, 100000, 10)], [(0, 100000, 10)]), live)
        finally:
            os.kill(live.pid, 9)
            os.waitpid(live.pid, 0)

    failed = failure(map_ids, poverty.in_user_namespace)
    assert "does not have the uids 100000 to 100009" in failed.finding["cause"]


def test_process_numbers_that_are_used_up_are_counted(bundle: Bundle) -> None:
    """namespaces.no-more-pids, in a pid namespace that has few: since Linux 6.14 each has a limit of its own"""
    if tuple(map(int, os.uname().release.split(".")[:2])) < (6, 14):
        pytest.skip("before Linux 6.14 all pid namespaces have one pid_max")
    command = " ".join(bundle.command(*bundle.run_words()))
    bundle.write()
    few = "import os, sys; [os.posix_spawn('/bin/sleep', ['sleep', '1000'], {}) for _ in range(400)]"
    script = f"""
        mount -t proc proc /proc && echo 340 > /proc/sys/kernel/pid_max
        {sys.executable} -c "{few}" 2>/dev/null
        exec {command}
    """
    words = ["unshare", "--pid", "--fork", "--mount", "--kill-child", "sh", "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    explained(done.stderr, "use up the numbers below 340")


def test_a_host_name_that_is_too_long_is_measured(bundle: Bundle) -> None:
    """namespaces.hostname-too-long"""
    bundle.config["hostname"] = "x" * 65
    explained(bundle.run().stderr, "the name has 65 bytes, and the kernel takes 64")


# Networks -------------------------------------------------------------------------------------------------


def test_which_process_has_a_port_is_told(minidock: Minidock) -> None:
    """network.port-taken, by another program and by another container"""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = minidock("run", "--rm", "-p", f"127.0.0.1:{port}:80", "busybox", "true")
        explained(done.stderr, f"(process {os.getpid()}) has tcp port {port}")
    minidock.ok("run", "-d", "-p", f"127.0.0.1:{port}:80", "busybox", "sleep", "1000")
    done = minidock("run", "--rm", "-p", f"127.0.0.1:{port}:80", "busybox", "true")
    finding = explained(done.stderr, f"another container has tcp port {port} of the host")
    assert "minidock ps" in finding["mend"]


def test_an_address_that_is_not_the_hosts_is_found(minidock: Minidock) -> None:
    """network.not-our-address"""
    done = minidock("run", "--rm", "-p", "192.0.2.77:8080:80", "busybox", "true")
    explained(done.stderr, "no network device of this host has the address 192.0.2.77")


def test_a_firewall_that_is_not_there_is_found(tmp_path: Path) -> None:
    """network.no-libnftables, network.no-nftables"""
    library = next(line.split(" => ")[1] for line in _libraries() if "libnftables.so.1" in line)
    poor = Minidock(tmp_path)
    done = poor("run", "--rm", "busybox", "true", preexec_fn=poverty.empty_file(os.path.realpath(library)))
    explained(done.stderr, "libnftables.so.1 is not installed")
    netfilter = {"index": 2, "value": 12, "op": "SCMP_CMP_EQ"}
    poor = Minidock(tmp_path / "second")
    without = poverty.denied("socket", errno.EPROTONOSUPPORT, netfilter)
    done = poor("run", "--rm", "busybox", "true", preexec_fn=without)
    explained(done.stderr, "a socket of NETLINK_NETFILTER is refused")


def _libraries() -> list[str]:
    return subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout.splitlines()


def test_a_kernel_without_ipv6_is_found() -> None:
    """network.no-ipv6: as where the kernel's own files say so, and its sockets too"""

    def without() -> None:
        poverty.covered("/proc", "proc", "subset=pid")()
        poverty.denied("socket", errno.EAFNOSUPPORT, {"index": 0, "value": socket.AF_INET6, "op": "SCMP_CMP_EQ"})()

    done = failure(_publish_on_ipv6, without)
    assert "the kernel runs without IPv6" in done.finding["cause"]


def _publish_on_ipv6() -> None:
    port = {"protocol": "tcp", "host": "::1", "port": 80, "address": "fd00::2", "host_port": 8080}
    try:
        reserve([{**port, "last_host_port": 8080}], "box")
    except MinidockError as error:
        raise diagnosing.explain(error) from None


# Settings and devices -------------------------------------------------------------------------------------


def test_settings_that_the_kernel_does_not_take_are_found(minidock: Minidock) -> None:
    """settings.unknown, settings.value"""
    done = minidock("run", "--rm", "--sysctl", "net.nosuch=1", "busybox", "true")
    explained(done.stderr, "namespaces have no setting net.nosuch")
    done = minidock("run", "--rm", "--sysctl", "net.ipv4.ip_default_ttl=abc", "busybox", "true")
    explained(done.stderr, "does not take 'abc' for net.ipv4.ip_default_ttl; on the host it is '")


def test_settings_that_cannot_be_written_are_found() -> None:
    """settings.read-only"""

    def poor() -> None:
        namespaces.unshare("network")
        namespaces.write("/proc/sys/net/ipv4/ip_forward", "0")
        poverty.read_only("/proc/sys")()

    failed = of_step(network.Forwarding(ipv6=False), poor)
    assert "/proc/sys is mounted read-only here" in failed.finding["cause"]
    assert failed.finding["mend"].endswith("sysctl -w net.ipv4.ip_forward=1")


def test_a_device_that_the_host_does_not_have_is_found(minidock: Minidock) -> None:
    """devices.missing"""
    done = minidock("run", "--rm", "--device", "/dev/nosuch", "busybox", "true")
    explained(done.stderr, "this host has no /dev/nosuch")
    done = minidock(
        "run", "--rm", "--device", "/dev/net/tun", "busybox", "true", preexec_fn=poverty.covered("/dev/net")
    )
    explained(done.stderr, "this host has no /dev/net/tun: the driver tun")


# What has run out -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (("size=1m",), "is full: of its 1 MiB none are free"),  # space.full
        (("nr_inodes=40",), "has all its 40 inodes in use"),  # space.inodes
    ],
)
def test_a_disk_without_room_is_found(tmp_path: Path, options: tuple[str, ...], cause: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    small = Minidock(disk)
    small.state = tmp_path / "run"
    small.environment["MINIDOCK_RUN"] = str(small.state)
    done = small("run", "--rm", "busybox", "true", preexec_fn=poverty.covered(str(disk), "tmpfs", *options))
    assert done.returncode == 125
    explained(done.stderr, f"the tmpfs on {disk} {cause}")


def test_a_root_directory_that_cannot_be_written_is_found(minidock: Minidock) -> None:
    """path.read-only"""
    done = minidock("create", "busybox", "true", preexec_fn=poverty.read_only(str(minidock.root)))
    explained(done.stderr, f"on {minidock.root} is mounted read-only")


def test_a_limit_on_open_files_is_found(minidock: Minidock) -> None:
    """limits.open-files"""
    done = minidock("run", "--rm", "busybox", "true", preexec_fn=poverty.limited(resource.RLIMIT_NOFILE, 12))
    explained(done.stderr, "may have 12 files open here")


def test_limits_of_inotify_are_found() -> None:
    """limits.inotify"""

    def poor() -> None:
        poverty.in_user_namespace()
        namespaces.write("/proc/sys/user/max_inotify_instances", "0")

    failed = failure(_watch, poor)
    assert "/proc/sys/user/max_inotify_instances" in failed.finding["cause"]


def _watch() -> None:
    try:
        inotify.opened()
    except OSError as error:
        raise diagnosing.failed("cannot watch", error) from None


# Rights ---------------------------------------------------------------------------------------------------


def test_a_user_who_is_not_root_is_told_so(minidock: Minidock) -> None:
    """rights.not-root"""
    done = minidock("run", "--rm", "busybox", "true", preexec_fn=poverty.user(1234))
    assert explained(done.stderr, "started by user 1234")["mend"] == "try again with sudo"


def test_root_of_a_user_namespace_alone_is_told_so(bundle: Bundle) -> None:
    """rights.user-namespace"""
    done = bundle.run(preexec_fn=poverty.in_user_namespace)
    explained(done.stderr, "minidock runs in a user namespace, whose root is user 0 outside")


def test_a_root_that_lacks_a_capability_is_told_which(minidock: Minidock) -> None:
    """rights.capability"""
    done = minidock("run", "--rm", "busybox", "true", preexec_fn=poverty.without("CAP_SYS_ADMIN"))
    finding = explained(done.stderr, "without CAP_SYS_ADMIN")
    assert "--cap-add SYS_ADMIN" in finding["mend"]


def test_limits_that_are_too_high_are_found(minidock: Minidock) -> None:
    """rights.limit-too-high, rights.raise-limit"""
    done = minidock("run", "--rm", "--ulimit", "nofile=2000000000", "busybox", "true")
    explained(done.stderr, "2000000000 open files are more than the kernel lets a process have")
    lower = poverty.all_of(poverty.limited(resource.RLIMIT_NOFILE, 512), poverty.without("CAP_SYS_RESOURCE"))
    done = minidock("run", "--rm", "--ulimit", "nofile=600", "busybox", "true", preexec_fn=lower)
    explained(done.stderr, "the hard limit of RLIMIT_NOFILE is higher than minidock's own")


@pytest.mark.parametrize(("user", "cause"), [("bob", "has no bob, but root"), ("0:crew", "has no crew, but root")])
def test_whom_the_image_knows_is_told(minidock: Minidock, user: str, cause: str) -> None:
    """rights.no-such-user"""
    explained(minidock("run", "--rm", "-u", user, "busybox", "true").stderr, cause)


def test_an_image_that_knows_nobody_is_told(bundle: Bundle) -> None:
    bundle.process["user"] = {"username": "bob"}
    (bundle.rootfs / "etc/passwd").unlink()
    explained(bundle.run().stderr, "the image has no /etc/passwd")


def test_a_user_that_the_containers_namespace_does_not_have_is_found(open_bundle: Bundle) -> None:
    """rights.unmapped-id"""
    open_bundle.map_users(size=1000).process["user"] = {"uid": 5000, "gid": 0}
    explained(open_bundle.run().stderr, "uid 5000 does not exist", "0 to 999")


def test_a_capability_that_the_kernel_does_not_know_is_found() -> None:
    """rights.unknown-capability: one of a kernel of the future"""
    step = identity.Capabilities({name: [] for name in ("effective", "permitted", "inheritable", "ambient")})
    step.numbers["ambient"] = {63}
    failed = of_step(step)
    assert "and 63 is asked for" in failed.finding["cause"]


# Filters --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("call", "number"), [("bpf", errno.EPERM), ("unshare", errno.EPERM), ("fsopen", errno.ENOSYS)])
def test_a_filter_that_minidock_itself_is_under_is_found(minidock: Minidock, call: str, number: int) -> None:
    """filters.seccomp, as most container engines have one"""
    done = minidock("run", "--rm", "--network", "none", "busybox", "true", preexec_fn=poverty.denied(call, number))
    explained(done.stderr, "minidock itself runs under a seccomp filter", call)


def test_a_security_module_is_found_when_nothing_else_forbids_it(tmp_path: Path) -> None:
    """filters.security-module"""

    def confined() -> None:
        poverty.private_mounts()
        target = os.open("/sys/kernel/security", os.O_PATH)
        mounts.attach(mounts.new("securityfs", []), target)
        if "landlock" not in Path("/sys/kernel/security/lsm").read_text():
            pytest.skip("this kernel has no Landlock")
        poverty.landlocked()

    failed = of_step(root.BindRoot(str(tmp_path)), confined)
    assert "(EPERM)" in failed.message
    assert "a security module of the kernel does, " in failed.finding["cause"] and "landlock" in failed.finding["cause"]


# And otherwise --------------------------------------------------------------------------------------------


def test_what_an_image_calls_its_files_cannot_play_tricks_on_the_terminal(minidock: Minidock, programs: Path) -> None:
    program(programs, "it", b"#!/no\x1b[2J\n")
    said = run(minidock, programs, "busybox", "/p/it").stderr
    explained(said, r"/no\x1b[2J")
    assert "\x1b" not in said


def test_where_no_cause_is_found_the_hint_stays(minidock: Minidock) -> None:
    done = minidock("run", "--rm", "--entrypoint", "nosuch", "busybox")
    assert [*found(done.stderr)] == ["hint"]


def test_a_container_that_could_not_be_started_leaves_no_process(minidock: Minidock, programs: Path) -> None:
    program(programs, "it", b"nothing")
    assert minidock("run", "-d", "--name", "box", "-v", f"{programs}:/p", "busybox", "/p/it").returncode == 126
    wait_until(lambda: "minidock:init" not in _names() and "exec" not in _names(), "that nobody waits")


def _names() -> set[str]:
    return set(
        subprocess.run(["ps", "-o", "comm=", "--ppid", str(os.getpid())], capture_output=True, text=True).stdout.split()
    )
