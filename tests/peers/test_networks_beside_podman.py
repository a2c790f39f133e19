"""Podman and minidock on one host, with networks of their own, as in test_networks_beside_docker.py."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.integration.conftest import store
from tests.integration.hosts import ETCD as OUTSIDE
from tests.integration.hosts import Host
from tests.peers.test_networks_beside_docker import SERVE, answers, host
from tests.peers.test_podman import OPTIONS, Podman, podman
from tests.waiting import wait_until

__all__ = ["host", "podman", "store"]


@pytest.fixture
def beside(host: Host, podman: Podman) -> Iterator[Podman]:
    if not shutil.which("podman"):
        pytest.skip("podman is not installed")
    podman.command = ["nsenter", f"--net={host.room.path}", *podman.command]
    yield podman
    podman("rm", "--all", "--force", "--time=0")  # while its network is still there


def rules_of_podman(host: Host) -> str:
    """Without what was counted."""
    tables = [line for line in host.room.run("nft", "list", "tables").splitlines() if "minidock" not in line]
    return "".join(host.room.run("nft", "--stateless", "list", *line.split()) for line in tables)


def test_podman_and_minidock_serve_the_world_side_by_side(host: Host, beside: Podman) -> None:
    options = [*OPTIONS[1:], "--network=podman", "--cap-add=NET_RAW", "-d", "--name=theirs", "-p", "8081:80"]
    done = beside("run", *options, "--rootfs", str(beside.rootfs), "sh", "-c", SERVE.format("theirs"))
    assert done.returncode == 0, done.stderr
    before = rules_of_podman(host)
    assert "8081" in before
    minidock = host.minidock
    minidock.ok("run", "-d", "--name", "ours", "-p", "8082:80", "busybox", "sh", "-c", SERVE.format("ours"))
    minidock.ok("run", "-d", "--name", "other", "busybox", "sleep", "1000")
    assert rules_of_podman(host) == before
    wait_until(lambda: answers(8081, "theirs"))
    wait_until(lambda: answers(8082, "ours"))
    assert beside("exec", "theirs", "ping", "-c", "1", "-W", "5", OUTSIDE).returncode == 0
    minidock.ok("exec", "ours", "ping", "-c", "1", "-W", "5", OUTSIDE)
    address = minidock.ok("inspect", "--format", "{{.NetworkSettings.IPAddress}}", "ours").strip()
    minidock.ok("exec", "other", "ping", "-c", "1", "-W", "5", address)
    assert minidock("system", "check").stdout == "All is well.\n"
    minidock.ok("rm", "-f", "ours", "other")
    assert rules_of_podman(host) == before
    wait_until(lambda: answers(8081, "theirs"))
