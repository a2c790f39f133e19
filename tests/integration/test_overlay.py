"""Overlay networks: containers on different hosts are in one network, and stay so while hosts and etcd come and go."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
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
def template(store: Minidock, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store.root


@pytest.fixture
def add(etcd: EtcdServer, template: Path, tmp_path: Path) -> Generator[Add]:
    """One more host."""
    hosts: list[Host] = []

    def added() -> Host:
        number = len(hosts) + 1
        hosts.append(Host(tmp_path / f"host{number}", template, number))
        return hosts[-1]

    yield added
    etcd.start_again()
    for host in hosts:
        host.plug_in()
        host.close()


def run(host: Host, name: str, *words: str, network: str = "mynet") -> None:
    host.minidock.ok("run", "-d", "--name", name, "--network", network, *words, "busybox", "sleep", "1000")


def address(host: Host, name: str, network: str = "mynet") -> str:
    return str(json.loads(host.minidock.ok("inspect", name))[0]["NetworkSettings"]["Networks"][network]["IPAddress"])


def pings(host: Host, name: str, target: str) -> bool:
    return host.minidock("exec", name, "ping", "-c", "1", "-W", "2", target).returncode == 0


def test_containers_on_two_hosts_reach_each_other_and_resolve_each_other(add: Add) -> None:
    one, two = add(), add()
    one.minidock.ok("network", "create", "-d", "overlay", "mynet")
    run(one, "web")
    run(two, "db")
    assert {address(one, "web"), address(two, "db")} == {"10.0.0.2", "10.0.0.3"}
    assert pings(one, "web", address(two, "db"))
    assert pings(two, "db", address(one, "web"))
