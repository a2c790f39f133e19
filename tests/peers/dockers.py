"""A Docker of the tests' own: Debian's dockerd and containerd, started by hand, gone without a trace afterwards.

It has its own directories, socket, cgroup, configuration and network namespace: what it makes of links, rules and
ports is seen by nobody else, so a Docker that serves this machine is not disturbed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Protocol

from tests.waiting import wait_until

CLIENT, DAEMON, CONTAINERD = Path("/usr/bin/docker"), Path("/usr/sbin/dockerd"), Path("/usr/bin/containerd")
DEBIAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}  # Debian's runc and shim, whatever else is installed
# Its directories, each in its place; and no part of it that serves Kubernetes.
_CONTAINERD = """\
version = 2
root = "{0}/containerd"
state = "{0}/containerd.run"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[plugins."io.containerd.internal.v1.opt"]
path = "{0}/opt"
"""
# Where both make something for sockets, whatever they are told; innermost first.
_FIXED = tuple(map(Path, ("/run/containerd/s", "/run/containerd", "/run/docker/plugins", "/run/docker")))
_PATIENCE = 60.0  # for a daemon that starts or ends


class Inside(Protocol):
    """A network namespace: what stands before a command that is to be in it."""

    inside: list[str]


class CannotRun(Exception):
    """Docker's daemon is missing, or refuses to start here."""


class Docker:
    """The two daemons. `socket` is where the command `docker` finds them."""

    def __init__(self, place: Path, space: Inside | None = None) -> None:
        self.place = place
        self.inside = space.inside if space else []  # without one: on the network that the tests are on
        self.socket = f"unix://{place}/docker.sock"
        self.root = place / "data"
        self.group = f"minidock-{os.getpid()}-docker"
        self._not_there_before = [directory for directory in _FIXED if not directory.exists()]
        self._daemons: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self.place.mkdir()
        for program in (CLIENT, DAEMON, CONTAINERD):
            if not program.exists():
                raise CannotRun(f"{program} is missing: apt-get install docker.io")
        (self.place / "daemon.json").write_text("{}\n")
        (self.place / "containerd.toml").write_text(_CONTAINERD.format(self.place))
        # Given its socket, dockerd does not go looking for a containerd that may serve somebody else.
        address = f"{self.place}/containerd.sock"
        self._daemon(CONTAINERD, "--config", f"{self.place}/containerd.toml", "--address", address)
        self._wait_for(Path(address))
        self._daemon(DAEMON, *self._options(address))
        self._wait_for(self.place / "docker.sock")

    def _options(self, containerd: str) -> list[str]:
        place = self.place
        return [
            *("--config-file", f"{place}/daemon.json", "--containerd", containerd, "--host", self.socket),
            *("--data-root", str(self.root), "--exec-root", f"{place}/exec", "--pidfile", f"{place}/docker.pid"),
            *("--storage-driver", "overlay2"),
            *("--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", f"/{self.group}"),
        ]

    def _daemon(self, program: Path, *words: str) -> None:
        """A daemon that ends when the tests do, whatever ends them."""
        with (self.place / f"{program.name}.log").open("wb") as log:
            command = [*self.inside, "setpriv", "--pdeathsig", "TERM", str(program), *words]
            self._daemons.append(subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **DEBIAN}))

    def _wait_for(self, socket: Path) -> None:
        daemon, deadline = self._daemons[-1], time.monotonic() + _PATIENCE
        while not socket.exists():
            if daemon.poll() is not None or time.monotonic() > deadline:
                raise CannotRun(f"{socket.name} never came: {self._last_words()}")
            time.sleep(0.02)

    def _last_words(self) -> str:
        """The last line that any of the daemons logged."""
        lines = [line for log in sorted(self.place.glob("*.log")) for line in log.read_text().splitlines()]
        return lines[-1] if lines else "it said nothing"

    def end(self) -> None:
        """End what was started, and remove all that it made. Safe to call twice."""
        for daemon in reversed(self._daemons):
            daemon.terminate()
            try:
                daemon.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self._daemons.clear()
        for process in self._others():
            os.kill(process, signal.SIGKILL)
        for mounted in reversed(self._mounts()):
            subprocess.run(["umount", "--lazy", mounted], check=True)
        for group in self._groups():
            wait_until(partial(_is_removed, group), f"the end of {group}")
        shutil.rmtree(self.place)
        for directory in self._not_there_before:
            if directory.is_dir() and not any(directory.iterdir()):
                directory.rmdir()

    def _others(self) -> Iterable[int]:
        """Shims that serve containers: they outlive the daemons, and were told this place by their command line."""
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = file.read_bytes()
            except OSError:  # it has ended meanwhile
                continue
            if f"{self.place}/containerd.sock".encode() in command.split(b"\0"):
                yield int(file.parent.name)

    def _mounts(self) -> list[str]:
        places = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        return [place for place in places if place.startswith(f"{self.place}/")]

    def _groups(self) -> Iterable[Path]:
        """Its cgroups, in each hierarchy, innermost first."""
        roots = Path("/sys/fs/cgroup").glob(f"**/{self.group}")
        return [group for root in roots for group in (*sorted(root.rglob("*/"), reverse=True), root)]


def _is_removed(group: Path) -> bool:
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:  # a process of it is about to end
        return False
    return True
