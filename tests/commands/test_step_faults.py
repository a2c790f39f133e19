"""Right after each step of a container with everything, it fails, or one of the two processes is killed.

What is left is taken away by `system check --repair` at the latest, and the same container can be made again. (What
the engine has no flags for, hooks and user namespaces, is tried with bundles: tests/integration/test_faults.py.)
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from socket import if_nameindex

import pytest

from minidock import jsonfile
from minidock.engine.engine import Engine
from minidock.kernel import cgroups
from minidock.kernel.firewall import Firewall
from minidock.kernel.processes import start_time
from minidock.networks.ruleset import listed_ports
from minidock.state import containers
from minidock.steps.step import INSIDE
from tests.integration.minidocks import Minidock
from tests.waiting import wait_until

FAULTY = str(Path(__file__).with_name("faulty.py"))
EVERYTHING = (
    *("--init", "--read-only", "--tmpfs", "/scratch", "-v", "kept:/data", "--device", "/dev/kmsg", "--user", "1000"),
    *("--mount", "type=image,source=busybox,target=/tools", "--ulimit", "nofile=64", "--domainname", "home.test"),
    *("--sysctl", "net.ipv4.ip_forward=1", "--security-opt", "no-new-privileges", "--oom-score-adj", "5", "-t"),
    *("--network", "front", "--network", "back", "-p", "127.0.0.1:8080:80", "-p", "81", "-w", "/scratch/work"),
)
RUN = ("run", "--name", "c1", *EVERYTHING, "busybox", "true")
_PIPES = ("reached", "answered")


class Scene:
    """A command with faults, and what it may leave."""

    def __init__(self, minidock: Minidock, directory: Path) -> None:
        self.minidock = minidock
        self.engine = Engine(str(minidock.root), str(minidock.state))
        self._directory = directory
        for name in _PIPES:
            os.mkfifo(directory / name)
        self._reached, self._answered = (os.open(directory / name, os.O_RDWR) for name in _PIPES)
        self._before = self._facts()

    def close(self) -> None:
        os.close(self._reached)
        os.close(self._answered)
        self.engine.database.close()

    def steps(self) -> list[tuple[str, str]]:
        """Each with its side."""
        planned = jsonfile.parse(self.minidock.ok("plan", "--format", "json", *RUN[1:]))
        return [(step["name"], step["side"]) for step in planned]

    def start(self, mode: str, step: str) -> subprocess.Popen[str]:
        words = [sys.executable, FAULTY, mode, step, str(self._directory), *RUN]
        environment = self.minidock.environment
        return subprocess.Popen(
            words,
            text=True,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def kill_at(self, step: str, *, inside: bool) -> str:
        """Kill the monitor, or the process that becomes the container, when that step has been done."""
        with self.start("wait", step) as command:
            assert select.select([self._reached], [], [], 60)[0], f"{step} was not reached"
            monitor = int(os.read(self._reached, 64))
            victims = cgroups.processes(self._group()) if inside else [monitor]
            for victim in victims:
                os.kill(victim, signal.SIGKILL)
            os.write(self._answered, b"!")
            said = command.communicate(timeout=60)[0]
            _drain(self._answered)
            wait_until(
                lambda: not any(map(start_time, victims)), "the end of whom was killed"
            )  # its files close before
        may_end_well = step == "process.exec"  # from then on it is `true`, and may have ended by itself
        return "" if may_end_well or (victims and command.returncode) else f"it ended well: {said}"

    def _group(self) -> str:
        (row,) = containers.everyone(self.engine.database)
        return cgroups.locate(f"/minidock/{row.id}")

    def left(self, *, repaired: bool) -> list[str]:
        """What is there and was not before, once the container is gone, and what a crash left is repaired."""
        group = self._group()
        findings = self.engine.repair() if repaired else self.engine.check()
        found = [str(finding) for finding in findings if not finding.is_repaired]
        found += [f"{group} is still there"] if os.path.exists(group) else []
        self.engine.remove("c1")
        wait_until(lambda: _links() <= self._before["links"], "the end of its cables")
        facts = self._facts()
        return found + [f"{what}: {facts[what] - had}" for what, had in self._before.items() if facts[what] - had]

    def _facts(self) -> dict[str, set[str]]:
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        return {
            "mounts": {line for line in mounts if str(self.minidock.root) in line},
            "files": set(self.minidock.remains()),
            "links": _links(),
            "ports": _ports(),
        }


def _drain(fd: int) -> None:
    """The one who was to read it may have been killed before."""
    if select.select([fd], [], [], 0)[0]:
        os.read(fd, 64)


def _links() -> set[str]:
    return {name for _, name in if_nameindex()}


def _ports() -> set[str]:
    """Those that lead anywhere, in any table."""
    with Firewall() as firewall:
        return {f"{port.host_port} to {port.address}" for port in listed_ports(firewall.everything())}


@pytest.fixture
def scene(minidock: Minidock, tmp_path: Path) -> Generator[Scene]:
    """With both networks there, and their bridges: these stay."""
    for network in ("front", "back"):
        minidock.ok("network", "create", network)
    minidock.ok("run", "--rm", *RUN[1:])
    made = Scene(minidock, tmp_path)
    yield made
    made.close()
    minidock("rm", "--force", "c1")
    minidock.ok("network", "rm", "front", "back")
    minidock.ok("volume", "rm", "kept")


def _each(scene: Scene, steps: list[str], attempt: Callable[[str], str], *, repaired: bool) -> None:
    """Try it after each step; whatever went wrong, by step. Each attempt is the run that comes after the one before."""
    wrong = {}
    for step in steps:
        if problems := [text for text in (attempt(step), *scene.left(repaired=repaired)) if text]:
            wrong[step] = problems
    assert wrong == {}
    assert scene.minidock.ok("run", "--rm", *RUN[1:]) == ""
    assert scene.minidock.ok("system", "check") == "All is well.\n"


@pytest.mark.timeout(400)
def test_an_error_right_after_any_step_leaves_nothing(scene: Scene) -> None:
    def attempt(step: str) -> str:
        with scene.start("raise", step) as command:
            said = command.communicate(timeout=60)[0]
        return "" if command.returncode == 125 and f"planned to fail after {step}" in said else f"it said: {said}"

    steps = [name for name, _ in scene.steps()]
    assert len(steps) > 55
    _each(scene, steps, attempt, repaired=False)


@pytest.mark.timeout(400)
def test_a_monitor_that_is_killed_right_after_any_step_leaves_nothing_once_it_is_repaired(scene: Scene) -> None:
    steps = [name for name, _ in scene.steps()]
    _each(scene, steps, lambda step: scene.kill_at(step, inside=False), repaired=True)


@pytest.mark.timeout(400)
def test_a_process_inside_that_is_killed_right_after_any_step_it_did_leaves_nothing(scene: Scene) -> None:
    steps = [name for name, side in scene.steps() if side == INSIDE]
    _each(scene, steps, lambda step: scene.kill_at(step, inside=True), repaired=False)
