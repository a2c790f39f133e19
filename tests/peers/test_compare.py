"""`minidock compare`, with a real docker and a real runc: differences that are known to be there, and no other ones."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minidock.kernel import cgroups
from tests.integration.keepers import end_keepers
from tests.integration.minidocks import LAUNCH, Minidock
from tests.peers.dockers import CLIENT, DEBIAN, CannotRun, Docker
from tests.peers.spaces import Space


class Beside(Minidock):
    """minidock on a network of its own; what it compares with is found by its environment."""

    def __init__(self, directory: Path, space: Space) -> None:
        super().__init__(directory)
        self.environment = {**self.environment, **DEBIAN}
        self._inside = space.inside

    def __call__(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [*self._inside, *LAUNCH, "minidock.cli.main", *words]
        options = {
            "capture_output": True,
            "text": True,
            "stdin": subprocess.DEVNULL,
            "env": self.environment,
            **options,
        }
        return subprocess.run(command, check=False, **options)

    def differences(self, *words: str) -> dict[tuple[str, str], dict[str, Any]]:
        found = json.loads(self.ok("compare", "--format", "json", *words))
        assert found["same"] > 100
        return {(one["facility"], one["name"]): one for one in found["differences"]}


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("containers need root")
    with tempfile.TemporaryDirectory(prefix="minidock-compare-test-") as directory:
        yield Path(directory)


@pytest.fixture(scope="module")
def alone(place: Path) -> Iterator[Beside]:
    """Without a docker that could be reached."""
    space = Space()
    try:
        made = Beside(place / "minidock", space)
        made.environment["DOCKER_HOST"] = f"unix://{place}/nobody.sock"
        yield made
        assert made.remains() == []
    finally:
        end_keepers(place / "minidock/run")
        space.end()


@pytest.fixture(scope="module")
def docker(place: Path) -> Iterator[Docker]:
    space = Space()
    daemon = Docker(place / "docker", space)
    try:
        daemon.start()
        yield daemon
    except CannotRun as reason:
        pytest.skip(f"Docker cannot run here: {reason}")
    finally:
        daemon.end()
        space.end()


@pytest.fixture
def with_docker(alone: Beside, docker: Docker) -> Iterator[Beside]:
    before = alone.environment
    alone.environment = {**before, "DOCKER_HOST": docker.socket}
    yield alone
    alone.environment = before


def told_docker(docker: Docker, *words: str) -> str:
    command = [str(CLIENT), "--host", docker.socket, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_docker_is_told_the_same_and_both_are_gone_afterwards(with_docker: Beside, docker: Docker) -> None:
    shown = with_docker.ok("compare", "--network", "none", "busybox", "sh")
    assert shown.startswith("--- minidock\n+++ docker 2")
    assert told_docker(docker, "ps", "--all", "--quiet") == "" and told_docker(docker, "images", "--quiet") == ""
    assert with_docker.ok("ps", "--all", "--quiet") == ""


def test_what_was_asked_for_differs_from_docker_in_nothing(with_docker: Beside) -> None:
    """These flags mean for both the same, to the last bit. Where there are cgroups of version 1, docker's container has
    no cgroup namespace."""
    flags = ["--hostname", "box", "--cap-drop", "ALL", "--cap-add", "CHOWN", "--user", "1234:5", "--workdir", "/tmp"]
    flags += ["--security-opt", "no-new-privileges", "--ulimit", "nofile=100:200", "--env", "A=b c", "--read-only"]
    found = with_docker.differences("--network", "none", *flags, "busybox", "sleep", "60")
    alike = {"host name", "capabilities", "user", "environment", "limits of processes", "process", "seccomp"}
    assert {facility for facility, _ in found}.isdisjoint({*alike, "devices", "terminal"}), found
    assert {name for facility, name in found if facility == "namespaces"} <= {"cgroup"}


def test_what_only_one_of_them_does_is_told_with_the_step_that_is_concerned(with_docker: Beside) -> None:
    """Docker of this version leaves /proc/interrupts as it is, and the root a slave of the host's."""
    found = with_docker.differences("--network", "none", "busybox", "sh")
    masked = found["mounts", "/proc/interrupts"]
    assert masked["step"] == "paths.masked" and "null" in masked["minidock"] and masked["theirs"] is None
    root = found["mounts", "/"]
    assert root["step"] == "root.overlay" and root["theirs"] == f"{root['minidock']}, master"
    assert all(one["minidock"] != one["theirs"] for one in found.values())


def test_without_docker_it_is_runc_with_its_own_defaults(alone: Beside) -> None:
    found = alone.differences("--network", "none", "busybox", "sh")
    assert found["host name", "host name"] == {
        "step": "uts.hostname",
        "facility": "host name",
        "name": "host name",
        "minidock": "ID",
        "theirs": "runc",
    }
    assert (found["seccomp", "mode"]["minidock"], found["seccomp", "mode"]["theirs"]) == ("a filter", "off")
    assert found["capabilities", "bounding"]["theirs"] == "KILL NET_BIND_SERVICE AUDIT_WRITE"
    assert found["capabilities", "bounding"]["step"] == "identity.bounding-set"
    assert found["seccomp", "no new privileges"]["step"] is None  # not in the plan of these flags
    assert not list(Path(tempfile.gettempdir()).glob("minidock-compare-[a-z0-9_]*/rootfs"))
    assert not Path(cgroups.mount_point(), found["host name", "host name"]["theirs"]).exists()


def test_it_reads_step_by_step(alone: Beside) -> None:
    lines = alone.ok("compare", "--network", "none", "busybox", "sh").splitlines()
    assert lines[0] == "--- minidock" and lines[1].startswith("+++ runc 1.")
    at = lines.index("uts.hostname")
    assert lines[at + 1 : at + 4] == ["  host name: host name", "    - ID", "    + runc"]
    steps = [line for line in lines if not line.startswith((" ", "-", "+"))]
    assert (
        steps.index("mount.proc") < steps.index("identity.bounding-set") < steps.index("no step of minidock does this")
    )


def test_a_program_that_does_not_stay_is_said_to(alone: Beside) -> None:
    done = alone("compare", "--network", "none", "busybox", "true")
    assert done.returncode == 125 and "the program ended before it could be looked at" in done.stderr
    assert alone.ok("ps", "--all", "--quiet") == ""


def test_where_there_is_neither_it_says_so(alone: Beside, tmp_path: Path) -> None:
    """The host's programs, without these two."""
    for name in ("sh", "true"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    done = alone("compare", "busybox", env={**alone.environment, "PATH": str(tmp_path)}, executable="/usr/bin/nsenter")
    assert done.returncode == 125 and "neither docker nor runc" in done.stderr and "apt-get install" in done.stderr
    done = alone("compare", "--with", "docker", "busybox")
    assert done.returncode == 125 and "there is no docker that answers to compare with" in done.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--with", "podman", "busybox"), "it is either docker or runc"),
        (("--format", "sh", "busybox"), "it is either text or json"),
        (("no-such-image",), "Unable to find image"),
    ],
)
def test_what_cannot_be_compared_is_refused(alone: Beside, words: tuple[str, ...], complaint: str) -> None:
    done = alone("compare", *words)
    assert done.returncode == 125 and complaint in done.stderr and "Traceback" not in done.stderr
