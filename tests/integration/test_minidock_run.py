"""`minidock run`, `minidock plan`: the command that people type, started as they start it."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from minidock.kernel import cgroups
from tests.integration.facts import fields, status
from tests.integration.minidocks import PROJECT, Minidock
from tests.waiting import wait_until

INIT = Path("/usr/bin/tini-static")
# What the start of a container must not load: each costs milliseconds, and together half a container.
SLOW = {
    *(
        "argparse",
        "collections",
        "contextlib",
        "ctypes",
        "dataclasses",
        "enum",
        "functools",
        "hashlib",
        "inspect",
        "json",
    ),
    *("logging", "pathlib", "pyroute2", "random", "re", "shutil", "signal", "socket", "sqlite3", "string"),
    *("subprocess", "tempfile", "textwrap", "threading", "typing", "warnings"),
}


# The program and its end ----------------------------------------------------------------------------------


def test_a_container_says_hi(minidock: Minidock) -> None:
    done = minidock("run", "--rm", "busybox", "echo", "hi")
    assert (done.returncode, done.stdout, done.stderr) == (0, "hi\n", "")


def test_a_missing_busybox_is_built_on_the_spot_and_says_so(tmp_path: Path) -> None:
    fresh = Minidock(tmp_path)
    done = fresh("run", "--rm", "busybox", "echo", "hi")
    assert (done.returncode, done.stdout) == (0, "hi\n")
    assert "building it" in done.stderr
    assert fresh("run", "--rm", "busybox", "echo", "hi").stderr == ""
    assert fresh.remains() == []


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["busybox", "sh", "-c", "exit 7"], 7, ""),
        (["busybox", "nosuch"], 127, '"nosuch": executable file not found in $PATH'),
        (["busybox", "/nosuch"], 127, "no such file"),
        (["busybox", "/etc"], 126, "is a directory"),
        (["busybox", "/etc/passwd"], 126, "permission denied"),
        (["nosuch"], 125, "Unable to find image 'nosuch:latest' locally"),
        (["NOSUCH"], 125, "must be lowercase"),
        (["--nosuch", "busybox"], 125, "Run 'minidock run --help' for more information"),
        (["-u", "nosuch", "busybox", "true"], 125, "unable to find user nosuch"),
        (["-it", "busybox", "true"], 1, "the input device is not a TTY"),
    ],
)
def test_exit_codes_are_dockers(minidock: Minidock, words: list[str], code: int, says: str) -> None:
    done = minidock("run", "--rm", *words)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_the_images_own_command_runs_when_none_is_given(minidock: Minidock) -> None:
    assert minidock.output("-i", "busybox", stdin=None, input="echo $((6 * 7))\n") == "42\n"


def test_without_i_the_program_has_no_input(minidock: Minidock) -> None:
    assert minidock.output("busybox", "cat", stdin=None, input="secret") == ""
    assert minidock.output("-i", "busybox", "cat", stdin=None, input="said") == "said"


def test_an_entrypoint_takes_the_place_of_the_images(minidock: Minidock) -> None:
    assert minidock.output("--entrypoint", "echo", "busybox", "a", "b") == "a b\n"


def test_the_environment_is_dockers_and_what_was_asked_for(minidock: Minidock) -> None:
    environment = {**minidock.environment, "MINE": "from outside"}
    words = ("-e", "A=B", "-e", "MINE", "-h", "box", "busybox", "env")
    shown = dict(line.split("=", 1) for line in minidock.output(*words, env=environment).splitlines())
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    wanted = {"PATH": path, "HOSTNAME": "box", "A": "B", "MINE": "from outside", "HOME": "/root"}
    assert {key: shown[key] for key in wanted} == wanted
    assert not [key for key in shown if key.startswith("MINIDOCK")]


def test_a_signal_to_the_command_reaches_the_program(minidock: Minidock) -> None:
    script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done"
    process = minidock.start("run", "--rm", "busybox", "sh", "-c", script, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 9
    process.stdout.close()


# A terminal -----------------------------------------------------------------------------------------------


class Terminal:
    """A terminal that a person would sit at, with the command in it."""

    def __init__(self, minidock: Minidock, *words: str) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", 33, 77, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.seen = ""
        self.process = minidock.start(
            *("run", "--rm", *words), stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True
        )

    def until(self, text: str) -> str:
        """Everything shown until a text appears."""
        deadline = time.monotonic() + 60
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"{text!r} was never shown: {self.seen!r}"
            self.seen += os.read(self.master, 4096).decode()
        return self.seen

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal(minidock: Minidock) -> Generator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def make(*words: str) -> Terminal:
        opened.append(Terminal(minidock, *words))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def test_it_gives_a_true_terminal_of_the_same_size(terminal: Callable[..., Terminal]) -> None:
    script = "tty; stty size; echo TERM=$TERM; test -t 0 && test -t 1 && test -t 2 && echo all; echo done; exit 3"
    shown = terminal("-it", "busybox", "sh", "-c", script)
    text = shown.until("done\r\n")
    assert shown.process.wait(60) == 3
    assert "TERM=xterm\r\nall\r\n" in text
    assert "/dev/console\r\n" in text or "/dev/pts/0\r\n" in text
    assert "33 77\r\n" in text


def test_what_is_typed_arrives_and_ctrl_c_is_felt_inside(terminal: Callable[..., Terminal]) -> None:
    script = "trap 'echo felt; exit 5' INT; echo ready; read x; echo got $x; while :; do sleep 0.1; done"
    shown = terminal("-it", "busybox", "sh", "-c", script)
    shown.until("ready")
    shown.type("words\r")
    shown.until("got words")
    shown.type("\x03")
    shown.until("felt")
    assert shown.process.wait(60) == 5


def test_the_terminal_is_given_back_as_it_was(terminal: Callable[..., Terminal]) -> None:
    shown = terminal("-it", "busybox", "sh", "-c", "echo ready; read x")
    shown.until("ready")
    wait_until(lambda: termios.tcgetattr(shown.slave) != shown.before)
    shown.type("\r")
    assert shown.process.wait(60) == 0
    assert termios.tcgetattr(shown.slave) == shown.before


def test_a_terminal_for_the_output_alone_has_the_right_size(terminal: Callable[..., Terminal]) -> None:
    shown = terminal("-t", "busybox", "sh", "-c", "stty size; echo done")
    assert shown.until("done").split() == ["33", "77", "done"]
    assert shown.process.wait(60) == 0


# Who, where, and what it sees -----------------------------------------------------------------------------


def test_the_working_directory_is_made_if_the_image_lacks_it(minidock: Minidock) -> None:
    assert minidock.output("-w", "/not/there", "busybox", "pwd") == "/not/there\n"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("nobody", "uid=65534(nobody) gid=65534(nobody)"),
        ("1234:5678", "uid=1234 gid=5678"),
        ("www-data:mail", "uid=33(www-data) gid=8(mail)"),
    ],
)
def test_a_user_is_whom_the_image_knows_by_that_name(minidock: Minidock, user: str, expected: str) -> None:
    assert minidock.output("-u", user, "busybox", "id").startswith(expected)


def test_an_ordinary_user_has_no_capabilities(minidock: Minidock) -> None:
    found = fields(minidock.output("-u", "nobody", "busybox", "cat", "/proc/self/status"))
    assert (found["CapEff"], found["CapPrm"], found["CapAmb"]) == ("0" * 16,) * 3
    assert found["CapBnd"] == "00000000a80425fb"


def test_the_host_name_is_the_short_id_or_what_was_asked_for(minidock: Minidock) -> None:
    script = "hostname; cat /etc/hostname"
    own, file = minidock.output("busybox", "sh", "-c", script).split()
    assert own == file and len(own) == 12 and int(own, 16) >= 0
    assert minidock.output("--hostname", "box", "busybox", "sh", "-c", script).split() == ["box", "box"]


def test_hosts_and_resolv_conf_are_the_containers_own_and_can_be_changed(minidock: Minidock) -> None:
    script = "echo '10.0.0.1 there' >> /etc/hosts && tail -1 /etc/hosts && head -1 /etc/hosts && cat /etc/resolv.conf"
    shown = minidock.output("busybox", "sh", "-c", script)
    assert shown.startswith("10.0.0.1 there\n127.0.0.1\tlocalhost\n")
    assert "nameserver" in shown


def test_a_bind_shows_the_hosts_files_and_read_only_is_meant(minidock: Minidock, tmp_path: Path) -> None:
    (tmp_path / "here").write_text("from outside\n")
    assert minidock.output("-v", f"{tmp_path}:/data", "busybox", "cat", "/data/here") == "from outside\n"
    minidock.output("-v", f"{tmp_path}:/data", "busybox", "sh", "-c", "echo inside > /data/there")
    assert (tmp_path / "there").read_text() == "inside\n"
    refused = minidock("run", "--rm", "-v", f"{tmp_path}:/data:ro", "busybox", "touch", "/data/x")
    assert refused.returncode == 1
    assert "Read-only file system" in refused.stderr


def test_a_file_is_bound_as_a_file(minidock: Minidock, tmp_path: Path) -> None:
    (tmp_path / "here").write_text("one file\n")
    assert minidock.output("-v", f"{tmp_path}/here:/a/b/c:ro", "busybox", "cat", "/a/b/c") == "one file\n"


def test_a_directory_that_the_host_lacks_is_made(minidock: Minidock, tmp_path: Path) -> None:
    minidock.output("-v", f"{tmp_path}/new/one:/data", "busybox", "touch", "/data/x")
    assert (tmp_path / "new/one/x").exists()


def test_read_only_is_meant_for_what_is_mounted_below(minidock: Minidock, tmp_path: Path) -> None:
    below = tmp_path / "below"
    below.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "minidock-test", str(below)], check=True)
    try:
        refused = minidock("run", "--rm", "-v", f"{tmp_path}:/data:ro", "busybox", "touch", "/data/below/x")
    finally:
        subprocess.run(["umount", str(below)], check=True)
    assert "Read-only file system" in refused.stderr


def test_a_slave_sees_what_is_mounted_on_the_host_later(minidock: Minidock, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    (shared / "later").mkdir(parents=True)
    refused = minidock("run", "--rm", "-v", f"{shared}:/data:rslave", "busybox", "true")
    words = ("mount", "--bind", "--make-private", str(shared), str(shared))
    subprocess.run(words, check=True)
    subprocess.run(["mount", "--make-shared", str(shared)], check=True)
    process = None
    try:
        script = "echo ready; read x; cat /data/later/file"
        process = minidock.start(
            *("run", "--rm", "-i", "-v", f"{shared}:/data:rslave", "busybox", "sh", "-c", script),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        subprocess.run(["mount", "-t", "tmpfs", "minidock-test", str(shared / "later")], check=True)
        (shared / "later/file").write_text("spread\n")
        assert process.communicate("\n", 60)[0] == "spread\n"
    finally:
        if process is not None and process.poll() is None:
            process.kill()
        subprocess.run(["umount", "-R", str(shared)], check=True)
    if refused.returncode:  # on a host whose root is shared it is no mistake
        assert "is not a shared or slave mount" in refused.stderr


def test_a_read_only_root_cannot_be_written_but_a_tmpfs_on_it_can(minidock: Minidock) -> None:
    script = "touch /tmp/x && echo tmpfs; touch /x || echo root; echo x >> /etc/hosts || echo hosts; : > /dev/null"
    done = minidock("run", "--rm", "--read-only", "--tmpfs", "/tmp:size=1m", "busybox", "sh", "-c", script)
    assert done.stdout.split() == ["tmpfs", "root", "hosts"]


def test_a_tmpfs_has_the_options_it_was_given(minidock: Minidock) -> None:
    script = "grep ' /t ' /proc/mounts; stat -c %a /t"
    shown = minidock.output("--tmpfs", "/t:size=1m,mode=700,exec", "busybox", "sh", "-c", script)
    mount, mode = shown.splitlines()
    assert mount.startswith("tmpfs /t tmpfs ") and mode == "700"
    options = mount.split()[3].split(",")
    assert {"rw", "nosuid", "nodev", "size=1024k"} <= set(options) and "noexec" not in options


def test_shared_memory_has_the_size_that_was_asked_for(minidock: Minidock) -> None:
    assert "size=2048k" in minidock.output("--shm-size", "2m", "busybox", "grep", "/dev/shm", "/proc/mounts")
    assert "size=65536k" in minidock.output("busybox", "grep", "/dev/shm", "/proc/mounts")


def test_the_root_directory_has_the_images_mode_whatever_the_umask(minidock: Minidock) -> None:
    words = ("run", "--rm", "-u", "nobody", "busybox", "sh", "-c", "stat -c %a / /etc/hosts; cat /etc/hosts >/dev/null")
    done = minidock(*words, umask=0o077)
    assert (done.stdout.split(), done.returncode) == (["755", "644"], 0), done.stderr


# Namespaces -----------------------------------------------------------------------------------------------

KINDS = {"pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts", "cgroupns": "cgroup"}


def namespaces_of(minidock: Minidock, *words: str) -> dict[str, str]:
    shown = minidock.output(
        *words, "busybox", "ls", "-l", *(f"/proc/self/ns/{kind}" for kind in (*KINDS.values(), "mnt"))
    )
    links = (line.rpartition(" -> ") for line in shown.splitlines())
    return {left.rpartition("/")[2]: target for left, _, target in links}


def test_every_namespace_is_the_containers_own(minidock: Minidock) -> None:
    for kind, found in namespaces_of(minidock).items():
        assert found != os.readlink(f"/proc/self/ns/{kind}")


@pytest.mark.parametrize("flag", KINDS)
def test_a_namespace_can_be_the_hosts(minidock: Minidock, flag: str) -> None:
    found = namespaces_of(minidock, f"--{flag}", "host")
    shared = {kind for kind, target in found.items() if target == os.readlink(f"/proc/self/ns/{kind}")}
    assert shared == {KINDS[flag]}


def test_without_a_network_there_is_only_loopback(minidock: Minidock) -> None:
    assert minidock.output("--network", "none", "busybox", "ls", "/sys/class/net") == "lo\n"
    assert "127.0.0.1" in minidock.output("busybox", "ip", "addr", "show", "lo", "up")


def test_the_hosts_network_brings_the_hosts_name_and_names(minidock: Minidock) -> None:
    script = "hostname; cat /etc/resolv.conf"
    shown = minidock.output("--network", "host", "busybox", "sh", "-c", script)
    resolv_conf = Path("/etc/resolv.conf")
    assert shown == f"{os.uname().nodename}\n" + (resolv_conf.read_text() if resolv_conf.exists() else "")


# Rights ---------------------------------------------------------------------------------------------------


def test_capabilities_and_filter_are_dockers(minidock: Minidock) -> None:
    found = fields(minidock.output("busybox", "cat", "/proc/self/status"))
    assert [found[f"Cap{name}"] for name in ("Eff", "Prm", "Bnd")] == ["00000000a80425fb"] * 3
    assert [found[f"Cap{name}"] for name in ("Inh", "Amb")] == ["0" * 16] * 2
    assert (found["Seccomp"], found["NoNewPrivs"]) == ("2", "0")


@pytest.mark.parametrize(
    ("words", "effective"),
    [
        (["--cap-add", "net_admin"], "00000000a80435fb"),
        (["--cap-drop", "CAP_CHOWN"], "00000000a80425fa"),
        (["--cap-drop", "ALL"], "0000000000000000"),
        (["--cap-drop", "ALL", "--cap-add", "NET_BIND_SERVICE"], "0000000000000400"),
    ],
)
def test_capabilities_are_added_and_dropped(minidock: Minidock, words: list[str], effective: str) -> None:
    found = fields(minidock.output(*words, "busybox", "cat", "/proc/self/status"))
    assert (found["CapEff"], found["CapBnd"]) == (effective, effective)


def test_an_unknown_capability_is_refused_with_a_hint(minidock: Minidock) -> None:
    done = minidock("run", "--rm", "--cap-add", "NET_ADMN", "busybox", "true")
    assert done.returncode == 125
    assert 'unknown capability: "CAP_NET_ADMN"' in done.stderr and "CAP_NET_ADMIN" in done.stderr


def test_privileged_lifts_every_barrier(minidock: Minidock) -> None:
    script = "cat /proc/self/status; test -c /dev/kmsg && echo kmsg; mount -t tmpfs t /mnt && echo mounted; "
    script += "grep -E ' (/sys|/sys/fs/cgroup|/proc/[a-z]+) ' /proc/mounts"
    shown = minidock.output("--privileged", "busybox", "sh", "-c", script)
    ours = status("self")
    found = fields(shown)
    assert (found["CapEff"], found["Seccomp"]) == (ours["CapBnd"], ours["Seccomp"])
    assert "kmsg\nmounted\n" in shown
    mounts = [line.split() for line in shown.splitlines() if line.startswith(("sysfs", "cgroup", "proc"))]
    assert {fields[1] for fields in mounts} == {"/sys", "/sys/fs/cgroup"}
    assert all(fields[3].startswith("rw,") for fields in mounts)


def test_no_new_privileges_are_none(minidock: Minidock) -> None:
    words = ("--security-opt", "no-new-privileges", "busybox", "cat", "/proc/self/status")
    found = fields(minidock.output(*words))
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")


def test_the_filter_can_be_left_out_or_come_from_a_file(minidock: Minidock, tmp_path: Path) -> None:
    ours = status("self")["Seccomp"]
    words = ("busybox", "sh", "-c", "cat /proc/self/status; chmod 700 /tmp || echo refused")
    bare = minidock.output("--security-opt", "seccomp=unconfined", *words)
    assert fields(bare)["Seccomp"] == ours and "refused" not in bare
    calls = ["chmod", "fchmodat", "fchmodat2"]
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": calls, "action": "SCMP_ACT_ERRNO"}]}
    (tmp_path / "profile.json").write_text(json.dumps(profile))
    assert "refused" in minidock.output("--security-opt", f"seccomp={tmp_path}/profile.json", *words)


def test_a_device_is_there_as_far_as_it_was_given(minidock: Minidock) -> None:
    script = "stat -c %t:%T /dev/log0; : > /dev/log0 && echo written; cat < /dev/log0 2>&1 | head -1"
    given = minidock("run", "--rm", "--device", "/dev/kmsg:/dev/log0:w", "busybox", "sh", "-c", script)
    assert given.stdout.split() == ["1:b", "written"]
    assert "Operation not permitted" in given.stderr


def test_a_device_that_was_not_given_cannot_be_opened(minidock: Minidock) -> None:
    refused = minidock("run", "--rm", "busybox", "sh", "-c", "mknod /tmp/k c 1 11 && : > /tmp/k")
    assert "Operation not permitted" in refused.stderr


def test_an_init_is_process_1_and_answers_for_the_program(minidock: Minidock) -> None:
    if not INIT.exists():
        refused = minidock("run", "--rm", "--init", "busybox", "true")
        assert (refused.returncode, "apt-get install tini" in refused.stderr) == (125, True)
        return
    shown = minidock.output("--init", "busybox", "sh", "-c", "echo $$; tr '\\0' ' ' < /proc/1/cmdline")
    pid, first = shown.splitlines()
    assert int(pid) > 1 and first.startswith("init -- ")
    assert minidock("run", "--rm", "--init", "busybox", "sh", "-c", "kill -9 $$").returncode == 137


def test_sysctls_are_set_and_docker_s_own_are_there(minidock: Minidock) -> None:
    names = ("net.ipv4.ip_forward", "net.ipv4.ip_unprivileged_port_start", "kernel.msgmax")
    script = f"sysctl -n {' '.join(names)}"
    words = ("--sysctl", "net.ipv4.ip_forward=1", "--sysctl=kernel.msgmax=65000", "busybox", "sh", "-c", script)
    assert minidock.output(*words).split() == ["1", "0", "65000"]


def test_limits_of_processes_are_set(minidock: Minidock) -> None:
    script = "ulimit -Sn; ulimit -Hn; ulimit -c; cat /proc/self/oom_score_adj"
    words = ("--ulimit", "nofile=100:200", "--ulimit", "core=0", "--oom-score-adj", "77", "busybox", "sh", "-c", script)
    assert minidock.output(*words).split() == ["100", "200", "0", "77"]


@pytest.mark.parametrize(
    ("words", "file", "content"),
    [
        (["-m", "64m", "--memory-reservation", "32m"], "memory.max", str(64 << 20)),
        (["-m", "64m", "--memory-reservation", "32m"], "memory.low", str(32 << 20)),
        (["--cpus", "0.5"], "cpu.max", "50000 100000"),
        (["--cpu-shares", "1024"], "cpu.weight", "100"),
        (["--cpuset-cpus", "0"], "cpuset.cpus", "0"),
        (["--pids-limit", "12"], "pids.max", "12"),
    ],
)
def test_limits_of_the_container_reach_its_cgroup(
    minidock: Minidock, words: list[str], file: str, content: str
) -> None:
    controller = file.partition(".")[0]
    done = minidock("run", "--rm", *words, "busybox", "cat", f"/sys/fs/cgroup/{file}")
    if done.returncode == 125 and controller in done.stderr:
        pytest.skip(done.stderr.splitlines()[0])
    assert done.stdout.strip() == content, done.stderr


# What is left, and what it costs --------------------------------------------------------------------------


def mounts_of(directory: Path) -> list[str]:
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(directory) in line]


@pytest.mark.parametrize("words", [["busybox", "true"], ["busybox", "nosuch"], ["--sysctl", "net.x=1", "busybox"]])
def test_nothing_is_left_however_it_ends(minidock: Minidock, words: list[str]) -> None:
    minidock("run", "--rm", *words)
    assert minidock.remains() == []
    assert mounts_of(minidock.root) == []


def test_the_cgroup_goes_with_the_container(minidock: Minidock) -> None:
    shown = minidock.output("--cgroupns", "host", "busybox", "grep", "^0::", "/proc/self/cgroup")
    path = shown.strip().removeprefix("0::")
    assert path.startswith("/minidock/") and len(path) == len("/minidock/") + 64
    assert not os.path.exists(cgroups.locate(path))


def test_killing_the_command_leaves_no_mount_and_the_next_command_works(minidock: Minidock) -> None:
    process = minidock.start("run", "--rm", "busybox", "sh", "-c", "echo ready; sleep 1000", stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    (orphan,) = minidock.remains()
    assert (minidock.root / "containers" / orphan).stat().st_mode & 0o077 == 0  # CVE-2021-41091
    process.kill()
    process.wait(60)
    process.stdout.close()
    try:
        assert mounts_of(minidock.root) == []
        assert minidock.output("busybox", "echo", "hi") == "hi\n"
        assert minidock.remains() == [orphan]
    finally:
        minidock.ok("rm", "--force", orphan)


def test_two_containers_at_once_do_not_see_each_other(minidock: Minidock) -> None:
    script = "echo $HOSTNAME > /name; echo ready; read x; cat /name; ls /proc | grep -c '^[0-9]'"
    both = [
        minidock.start(
            *("run", "--rm", "-i", "-h", name, "busybox", "sh", "-c", script),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for name in ("one", "two")
    ]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    told = [process.communicate("\n", 60)[0].split() for process in both]
    assert [words[0] for words in told] == ["one", "two"]
    assert all(int(words[1]) <= 3 for words in told)


def test_a_start_loads_nothing_slow(minidock: Minidock) -> None:
    script = (
        "import sys; sys.path[:0] = sys.argv[1:3]\n"
        "from minidock.cli.main import main\n"
        "code = main(['run', '-e', 'A=B', '-v', '/tmp:/x', '--cap-add', 'NET_ADMIN', 'busybox', 'true'])\n"
        "print(code, *sys.modules)"
    )
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    command = [sys.executable, "-I", "-S", "-c", script, str(PROJECT), packages]
    done = subprocess.run(command, env=minidock.environment, capture_output=True, text=True, check=True)
    code, *loaded = done.stdout.split()
    assert code == "0", done.stderr
    assert SLOW & set(loaded) == set()
    assert "minidock.engine.life.starting" in loaded
    assert "minidock.steps.plan" not in loaded  # that is the monitor's business


# The plan -------------------------------------------------------------------------------------------------


def test_a_plan_is_shown_and_nothing_is_done(minidock: Minidock) -> None:
    done = minidock("plan", "-v", "/nowhere/at/all:/data", "-u", "nobody", "busybox", "echo", "hi")
    assert done.returncode == 0, done.stderr
    assert "execute echo hi" in done.stdout and "show the host's /nowhere/at/all on /data" in done.stdout
    assert not Path("/nowhere").exists()


def test_a_plan_needs_no_root_where_the_image_can_be_read(minidock: Minidock) -> None:
    with tempfile.TemporaryDirectory(prefix="minidock-test-") as directory:
        subprocess.run(["cp", "-r", str(minidock.root), f"{directory}/root"], check=True)
        subprocess.run(["chmod", "-R", "a+rX", directory], check=True)
        environment = {**minidock.environment, "MINIDOCK_ROOT": f"{directory}/root"}
        done = minidock("plan", "--format", "json", "busybox", "true", user=65534, group=65534, env=environment)
    assert done.returncode == 0, done.stderr
    names = [step["name"] for step in json.loads(done.stdout)]
    assert names[0] == "cgroup.create" and names[-1] == "process.exec"


def test_running_without_root_says_what_to_do(minidock: Minidock) -> None:
    done = minidock("run", "--rm", "busybox", "true", user=65534, group=65534)
    assert done.returncode == 125
    assert "try again with sudo" in done.stderr
