"""`minidock plan --format sh`: the script makes the container that `minidock run` makes, as far as the kernel can tell.

Each set of flags is run twice, by the script and by minidock; what is known of both from outside, in /proc and in the
cgroup, and what the program in it sees, has to be the same.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from minidock.kernel import cgroups
from tests.integration import facts
from tests.integration.bundles import Bundle
from tests.integration.minidocks import Minidock

# What the program tells of what it sees. It stays until its standard input ends.
PROBE = r"""
say() { echo "== $1"; shift; "$@" 2>&1; }
say hostname hostname
say domainname cat /proc/sys/kernel/domainname
say directory pwd
say user id
say umask umask
say tree sh -c 'find / -xdev | sort'
say devices sh -c 'ls -ln /dev | sed "s/ [A-Z][a-z][a-z] [ 0-9]*:[0-9]* / /"'
say shared sh -c 'ls -ld /dev/shm /dev/mqueue /tmp | sed "s/ [A-Z][a-z][a-z] [ 0-9]*:[0-9]* / /"'
say addresses sh -c 'ip -4 address | grep -v "valid_lft" | sed "s/@if[0-9]*//; s/^[0-9]*:/N:/"; ip route'
say ports cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range
say messages cat /proc/sys/fs/mqueue/msg_max /proc/sys/kernel/msgmax
say resolver cat /etc/resolv.conf /etc/hosts /etc/hostname
say cgroup cat /proc/self/cgroup
say processes sh -c 'if grep -q kthreadd /proc/2/comm; then echo "the host'"'"'s"; else ps -o args; fi'
say kernel sh -c 'ls /proc/sys/kernel >/dev/null; echo 1 > /proc/sys/kernel/msgmax'
echo "== end"
exec cat
"""
_STATUS = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Umask", "NSpid")
_NAMESPACES = ("pid", "network", "mount", "uts", "ipc", "cgroup", "user", "time")
AWKWARD = 'it\'s\na "$(touch /tmp/minidock-was-here)" `id` ;& $HOME \\ INSIDE\nINSIDE\n#x'


class Container:
    """One that runs the probe, whoever made it."""

    def __init__(self, process: subprocess.Popen[str], identity: str, host: dict[str, str]) -> None:
        self.process = process
        self.id = identity
        self._host = host
        self.seen = self._heard()
        self.group = cgroups.locate(f"/minidock/{identity}")
        (self.pid,) = facts.eventually(lambda: [pid for pid in cgroups.processes(self.group) if self._is_last(pid)])

    def _heard(self) -> str:
        assert self.process.stdout
        lines: list[str] = []
        for line in self.process.stdout:
            if line == "== end\n":
                return self._plain("".join(lines))
            lines.append(line)
        raise AssertionError(f"it ended early with {self.process.wait()}: {''.join(lines)}")

    def _is_last(self, pid: int) -> bool:
        """What the probe becomes when it has told all."""
        return Path(f"/proc/{pid}/cmdline").read_text() == "cat\0"

    def _plain(self, text: str) -> str:
        """Without what is one container's own: its id, and where it is on disk."""
        text = text.replace(self.id, "ID").replace(self.id[:12], "ID")
        text = re.sub(r"/(containers|by-hand)/ID", "/PLACE", text)
        return re.sub(r"/PLACE/volumes/(\w+)", r"/volumes/\1/_data", text)  # a volume that is new is the script's own

    def facts(self) -> dict[str, Any]:
        proc = Path(f"/proc/{self.pid}")
        status = facts.status(self.pid)
        status["NSpid"] = str(len(status["NSpid"].split()))
        environment = self._plain((proc / "environ").read_text()).split("\0")
        return {
            "namespaces": {kind: facts.namespace(self.pid, kind) != self._host[kind] for kind in _NAMESPACES},
            "status": {name: status[name] for name in _STATUS},
            "limits": (proc / "limits").read_text().splitlines(),
            "oom": (proc / "oom_score_adj").read_text(),
            "environment": sorted(environment),
            "mounts": [self._mount(line) for line in (proc / "mountinfo").read_text().splitlines()],
            "descriptors": sorted(os.listdir(proc / "fd")),
            "cwd": os.readlink(proc / "cwd"),
            "leads its session": os.getsid(self.pid) == self.pid,
            "cgroup": {path.name: _read(path) for path in sorted(Path(self.group).iterdir()) if _is_limit(path.name)},
            "seen": {section.partition("\n")[0]: section.splitlines() for section in self.seen.split("== ")},
        }

    def _mount(self, line: str) -> str:
        """One mount, without numbers: what of which is shown where, and how."""
        front, _, back = self._plain(line).partition(" - ")
        _, _, _, root, point, options, *spread = front.split(" ")
        kind, source, data = back.split(" ", 2)
        peers = [each.partition(":")[0] for each in spread]
        if kind == "overlay":
            source, data = "", _layers(data)
        return f"{point} <- {root} of {kind} {source} ({options}) {peers} {data}"

    def end(self) -> int:
        assert self.process.stdin
        self.process.stdin.close()
        return self.process.wait(60)


def _layers(data: str) -> str:
    """Of an overlay: fsconfig(2) takes its layers one by one, mount(2) all in one option, and the kernel shows how."""
    lower = re.findall(r"lowerdir\+?=([^,]*)", data)
    others = [option for option in data.split(",") if option.startswith(("upperdir=", "workdir="))]
    return ",".join([":".join(lower), *others])


def _is_limit(name: str) -> bool:
    return name.endswith((".max", ".min", ".low", ".high", ".weight", ".cpus", ".mems", ".burst", ".idle"))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        return str(error.strerror)


def different(mine: Any, theirs: Any) -> Any:
    """What differs between two facts, for a person to read."""
    if isinstance(mine, list) and isinstance(theirs, list):
        return [each for each in mine if each not in theirs], [each for each in theirs if each not in mine]
    if isinstance(mine, dict) and isinstance(theirs, dict):
        return {
            key: different(mine.get(key), theirs.get(key)) for key in theirs | mine if mine.get(key) != theirs.get(key)
        }
    return mine, theirs


def host_namespaces() -> dict[str, str]:
    return {kind: facts.namespace("self", kind) for kind in _NAMESPACES}


@contextmanager
def running(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    streams: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(command, text=True, **streams, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)
        assert process.stdout
        process.stdout.close()


def script_of(minidock: Minidock, directory: Path, *words: str) -> tuple[Path, str]:
    """The script, and the id of the container that it makes."""
    text = minidock.ok("plan", "--format", "sh", *words)
    path = directory / "container.sh"
    path.write_text(text)
    found = re.search(r"/minidock/([0-9a-f]{64})", text)
    assert found
    return path, found[1]


def by_script(minidock: Minidock, directory: Path, *words: str) -> dict[str, Any]:
    path, identity = script_of(minidock, directory, *words)
    with running(["bash", str(path)]) as process:
        container = Container(process, identity, host_namespaces())
        found = container.facts()
        assert container.end() == 0
    assert not Path(container.group).exists()
    assert not (minidock.root / "by-hand").exists()
    return found


def by_minidock(minidock: Minidock, *words: str) -> dict[str, Any]:
    flags = ("--rm", "--interactive", "--name", "twin")
    with minidock.start("run", *flags, *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process_id = facts.eventually(lambda: minidock("ps", "--quiet", "--no-trunc").stdout.strip())
        container = Container(process, process_id, host_namespaces())
        found = container.facts()
        assert container.end() == 0
    return found


FLAGS: dict[str, list[str]] = {
    "plain": ["--network", "none"],
    "names": ["--network", "none", "--hostname", "box.example", "--domainname", "example", "--add-host", "db:10.0.0.7"],
    "capabilities": ["--network", "none", "--cap-drop", "ALL", "--cap-add", "NET_ADMIN"],
    "no capabilities": ["--network", "none", "--cap-drop", "ALL"],
    "limits of processes": [
        "--network",
        "none",
        "--ulimit",
        "nofile=100:200",
        "--ulimit",
        "core=-1",
        "--oom-score-adj",
        "77",
    ],
    "tmpfs": ["--network", "none", "--tmpfs", "/scratch:size=1m,mode=1770", "--tmpfs", "/bare", "--shm-size", "1m"],
    "read-only": ["--network", "none", "--read-only", "--tmpfs", "/run"],
    "numbers": ["--network", "none", "--user", "1234:777", "--group-add", "99"],
    "a user of the image": ["--network", "none", "--user", "daemon"],
    "a user in a group": ["--network", "none", "--user", "nobody:www-data", "--workdir", "/srv/made/here"],
    "no new privileges": ["--network", "none", "--security-opt", "no-new-privileges", "--user", "1000"],
    "environment": ["--network", "none", "--env", f"AWKWARD={AWKWARD}", "--env", "HOME=/somewhere", "--env", "EMPTY="],
    "device": ["--network", "none", "--device", "/dev/full:/dev/deep/er/full:rw", "--device", "/dev/zero:/dev/also"],
    "sysctl": [
        "--network",
        "none",
        "--sysctl",
        "net.ipv4.ip_unprivileged_port_start=99",
        "--sysctl",
        "kernel.msgmax=9000",
    ],
    "privileged": ["--network", "none", "--privileged"],
    "the host's": ["--network", "host", "--uts", "host", "--ipc", "host", "--cgroupns", "host"],
    "the host's processes": ["--network", "none", "--pid", "host"],
    "bridge": ["--network", "bridge", "--publish", "8080:80"],
}
DATA = "/tmp/minidock-test-data"  # what the sets of flags about binds show
FLAGS["binds"] = ["--network", "none", "-v", f"{DATA}:/data", "-v", f"{DATA}/file:/etc/app/file:ro", "-v", "kept:/kept"]
FLAGS["binds"] += [
    "--mount",
    f"type=bind,src={DATA},dst=/ro,readonly",
    "--mount",
    f"type=bind,src={DATA},dst=/one,bind-recursive=disabled",
]
FLAGS["binds that spread"] = [
    "--network",
    "none",
    "-v",
    f"{DATA}/shared:/slave:rslave",
    "-v",
    f"{DATA}/shared:/shared:rshared",
]
FLAGS["awkward names"] = [
    "--network",
    "none",
    "-v",
    f"{DATA}/{AWKWARD.replace('/', '-')}:/srv/{AWKWARD.replace(':', '-')}",
]
FLAGS["awkward names"] += ["--workdir", f"/work/{AWKWARD}"]
if "memory" in cgroups.offered(cgroups.mount_point()):
    FLAGS["cgroup"] = [
        "--network",
        "none",
        "--memory",
        "64m",
        "--pids-limit",
        "50",
        "--cpus",
        "0.5",
        "--cpu-shares",
        "512",
    ]
    FLAGS["memory and swap"] = [
        "--network",
        "none",
        "--memory",
        "64m",
        "--memory-swap",
        "96m",
        "--memory-reservation",
        "8m",
    ]


@pytest.fixture(scope="module", autouse=True)
def data() -> Iterator[None]:
    """A directory of the host with a file system mounted in it, and one that spreads what is mounted in it."""
    shared = f"{DATA}/shared"
    for directory in (f"{DATA}/below", shared):
        os.makedirs(directory)
    Path(DATA, "file").write_text("of the host\n")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nosuid,nodev", "below", f"{DATA}/below"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "shared", shared], check=True)
    subprocess.run(["mount", "--make-shared", shared], check=True)
    yield
    subprocess.run(["umount", f"{DATA}/below", shared], check=True)
    subprocess.run(["rm", "-rf", DATA], check=True)


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
def test_the_script_makes_what_minidock_makes(minidock: Minidock, tmp_path: Path, flags: list[str]) -> None:
    words = [*flags, "busybox", "sh", "-c", PROBE]
    mine, theirs = by_script(minidock, tmp_path, *words), by_minidock(minidock, *words)
    assert {
        facility: different(mine[facility], fact) for facility, fact in theirs.items() if mine[facility] != fact
    } == {}
    assert not Path("/tmp/minidock-was-here").exists()


def _links() -> list[str]:
    lines = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.split()[1].rstrip(":").partition("@")[0] for line in lines]


def _tables() -> str:
    return subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout


# How it ends ----------------------------------------------------------------------------------------------


def run_script(minidock: Minidock, directory: Path, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    path, identity = script_of(minidock, directory, "--network", "none", *words)
    done = subprocess.run(["bash", str(path)], capture_output=True, text=True, check=False, timeout=60, **options)
    assert not Path(cgroups.locate(f"/minidock/{identity}")).exists()
    assert not (minidock.root / "by-hand").exists()
    return done


@pytest.mark.parametrize(
    ("program", "status"),
    [("exit 0", 0), ("exit 42", 42), ("kill -9 $$", 0), ("kill -KILL 1; sleep 9 & kill -9 $!; wait $!", 137)],
)
def test_the_script_ends_as_its_program_does(minidock: Minidock, tmp_path: Path, program: str, status: int) -> None:
    """The first process of a pid namespace does not hear its own SIGKILL."""
    assert run_script(minidock, tmp_path, "busybox", "sh", "-c", program).returncode == status


def test_a_program_that_is_not_there_and_one_that_cannot_be_run_have_the_usual_codes(
    minidock: Minidock, tmp_path: Path
) -> None:
    assert run_script(minidock, tmp_path, "busybox", "no-such-program").returncode == 127
    assert run_script(minidock, tmp_path, "busybox", "/etc/passwd").returncode == 126


def test_the_program_has_the_standard_streams_and_no_more(minidock: Minidock, tmp_path: Path) -> None:
    program = "cat; echo to stderr >&2; ls /proc/$$/fd"
    done = run_script(minidock, tmp_path, "busybox", "sh", "-c", program, input="from stdin\n")
    assert done.stdout.split("\n")[:4] == ["from stdin", "0", "1", "2"]
    assert done.stderr == "to stderr\n"


def test_variables_of_the_caller_mean_nothing_to_the_script(minidock: Minidock, tmp_path: Path) -> None:
    names = ("INIT", "PRIV", "PID", "BORN", "CGROUP", "NEW_TABLE", "JOIN", "UNSHARE", "UNDO", "LAST", "HOST", "WORKDIR")
    environment = {**os.environ, **dict.fromkeys(names, "/nowhere"), "ENVIRONMENT": "A=1", "LC_ALL": "nowhere"}
    done = run_script(minidock, tmp_path, "busybox", "env", env=environment)
    assert done.returncode == 0 and {line.partition("=")[0] for line in done.stdout.splitlines()} == {
        *("PATH", "HOSTNAME", "HOME")
    }


def test_with_an_init_the_program_is_its_child_and_orphans_are_buried(minidock: Minidock, tmp_path: Path) -> None:
    program = (
        "echo $PPID; (sleep 0.01 & echo $! > /tmp/orphan); pid=$(cat /tmp/orphan); sleep 1; ls -d /proc/$pid; exit 7"
    )
    done = run_script(minidock, tmp_path, "--init", "busybox", "sh", "-c", program)
    assert (done.returncode, done.stdout) == (7, "1\n") and "No such file" in done.stderr


def test_words_of_a_command_line_stay_words(minidock: Minidock, tmp_path: Path) -> None:
    words = [AWKWARD, "$(touch /tmp/minidock-was-here)", "", "-x", "'", '"', "\\", "\n", "*", "~", "INSIDE", "\udcff"]
    options = {"errors": "surrogateescape"}
    text = minidock.ok("plan", "--format", "sh", "--network", "none", "busybox", "printf", "%s\\0", *words, **options)
    path = tmp_path / "words.sh"
    path.write_text(text, errors="surrogateescape")
    done = subprocess.run(["bash", str(path)], capture_output=True, check=True)
    assert done.stdout.decode(errors="surrogateescape").split("\0") == [*words, ""]
    assert not Path("/tmp/minidock-was-here").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["terminated", "interrupted"])
def test_ended_in_the_middle_it_leaves_nothing(minidock: Minidock, tmp_path: Path, number: int) -> None:
    before = _links()
    path, identity = script_of(minidock, tmp_path, "busybox", "sh", "-c", "echo here; sleep 1000")
    with running(["bash", str(path)]) as process:
        assert process.stdout and process.stdout.readline() == "here\n"
        process.send_signal(number)
        assert process.wait(60) == 128 + number
    assert not Path(cgroups.locate(f"/minidock/{identity}")).exists()
    assert not (minidock.root / "by-hand").exists()
    assert _links() == before


def test_who_is_not_root_is_told_so(minidock: Minidock) -> None:
    text = minidock.ok("plan", "--format", "sh", "busybox")
    done = subprocess.run(["bash"], input=text, capture_output=True, text=True, check=False, user=65534, group=65534)
    assert done.returncode == 1 and "this needs root: sudo bash" in done.stderr and done.stdout == ""


def test_a_step_that_fails_ends_it_and_what_was_done_is_taken_back(minidock: Minidock, tmp_path: Path) -> None:
    done = run_script(minidock, tmp_path, "-v", "/tmp:/etc/passwd/below", "busybox", "echo", "never")
    assert done.returncode not in (0, 126, 127)
    assert "never" not in done.stdout and "Not a directory" in done.stderr


@pytest.mark.parametrize("row", ["bad:x:evil:0::/:/bin/sh", "bad:x:1:evil::/:/bin/sh", ""])
def test_a_user_whose_number_is_none_is_refused_before_anybody_looks_it_up(
    minidock: Minidock, tmp_path: Path, row: str
) -> None:
    """getpwnam(3) would load what the image's /etc/nsswitch.conf names, as root of the host: CVE-2019-14271."""
    (tmp_path / "passwd").write_text(f"{row}\n")
    done = run_script(
        minidock, tmp_path, "-v", f"{tmp_path}/passwd:/etc/passwd", "-u", "bad", "busybox", "echo", "never"
    )
    assert (done.returncode, done.stdout) == (126, "") and "bad : the container has no such user" in done.stderr


def test_an_image_that_would_have_its_own_code_loaded_into_the_hosts_tools_is_refused(
    minidock: Minidock, tmp_path: Path
) -> None:
    """After pivot_root(2) the C library's loader reads this file in the container's root."""
    (tmp_path / "preload").write_text("/lib/evil.so\n")
    preload = f"{tmp_path}/preload:/etc/ld.so.preload"
    done = run_script(minidock, tmp_path, "-v", preload, "busybox", "echo", "never")
    assert done.returncode != 0 and done.stdout == ""


# Networks and bundles ---------------------------------------------------------------------------------------


def test_a_network_that_the_script_makes_on_the_host_goes_with_it(minidock: Minidock, tmp_path: Path) -> None:
    """It pings the bridge, so all of the wiring is there."""
    minidock.ok("network", "create", "--subnet", "10.99.7.0/24", "hand")
    for name in [name for name in _links() if name.startswith("br-")]:  # as after a reboot
        subprocess.run(["ip", "link", "delete", name], check=True)
    before = _links(), _tables()
    path, _ = script_of(minidock, tmp_path, "--network", "hand", "busybox", "ping", "-c", "1", "-w", "20", "10.99.7.1")
    done = subprocess.run(["bash", str(path)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0 and "1 packets received" in done.stdout, done.stderr
    assert (_links(), _tables()) == before
    minidock.ok("network", "rm", "hand")


def by_hand(bundle: Bundle) -> str:
    """What the program of a bundle prints if it is run by its script."""
    text = bundle.runtime("plan", "--format", "sh", str(bundle.path)).stdout
    done = subprocess.run(["bash"], input=text, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", ["plain", "user", "time", "hooks"])
def test_the_script_of_a_bundle_does_what_the_runtime_does(open_bundle: Bundle, kind: str) -> None:
    report = (
        "id; hostname; cat /proc/self/uid_map /proc/self/mountinfo; ls -ln /dev; grep Cap /proc/1/status; ls / /mnt"
    )
    hide = "s/^[0-9]* [0-9]* [0-9]*:[0-9]* //; s/ [A-Z][a-z][a-z] [ 0-9]*[0-9]:[0-9]* / /; s/master:[0-9]*/master/"
    bundle = open_bundle.script(f"({report}) | sed '{hide}'")
    if kind == "user":
        bundle.map_users()
    elif kind == "time":
        bundle.namespaces(time="")
        bundle.linux["timeOffsets"] = {"boottime": {"secs": 1000000}}
        bundle.script("cut -d . -f 1 /proc/uptime | sed 's/..$//'")
    elif kind == "hooks":
        bundle.hook("createRuntime", f"cat > {bundle.path}/told").hook("startContainer", "cat > /mnt/told-inside")
    ours = by_hand(bundle)
    assert ours == bundle.run().stdout and ours


# A mount namespace that shares all its mounts, as the host of systemd does: what spreads is seen, and harms nobody.
# What others on this host mount meanwhile, in their directories, and what goes with these, is not looked at.
SHARING_HOST = """
ours() {{ grep -E " ({here}[^ ]*|{root}[^ ]*|/|/(proc|sys|dev)[^ ]*) [a-z]" /proc/self/mountinfo | sort -k 5; }}
mount --make-rshared /
mount -t tmpfs below {place}; mount --make-shared {place}
ours > {place}/before
bash {script}
ours | diff {place}/before -
grep -q " {place} " {place}/before
"""


@pytest.mark.parametrize("spread", ["", "rslave", "rshared"])
def test_where_the_hosts_mounts_are_shared_none_comes_and_none_goes(
    minidock: Minidock, tmp_path: Path, spread: str
) -> None:
    """umount(2) of the old root would unmount the host's own as well, if that was still shared."""
    place = tmp_path / "shared"
    place.mkdir()
    shown = ("-v", f"{tmp_path}:/seen:{spread}") if spread else ()
    subprocess.run(["mount", "--bind", str(tmp_path), str(tmp_path)], check=True)
    try:
        subprocess.run(["mount", "--make-shared", str(tmp_path)], check=True)
        path, _ = script_of(minidock, tmp_path, "--network", "none", *shown, "busybox", "cat", "/proc/self/mountinfo")
        host = SHARING_HOST.format(here=tmp_path, root=minidock.root, place=place, script=path)
        command = ["unshare", "--mount", "--propagation", "private", "bash", "-c", host]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "/proc proc" not in done.stdout and " / / " in done.stdout


def test_the_namespaces_of_another_container_are_joined_by_the_script_too(minidock: Minidock, tmp_path: Path) -> None:
    minidock.ok("run", "-d", "--name", "first", "--network", "none", "--ipc", "shareable", "busybox", "sleep", "1000")
    first = int(minidock.ok("inspect", "-f", "{{.State.Pid}}", "first"))
    flags = ("--network", "container:first", "--ipc", "container:first", "--pid", "container:first")
    path, identity = script_of(minidock, tmp_path, *flags, "busybox", "sh", "-c", PROBE)
    with running(["bash", str(path)]) as process:
        container = Container(process, identity, host_namespaces())
        shared = {kind for kind in _NAMESPACES if facts.namespace(container.pid, kind) == facts.namespace(first, kind)}
        assert shared == {"network", "ipc", "pid", "user", "time"}
        assert container.end() == 0
