"""Podman with minidock as its OCI runtime: what another engine asks of a runtime, asked for real."""

from __future__ import annotations

import errno
import os
import pty
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests import terminals
from tests.integration.bundles import Bundle
from tests.waiting import wait_until

# Podman's own limits need controllers that a hybrid host keeps under version 1, and rights that CI may lack.
OPTIONS = ("--network=none", "--pids-limit=-1", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1000:1000")


class Podman:
    """Podman with a storage of its own, and minidock's runtime from this checkout."""

    def __init__(self, place: Path) -> None:
        runtime = place / "minidock-runtime"
        runtime.write_text(f'#!/bin/sh\nexec {sys.executable} -m minidock.runtime --root {place}/state "$@"\n')
        runtime.chmod(0o755)
        self.rootfs = Bundle(place / "bundle").rootfs
        self.command = ["podman", "--cgroup-manager=cgroupfs", f"--runtime={runtime}"]
        self.command += [f"--root={place}/storage", f"--runroot={place}/run", f"--tmpdir={place}/tmp"]

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self.command, *words], capture_output=True, text=True, check=False, timeout=60)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`podman run`, on a busybox root; options, `--`, and the command line."""
        options, command = words[: words.index("--")], words[words.index("--") + 1 :]
        return self("run", *OPTIONS, *options, "--rootfs", str(self.rootfs), *command)


@pytest.fixture
def podman() -> Iterator[Podman]:
    with tempfile.TemporaryDirectory(prefix="podman-") as place:  # Podman refuses a longer path than 50 letters
        Path(place).chmod(0o755)
        made = Podman(Path(place))
        yield made
        made("rm", "--all", "--force", "--time=0")
        for parent in Path("/sys/fs/cgroup").glob("*/libpod_parent"):
            _remove_cgroup(parent)
        _unmount(place)


def _unmount(place: str) -> None:
    """Podman mounts its storage on itself. What conmon has clean up when a container ends does so a little late."""
    wait_until(lambda: not _users(place), "the end of Podman's helpers")
    targets = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for target in reversed([target for target in targets if target.startswith(f"{place}/")]):
        subprocess.run(["umount", "--lazy", target], check=True)


def _users(place: str) -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if f"{place}/".encode() in command:
            found.append(file.parent.name)
    return found


def _remove_cgroup(group: Path) -> None:
    """Podman's conmon ends by itself, but only after podman has: as long as it is there, so is its cgroup."""
    for below in [*sorted(group.rglob("*/"), reverse=True), group]:
        wait_until(partial(_removed, below), f"the end of {below}")


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError as error:
        if error.errno == errno.EBUSY:
            return False
        raise
    return True


def test_podman_runs_a_container_and_gets_its_output_and_exit_code(podman: Podman) -> None:
    done = podman.run("--rm", "--", "sh", "-c", "echo hello; exit 3")
    assert (done.returncode, done.stdout) == (3, "hello\n"), done.stderr


def test_podman_understands_why_a_program_could_not_be_started(podman: Podman) -> None:
    assert podman.run("--rm", "--", "nosuch").returncode == 127
    assert podman.run("--rm", "--", "/etc").returncode == 126


def test_podman_starts_looks_into_and_stops_a_container(podman: Podman) -> None:
    assert podman.run("-d", "--name=w", "--", "sleep", "300").returncode == 0
    assert podman("inspect", "--format={{.State.Status}}", "w").stdout == "running\n"
    assert podman("exec", "w", "hostname").stdout == podman("inspect", "--format={{.Config.Hostname}}", "w").stdout
    assert podman("exec", "w", "sh", "-c", "exit 5").returncode == 5
    podman("stop", "--time=0", "w")
    assert podman("inspect", "--format={{.State.Status}} {{.State.ExitCode}}", "w").stdout == "exited 137\n"
    assert podman("rm", "w").returncode == 0


def test_podman_gets_a_terminal(podman: Podman) -> None:
    ours, theirs = pty.openpty()
    words = ["run", "-it", "--rm", *OPTIONS, "--rootfs", str(podman.rootfs), "tty"]
    with subprocess.Popen([*podman.command, *words], stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        assert b"/dev/pts/0" in terminals.all_of(ours)
        assert process.wait(60) == 0
    os.close(ours)
