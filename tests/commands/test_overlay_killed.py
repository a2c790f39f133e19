"""Commands on overlay networks are killed before one effect after the other: nothing stays claimed, or in the way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from minidock.kernel.namespaces import Visit
from minidock.networks.overlay import records
from tests.etcds import EtcdServer
from tests.integration.hosts import Host
from tests.integration.minidocks import Minidock
from tests.waiting import wait_until

KILLED = str(Path(__file__).with_name("killed.py"))
EVERY = os.environ.get("MINIDOCK_EVERY_EFFECT") == "1"


@pytest.fixture
def host(etcd: EtcdServer, store: Minidock, tmp_path: Path) -> Generator[Host]:  # noqa: ARG001
    made = Host(tmp_path / "host", store.root, 1)
    yield made
    made.close()


def dies(host: Host, directory: Path, which: int, *words: str) -> bool:
    """Whether a command has so many effects, and so was killed."""
    died = directory / "died"
    died.unlink(missing_ok=True)
    environment = {**host.minidock.environment, "DIED": str(died)}
    with Visit("network", host.room.fd):
        command = [sys.executable, KILLED, "command", str(which), *words]
        subprocess.run(command, env=environment, capture_output=True, check=False)
    return died.exists()


def settle(host: Host, etcd: EtcdServer) -> None:
    """After the kill everything can be removed, by the usual commands, and nothing is left of it in etcd."""
    host.minidock("system", "check", "--repair")
    assert host.minidock("system", "check").returncode == 0
    host.minidock("rm", "-f", "web")
    if "mynet" in host.minidock.ok("network", "ls"):
        wait_until(lambda: host.minidock("network", "rm", "mynet").returncode == 0)
    assert etcd.client.below(records.NETWORKS, records.ENDPOINTS) == []


@pytest.mark.timeout(600)
def test_a_killed_create_leaves_no_network_or_one_that_is_whole(host: Host, etcd: EtcdServer, tmp_path: Path) -> None:
    which = 1
    while dies(host, tmp_path, which, "network", "create", "-d", "overlay", "mynet"):
        if "mynet" in host.minidock.ok("network", "ls"):
            host.minidock.ok("run", "--rm", "--network", "mynet", "busybox", "true")
        settle(host, etcd)
        which += 1
    assert which > 3


@pytest.mark.timeout(600)
def test_a_killed_rm_can_be_said_again(host: Host, etcd: EtcdServer, tmp_path: Path) -> None:
    which = 1
    while True:
        host.minidock.ok("network", "create", "-d", "overlay", "mynet")
        if not dies(host, tmp_path, which, "network", "rm", "mynet"):
            break
        settle(host, etcd)
        which += 1
    assert which > 3


@pytest.mark.timeout(600)
def test_a_killed_run_leaves_no_address_claimed(host: Host, etcd: EtcdServer, tmp_path: Path) -> None:
    which = 1
    while True:
        host.minidock.ok("network", "create", "-d", "overlay", "mynet")
        if not dies(
            host, tmp_path, which, "run", "-d", "--name", "web", "--network", "mynet", "busybox", "sleep", "99"
        ):
            break
        settle(host, etcd)
        which += 1 if EVERY else 7
    assert which > 20
