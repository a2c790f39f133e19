"""A container twice: by the script of `minidock plan --format sh`, and by minidock; and what is known of both."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from minidock.kernel import cgroups
from tests.integration import facts
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
NAMESPACES = ("pid", "network", "mount", "uts", "ipc", "cgroup", "user", "time")
AWKWARD = 'it\'s\na "$(touch /tmp/minidock-was-here)" `id` ;& $HOME \\ INSIDE\nINSIDE\n#x'


def alone(flags: str) -> list[str]:
    """Flags, for a container that is in no network."""
    return ["--network", "none", *flags.split()]


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
            "namespaces": {kind: facts.namespace(self.pid, kind) != self._host[kind] for kind in NAMESPACES},
            "status": {name: status[name] for name in _STATUS},
            "limits": (proc / "limits").read_text().splitlines(),
            "oom": (proc / "oom_score_adj").read_text(),
            "environment": sorted(environment),
            "mounts": [self._mount(line) for line in (proc / "mountinfo").read_text().splitlines()],
            "descriptors": sorted(os.listdir(proc / "fd")),
            "cwd": os.readlink(proc / "cwd"),
            "leads its session": os.getsid(self.pid) == self.pid,
            "cgroup": {path.name: read(path) for path in sorted(Path(self.group).iterdir()) if _is_limit(path.name)},
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


def read(path: Path) -> str:
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
    return {kind: facts.namespace("self", kind) for kind in NAMESPACES}


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


def assert_same(minidock: Minidock, directory: Path, flags: list[str]) -> None:
    """What is known of both from outside, in /proc and in the cgroup, and what the program in them sees."""
    words = [*flags, "busybox", "sh", "-c", PROBE]
    mine, theirs = by_script(minidock, directory, *words), by_minidock(minidock, *words)
    assert {
        facility: different(mine[facility], fact) for facility, fact in theirs.items() if mine[facility] != fact
    } == {}
