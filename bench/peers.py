"""The engines and runtimes that are measured, each with images, containers and a state of its own.

All are called with the same words. What is not installed, or does not work on this host, is left out. When it
is over nothing is left of any of them: no process, no mount, no cgroup, no file.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.rounds import OURS, Failed, environment, timed
from minidock.kernel import interfaces, namespaces

PROJECT = Path(__file__).parents[1]
BUILDER = PROJECT / "rootfs-builder/build"
IMAGE = "busybox"
IN_MEMORY = "/dev/shm"
_PATIENCE = 30.0  # seconds
# Podman sets limits that not every host lets it set: cgroup v1's, or those above what it has itself.
_PODMAN_OPTIONS = ("--pids-limit=-1", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1000:1000")
_GROUPS = ("docker", "libpod_parent", "minidock")  # each engine has its cgroups below one


class Peer:
    """One engine or runtime: the beginning of its command lines."""

    def __init__(self, name: str, command: Sequence[str], options: Sequence[str] = (), **more: str) -> None:
        self.name = name
        self.command = list(command)
        self.options = ("--network", "none", *options)  # of `run` and `create`
        self.own_options = tuple(options)
        self.removal: tuple[str, ...] = ("rm", "--force")  # of a container that runs, at once
        self.more = more  # in its environment
        self.daemons: list[int] = []

    def __call__(self, *words: str) -> str:
        """What a command prints; it must succeed."""
        done = subprocess.run(
            [*self.command, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment(self.more),
        )
        if done.returncode:
            raise Failed(f"{self.name} {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def timed(self, *words: str) -> float:
        return timed([*self.command, *words], self.more)

    def run_idle(self, name: str) -> list[str]:
        """The words that start a container which does nothing."""
        return ["run", "--detach", "--name", name, *self.options, IMAGE, "sleep", "3600"]

    def clear(self) -> None:
        """Remove all containers, a hundred at a time: a command line is not endless."""
        ids = self("ps", "--all", "--quiet").split()
        for start in range(0, len(ids), 100):
            self(*self.removal, *ids[start : start + 100])


class Place(NamedTuple):
    """Where engines keep what stays, and what lives until the next boot: that is in memory on most hosts."""

    data: Path
    run: Path


@contextmanager
def _directory(above: str | None = None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="minidock-bench-", dir=above) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def engines(*, networked: bool = False, in_memory: bool = False) -> Iterator[list[Peer]]:
    """Ours and the others, each with an image of Debian's busybox. `networked`: with networks, in a namespace for
    which this process leaves its own for good; else without any. `in_memory`: so that no disk has a say."""
    if os.geteuid() != 0:
        raise SystemExit("only root can start containers: sudo make bench")
    with ExitStack() as stack:
        place = Place(
            stack.enter_context(_directory(IN_MEMORY if in_memory else None)), stack.enter_context(_directory("/run"))
        )
        _adopt_orphans()
        if networked:
            namespaces.unshare("network")
            interfaces.bring_up("lo")
        stack.callback(_leave_nothing, place, _groups())
        archive = place.data / "busybox.tar"
        subprocess.run([BUILDER, IMAGE, "-o", archive], check=True, capture_output=True)
        found = []
        for begin in (_minidock, _docker, _podman):
            peer = stack.enter_context(begin(place, networked))
            if peer and networked:
                peer.options = peer.own_options
            if peer and _is_usable(peer, archive):
                found.append(peer)
                stack.callback(peer.clear)
        yield found


def _is_usable(peer: Peer, archive: Path) -> bool:
    try:
        peer("import", str(archive), IMAGE)
        peer("run", "--rm", *peer.options, IMAGE, "true")
    except Failed as error:
        if peer.name == OURS:
            raise
        print(f"left out, since it fails on this host: {error}")
        return False
    return True


@contextmanager
def _minidock(place: Place, networked: bool) -> Iterator[Peer]:  # noqa: ARG001
    roots = {"MINIDOCK_ROOT": f"{place.data}/minidock", "MINIDOCK_RUN": f"{place.run}/minidock"}
    yield Peer(OURS, [f"{commands(place.data)}/minidock"], **roots)


def commands(directory: Path) -> Path:
    """A directory with our commands as they are installed."""
    subprocess.run([PROJECT / "provision/commands"], check=True, env=environment({"PREFIX": str(directory)}))
    return directory / "bin"


@contextmanager
def _docker(place: Place, networked: bool) -> Iterator[Peer | None]:
    """The client, and a daemon that is started for it. The first command waits until it answers."""
    if not shutil.which("dockerd") or not shutil.which("docker"):
        yield None
        return
    socket = f"unix://{place.run}/docker.sock"
    flags = [f"--data-root={place.data}/docker", f"--exec-root={place.run}/docker", f"--pidfile={place.run}/docker.pid"]
    flags += [f"--host={socket}", "--storage-driver=overlay2"]
    flags += [] if networked else ["--bridge=none", "--iptables=false", "--ip6tables=false"]
    peer = Peer("docker", ["docker", "--host", socket], DOCKER_BUILDKIT="0")  # Debian has no buildx
    with open(place.data / "docker.log", "wb") as log:
        # A session of its own: Ctrl-C is for us, who end it when its containers are gone.
        daemon = subprocess.Popen(["dockerd", *flags], stdout=log, stderr=log, start_new_session=True)
    try:
        if _wait_until(lambda: daemon.poll() is not None or _answers(peer)) and daemon.poll() is None:
            peer.daemons = [daemon.pid, *_children(daemon.pid)]
            yield peer
        else:
            last = (place.data / "docker.log").read_text().splitlines()[-1]
            print(f"left out, since it does not start: dockerd: {last}")
            yield None
    finally:
        daemon.terminate()
        daemon.wait()


def _answers(peer: Peer) -> bool:
    try:
        peer("version")
    except Failed:
        return False
    return True


@contextmanager
def _podman(place: Place, networked: bool) -> Iterator[Peer | None]:  # noqa: ARG001
    """Podman with the runtime that works here: Debian's crun refuses hosts which have both kinds of cgroups."""
    if not shutil.which("podman"):
        yield None
        return
    settings = place.data / "containers.conf"  # locks in files: those in shared memory belong to the host's own podman
    settings.write_text('[engine]\nlock_type = "file"\n')
    flags = [f"--root={place.data}/podman", f"--runroot={place.run}/podman", f"--tmpdir={place.run}/podman-tmp"]
    flags += ["--cgroup-manager=cgroupfs", *(["--runtime=runc"] if _is_hybrid() and shutil.which("runc") else [])]
    peer = Peer("podman", ["podman", *flags], _PODMAN_OPTIONS, CONTAINERS_CONF=str(settings))
    peer.removal = ("rm", "--force", "--time=0")
    yield peer


def _is_hybrid() -> bool:
    return not os.path.exists("/sys/fs/cgroup/cgroup.controllers")


# Cleaning up ---------------------------------------------------------------------------------------------------


def _adopt_orphans() -> None:
    """Whatever outlives its parent becomes our child, so that we know when it has ended. prctl(2)"""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def _groups() -> set[Path]:
    """The cgroups that engines put all of theirs into."""
    places = (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").iterdir())  # version 1 has one tree for each controller
    return {place / name for place in places for name in _GROUPS if (place / name).is_dir()}


def _leave_nothing(place: Place, known_groups: set[Path]) -> None:
    """Engines end their helpers a little late, and leave mounts and empty cgroups behind."""
    _wait_until(lambda: not _bury())
    for pid in _children(os.getpid()):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    for target in reversed(_mounts(place)):
        subprocess.run(["umount", "--lazy", target], check=False)
    for group in _groups() - known_groups:
        for below in [*sorted(group.rglob("*/"), reverse=True), group]:
            _wait_until(lambda below=below: _is_removed(below))  # type: ignore[misc] # called at once


def _bury() -> list[int]:
    """Our children that live, once those that do not are out of the way."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return []
        if not pid:
            return _children(os.getpid())


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _mounts(place: Place) -> list[str]:
    targets = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [target for target in targets if target.startswith((f"{place.data}/", f"{place.run}/"))]


def _is_removed(group: Path) -> bool:
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:  # in use for some moments yet
        return False
    return True


def _wait_until(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return held
