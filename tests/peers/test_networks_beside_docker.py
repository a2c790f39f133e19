"""Docker and minidock on one host, with networks of their own: neither harms the other's.

outside (the namespace of the tests, 10.9.0.254) ── wire ── 10.9.0.1 host: Docker and minidock
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.integration.conftest import store
from tests.integration.hosts import ETCD as OUTSIDE
from tests.integration.hosts import Host, lay_wire, take_up_wire
from tests.integration.minidocks import PROJECT, Minidock
from tests.integration.wires import PATIENCE, call
from tests.peers.dockers import CLIENT, CannotRun, Docker
from tests.waiting import wait_until

__all__ = ["store"]

SERVE = "while true; do echo {} | nc -l -p 80; done"


class InRoom:
    """The host's network, for Docker's daemons."""

    def __init__(self, host: Host) -> None:
        self.inside = ["nsenter", f"--net={host.room.path}"]


@pytest.fixture
def host(store: Minidock, tmp_path: Path) -> Generator[Host]:
    lay_wire()
    made = Host(tmp_path / "host", store.root, 1)
    yield made
    made.close()
    take_up_wire()


@pytest.fixture
def docker(request: pytest.FixtureRequest, host: Host, tmp_path: Path) -> Generator[Docker]:
    host.room.write("/proc/sys/net/ipv4/ip_forward", request.param)
    made = Docker(tmp_path / "docker", InRoom(host))
    try:
        made.start()
        build = [sys.executable, str(PROJECT / "rootfs-builder/build"), "busybox", "-o", str(tmp_path / "busybox.tar")]
        subprocess.run(build, check=True, capture_output=True)
        ask(made, "import", str(tmp_path / "busybox.tar"), "busybox")
        yield made
        ask(made, "rm", "-f", "theirs")
    except CannotRun as reason:
        pytest.skip(f"Docker cannot run here: {reason}")
    finally:
        made.end()


def ask(docker: Docker, *words: str) -> str:
    return subprocess.run([CLIENT, "--host", docker.socket, *words], check=True, capture_output=True, text=True).stdout


def rules_of_docker(host: Host) -> str:
    """Without what was counted."""
    return "".join(host.room.run("nft", "--stateless", "list", "table", "ip", table) for table in ("filter", "nat"))


def answers(number: int, word: str) -> bool:
    """Seen from outside. Between two connections nobody listens for a moment."""
    return call("10.9.0.1", number, patience=PATIENCE) == f"{word}\n"


def begin(host: Host, docker: Docker) -> str:
    """A server in a container of each, and a container beside ours; the address of our server."""
    ask(docker, "run", "-d", "--name", "theirs", "-p", "8081:80", "busybox", "sh", "-c", SERVE.format("theirs"))
    before = rules_of_docker(host)
    minidock = host.minidock
    minidock.ok("run", "-d", "--name", "ours", "-p", "8082:80", "busybox", "sh", "-c", SERVE.format("ours"))
    minidock.ok("run", "-d", "--name", "other", "busybox", "sleep", "1000")
    assert rules_of_docker(host) == before
    return minidock.ok("inspect", "--format", "{{.NetworkSettings.IPAddress}}", "ours").strip()


def all_is_well(host: Host, docker: Docker, address: str) -> None:
    """Both serve the world, and reach it; and the containers of ours reach each other."""
    wait_until(lambda: answers(8081, "theirs"))
    wait_until(lambda: answers(8082, "ours"))
    ask(docker, "exec", "theirs", "ping", "-c", "1", "-W", "5", OUTSIDE)
    host.minidock.ok("exec", "ours", "ping", "-c", "1", "-W", "5", OUTSIDE)
    host.minidock.ok("exec", "other", "ping", "-c", "1", "-W", "5", address)
    assert host.minidock("system", "check").stdout == "All is well.\n"


@pytest.mark.parametrize("docker", ["1"], indirect=True, ids=["on a host that passed on packets before"])
def test_docker_and_minidock_serve_the_world_side_by_side(host: Host, docker: Docker) -> None:
    address = begin(host, docker)
    all_is_well(host, docker, address)
    host.minidock.ok("rm", "-f", "ours", "other")
    wait_until(lambda: answers(8081, "theirs"))


@pytest.mark.parametrize("docker", ["0"], indirect=True, ids=["on a host that did not"])
def test_a_docker_that_lets_nothing_pass_but_its_own_is_told_of_minidock(host: Host, docker: Docker) -> None:
    """That is so where Docker itself has let the host pass on packets. What is from the host needs nobody's leave."""
    address = begin(host, docker)
    host.room.run("ping", "-c", "1", "-W", "5", address)
    wait_until(lambda: host.room.run("busybox", "nc", "127.0.0.1", "8082") == "ours\n")
    wait_until(lambda: answers(8081, "theirs"))
    assert not answers(8082, "ours")
    commands = re.findall(r"nft insert rule[^;\n]*", host.minidock("system", "check").stdout)
    assert len(commands) == 2
    for command in commands:
        host.room.run("sh", "-c", command)
    all_is_well(host, docker, address)
