"""`minidock plan --format sh`: the script makes the container that `minidock run` makes, as far as the kernel can tell.

Each set of flags is run twice, by the script and by minidock. Limits: tests/integration/test_plan_script.py.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minidock.kernel import cgroups
from minidock.kernel.firewall import Firewall
from tests.integration import facts
from tests.integration.bundles import Bundle
from tests.integration.minidocks import Minidock
from tests.integration.scripts import (
    AWKWARD,
    NAMESPACES,
    PROBE,
    Container,
    alone,
    assert_same,
    host_namespaces,
    running,
    script_of,
)

DATA = "/tmp/minidock-test-data"  # what the sets of flags about binds show
FLAGS = {
    "plain": alone(""),
    "names": alone("--hostname box.example --domainname example --add-host db:10.0.0.7"),
    "capabilities": alone("--cap-drop ALL --cap-add NET_ADMIN"),
    "no capabilities": alone("--cap-drop ALL"),
    "limits of processes": alone("--ulimit nofile=100:200 --ulimit core=-1 --oom-score-adj 77"),
    "tmpfs": alone("--tmpfs /scratch:size=1m,mode=1770 --tmpfs /bare --shm-size 1m"),
    "read-only": alone("--read-only --tmpfs /run"),
    "numbers": alone("--user 1234:777 --group-add 99"),
    "a user of the image": alone("--user daemon"),
    "a user in a group": alone("--user nobody:www-data --workdir /srv/made/here"),
    "no new privileges": alone("--security-opt no-new-privileges --user 1000"),
    "environment": [*alone("--env HOME=/somewhere --env EMPTY= --env"), f"AWKWARD={AWKWARD}"],
    "device": alone("--device /dev/full:/dev/deep/er/full:rw --device /dev/zero:/dev/also"),
    "sysctl": alone("--sysctl net.ipv4.ip_unprivileged_port_start=99 --sysctl kernel.msgmax=9000"),
    "privileged": alone("--privileged"),
    "the host's": ["--network", "host", "--uts", "host", "--ipc", "host", "--cgroupns", "host"],
    "the host's processes": alone("--pid host"),
    "bridge": ["--network", "bridge", "--publish", "8080:80"],
    "binds": alone(
        f"-v {DATA}:/data -v {DATA}/file:/etc/app/file:ro -v kept:/kept "
        f"--mount type=bind,src={DATA},dst=/ro,readonly "
        f"--mount type=bind,src={DATA},dst=/one,bind-recursive=disabled"
    ),
    "binds that spread": alone(f"-v {DATA}/shared:/slave:rslave -v {DATA}/shared:/shared:rshared"),
    "awkward names": [
        *alone("-v"),
        f"{DATA}/{AWKWARD.replace('/', '-')}:/srv/{AWKWARD.replace(':', '-')}",
        *("--workdir", f"/work/{AWKWARD}"),
    ],
}


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
    assert_same(minidock, tmp_path, flags)
    assert not Path("/tmp/minidock-was-here").exists()


def _links() -> list[str]:
    lines = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.split()[1].rstrip(":").partition("@")[0] for line in lines]


def _rules() -> str:
    return subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout


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


@pytest.mark.parametrize("others", [False, True], ids=["alone", "beside others"])
def test_a_network_that_the_script_makes_on_the_host_goes_with_it(
    minidock: Minidock, tmp_path: Path, *, others: bool
) -> None:
    """It pings the bridge, so all of the wiring is there."""
    Firewall().run("flush ruleset")
    if others:
        minidock.output("busybox", "true")
        facts.eventually(lambda: not [name for name in _links() if name.startswith("veth")])  # the end of its cable
    minidock.ok("network", "create", "--subnet", "10.99.7.0/24", "hand")
    for name in [name for name in _links() if name.startswith("br-")]:  # as after a reboot
        subprocess.run(["ip", "link", "delete", name], check=True)
    before = _links(), _rules()
    path, _ = script_of(minidock, tmp_path, "--network", "hand", "busybox", "ping", "-c", "1", "-w", "20", "10.99.7.1")
    done = subprocess.run(["bash", str(path)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0 and "1 packets received" in done.stdout, done.stderr
    assert (_links(), _rules()) == before
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


def test_the_namespaces_of_another_container_are_joined_by_the_script_too(minidock: Minidock, tmp_path: Path) -> None:
    minidock.ok("run", "-d", "--name", "first", "--network", "none", "--ipc", "shareable", "busybox", "sleep", "1000")
    first = int(minidock.ok("inspect", "-f", "{{.State.Pid}}", "first"))
    flags = ("--network", "container:first", "--ipc", "container:first", "--pid", "container:first")
    path, identity = script_of(minidock, tmp_path, *flags, "busybox", "sh", "-c", PROBE)
    with running(["bash", str(path)]) as process:
        container = Container(process, identity, host_namespaces())
        shared = {kind for kind in NAMESPACES if facts.namespace(container.pid, kind) == facts.namespace(first, kind)}
        assert shared == {"network", "ipc", "pid", "user", "time"}
        assert container.end() == 0
