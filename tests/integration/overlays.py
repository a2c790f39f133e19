"""Hosts with an overlay network in common, and what a test asks of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.etcds import EtcdServer
from tests.integration.hosts import ETCD, Host, lay_wire, take_up_wire
from tests.integration.minidocks import Minidock

Add = Callable[[], Host]


@pytest.fixture
def etcd(tmp_path: Path) -> Generator[EtcdServer]:
    """An empty one, on a wire that hosts can be plugged into."""
    lay_wire()
    server = EtcdServer(tmp_path, ETCD)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        take_up_wire()


@pytest.fixture
def add(etcd: EtcdServer, store: Minidock, tmp_path: Path) -> Generator[Add]:
    """One more host."""
    hosts: list[Host] = []

    def added() -> Host:
        number = len(hosts) + 1
        hosts.append(Host(tmp_path / f"host{number}", store.root, number))
        return hosts[-1]

    yield added
    etcd.start_again()
    with ExitStack() as every:
        for host in hosts:
            host.plug_in()
            every.callback(host.close)


@pytest.fixture
def two(add: Add) -> tuple[Host, Host]:
    """Hosts with a network in common, and a container on each: web and db."""
    one, other = add(), add()
    one.minidock.ok("network", "create", "-d", "overlay", "mynet")
    run(one, "web")
    run(other, "db")
    return one, other


def run(host: Host, name: str, *words: str, network: str = "mynet") -> str:
    """A container; its address."""
    host.minidock.ok("run", "-d", "--name", name, "--network", network, *words, "busybox", "sleep", "1000")
    return address(host, name, network)


def address(host: Host, name: str, network: str = "mynet") -> str:
    return str(json.loads(host.minidock.ok("inspect", name))[0]["NetworkSettings"]["Networks"][network]["IPAddress"])


def pings(host: Host, name: str, target: str) -> bool:
    return host.minidock("exec", name, "ping", "-c", "1", "-W", "2", target).returncode == 0


def resolves(host: Host, name: str, target: str) -> str:
    """The address that a name has in a container; nothing, if it has none."""
    said = host.minidock("exec", name, "nslookup", "-type=a", target).stdout
    found = [line.split()[-1] for line in said.splitlines() if line.startswith("Address") and "127.0.0.11" not in line]
    return found[0] if found else ""
