"""Macvlan and ipvlan: containers on a wire of the host, in each mode; and the VLANs that are made for them."""

from __future__ import annotations

import json
from collections.abc import Generator

import pytest

from tests.integration.keepers import kill_keeper
from tests.integration.minidocks import Minidock
from tests.integration.parents import PARENT, ROUTER, SUBNET, devices, ip, need, router
from tests.integration.rooms import Room

__all__ = ["router"]


@pytest.fixture
def host(minidock: Minidock, router: Room) -> Generator[Minidock]:  # noqa: ARG001
    yield minidock
    minidock.clear()
    for network in minidock.ok("network", "ls", "-q", "--filter", "type=custom").split():
        minidock.ok("network", "rm", network)


def make(
    host: Minidock, driver: str, *words: str, name: str = "lan", parent: str = PARENT, subnet: str = SUBNET
) -> None:
    where = ["-o", f"parent={parent}"] if parent else []
    host.ok("network", "create", "-d", driver, *where, "--subnet", subnet, *words, name)


def run(host: Minidock, name: str, network: str = "lan") -> str:
    """A container, and its address."""
    host.ok("run", "-d", "--name", name, "--network", network, "busybox", "sleep", "1000")
    networks = json.loads(host.ok("inspect", name))[0]["NetworkSettings"]["Networks"]
    return str(networks[network]["IPAddress"])


def pings(host: Minidock, name: str, address: str) -> bool:
    return host("exec", name, "ping", "-c", "1", "-W", "2", address).returncode == 0


# Macvlan --------------------------------------------------------------------------------------------------


def test_a_macvlan_container_is_on_the_wire_with_a_mac_and_an_address_of_its_own(host: Minidock, router: Room) -> None:
    make(host, "macvlan")
    address = run(host, "c1")
    assert address == "10.30.0.2"
    assert pings(host, "c1", ROUTER)
    assert "02:42:0a:1e:00:02" in router.run("ip", "neighbour", "show", address)
    assert f"default via {ROUTER}" in host.ok("exec", "c1", "ip", "route")


def test_macvlan_containers_in_bridge_mode_reach_each_other(host: Minidock) -> None:
    make(host, "macvlan")
    run(host, "c1")
    assert pings(host, "c1", run(host, "c2"))


@pytest.mark.parametrize("mode", ["private", "vepa"])
def test_macvlan_containers_that_only_a_switch_outside_could_join_reach_the_wire_alone(
    host: Minidock, mode: str
) -> None:
    """In private mode not even by the switch; that on this wire sends nothing back where it came from."""
    make(host, "macvlan", "-o", f"macvlan_mode={mode}")
    run(host, "c1")
    other = run(host, "c2")
    assert pings(host, "c1", ROUTER)
    assert not pings(host, "c1", other)


def test_a_parent_in_passthru_mode_is_one_containers_alone(host: Minidock) -> None:
    make(host, "macvlan", "-o", "macvlan_mode=passthru")
    run(host, "c1")
    assert pings(host, "c1", ROUTER)
    refused = host("run", "--rm", "--network", "lan", "busybox", "true")
    assert refused.returncode == 125
    assert 'network.macvlan.lan: add link "eth0", macvlan' in refused.stderr
    for _ in range(3):
        host.ok("restart", "-t", "0", "c1")
    assert pings(host, "c1", ROUTER)


def test_a_container_leaves_a_macvlan_network_and_comes_back_while_it_runs(host: Minidock) -> None:
    make(host, "macvlan")
    run(host, "c1")
    host.ok("network", "disconnect", "lan", "c1")
    assert "eth0" not in host.ok("exec", "c1", "ip", "link")
    host.ok("network", "connect", "lan", "c1")
    assert pings(host, "c1", ROUTER)


def test_a_network_without_a_parent_is_its_containers_alone(host: Minidock) -> None:
    need("dummy devices", "type", "dummy")
    make(host, "macvlan", parent="", subnet="10.31.0.0/24")
    run(host, "c1")
    assert pings(host, "c1", run(host, "c2"))
    assert "default" not in host.ok("exec", "c1", "ip", "route")
    assert any(name.startswith("dm-") for name in devices())
    host.clear()
    host.ok("network", "rm", "lan")
    assert not any(name.startswith("dm-") for name in devices())


# Ended, and started again ---------------------------------------------------------------------------------


@pytest.mark.parametrize("driver", ["macvlan", "ipvlan"])
@pytest.mark.parametrize("is_killed", [False, True], ids=["with its keeper", "after its keeper was killed"])
def test_a_container_starts_again_with_the_address_that_it_had(host: Minidock, driver: str, *, is_killed: bool) -> None:
    """The kernel lets nobody have it before it has taken away who had it."""
    if driver == "ipvlan":
        need("ipvlan", "link", PARENT, "type", "ipvlan")
    make(host, driver)
    address = run(host, "c1")
    for _ in range(3):
        if is_killed:
            kill_keeper(host.state)
        host.ok("restart", "-t", "0", "c1")
        assert address in host.ok("exec", "c1", "ip", "address", "show", "eth0")
    assert pings(host, "c1", ROUTER)


def test_who_shares_the_network_of_a_container_does_not_keep_its_device(host: Minidock) -> None:
    make(host, "macvlan", "-o", "macvlan_mode=passthru")
    run(host, "c1")
    host.ok("run", "-d", "--name", "beside", "--network", "container:c1", "busybox", "sleep", "1000")
    host.ok("restart", "-t", "0", "c1")
    assert pings(host, "c1", ROUTER)
    assert "eth0" not in host.ok("exec", "beside", "ip", "link")


# 802.1Q ---------------------------------------------------------------------------------------------------


def vlan(router: Room, number: int, address: str) -> None:
    """The router's end of a VLAN on the wire."""
    router.run("ip", "link", "add", "link", "eth0", "name", f"eth0.{number}", "up", "type", "vlan", "id", str(number))
    router.run("ip", "address", "add", f"{address}/24", "dev", f"eth0.{number}")


def test_a_vlan_is_made_for_the_first_container_and_goes_with_the_last_network_on_it(
    host: Minidock, router: Room
) -> None:
    need("VLANs", "link", PARENT, "type", "vlan", "id", "7")
    vlan(router, 50, "10.31.0.1")
    make(host, "macvlan", parent=f"{PARENT}.50", subnet="10.31.0.0/24")
    make(host, "macvlan", parent=f"{PARENT}.50", subnet="10.32.0.0/24", name="other")
    run(host, "c1")
    assert pings(host, "c1", "10.31.0.1")
    host.clear()
    host.ok("network", "rm", "lan")
    assert f"{PARENT}.50" in devices()
    host.ok("network", "rm", "other")
    assert f"{PARENT}.50" not in devices()


def test_a_vlan_that_was_there_before_stays(host: Minidock) -> None:
    need("VLANs", "link", PARENT, "type", "vlan", "id", "7")
    ip("link", "add", "link", PARENT, "name", f"{PARENT}.60", "up", "type", "vlan", "id", "60")
    make(host, "macvlan", parent=f"{PARENT}.60", subnet="10.31.0.0/24")
    run(host, "c1")
    host.clear()
    host.ok("network", "rm", "lan")
    assert f"{PARENT}.60" in devices()


# Ipvlan ---------------------------------------------------------------------------------------------------


def test_an_ipvlan_container_is_on_the_wire_with_the_parents_mac(host: Minidock, router: Room) -> None:
    need("ipvlan", "link", PARENT, "type", "ipvlan")
    make(host, "ipvlan")
    address = run(host, "c1")
    assert pings(host, "c1", ROUTER)
    mac = json.loads(ip("-j", "link", "show", PARENT))[0]["address"]
    assert mac in router.run("ip", "neighbour", "show", address)
    assert pings(host, "c1", run(host, "c2"))


@pytest.mark.parametrize("mode", ["l3", "l3s"])
def test_in_the_l3_modes_the_parent_is_the_router(host: Minidock, router: Room, mode: str) -> None:
    need("ipvlan", "link", PARENT, "type", "ipvlan")
    make(host, "ipvlan", "-o", f"ipvlan_mode={mode}", subnet="10.31.0.0/24")
    address = run(host, "c1")
    assert "default dev eth0" in host.ok("exec", "c1", "ip", "route")
    assert pings(host, "c1", run(host, "c2"))
    router.run("ip", "route", "add", "10.31.0.0/24", "dev", "eth0")
    ip("address", "add", "10.30.0.9/24", "dev", PARENT)
    router.run("ip", "neighbour", "add", address, "lladdr", _mac_of_parent(), "dev", "eth0")
    assert pings(host, "c1", ROUTER)


def _mac_of_parent() -> str:
    return str(json.loads(ip("-j", "link", "show", PARENT))[0]["address"])


def test_containers_in_a_private_ipvlan_do_not_reach_each_other(host: Minidock) -> None:
    need("ipvlan", "link", PARENT, "type", "ipvlan")
    make(host, "ipvlan", "-o", "ipvlan_flag=private")
    run(host, "c1")
    other = run(host, "c2")
    assert pings(host, "c1", ROUTER)
    assert not pings(host, "c1", other)


# What is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["macvlan", "-o", "parent=lo"], "loopback interface is not a valid macvlan parent link"),
        (["macvlan", "-o", "parent=none0"], "-o parent interface was not found on the host: none0"),
        (["macvlan", "-o", "parent=none0.5"], "-o parent interface was not found on the host: none0"),
        (["macvlan", "-o", f"parent={PARENT}.4095"], "vlan id must be between 1-4094, received: 4095"),
        (["macvlan", "-o", f"parent={PARENT}.x"], "unable to parse a valid vlan id from: x"),
        (["macvlan", "-o", "macvlan_mode=odd"], "requested macvlan mode 'odd' is not valid"),
        (["macvlan", "-o", "colour=red"], "unknown option of driver macvlan: colour"),
        (["ipvlan", "-o", "ipvlan_mode=l4"], "requested ipvlan mode 'l4' is not valid"),
        (["ipvlan", "-o", "ipvlan_flag=odd"], "requested ipvlan flag 'odd' is not valid"),
    ],
)
def test_what_cannot_be_is_refused_when_the_network_is_made(host: Minidock, words: list[str], said: str) -> None:
    refused = host("network", "create", "-d", *words, "lan")
    assert refused.returncode == 1
    assert said in refused.stderr
    assert len(refused.stderr.splitlines()) <= 2
    assert host.ok("network", "ls", "-q", "--filter", "type=custom") == ""


def test_a_parent_that_a_network_has_to_itself_is_in_no_other(host: Minidock) -> None:
    make(host, "macvlan", name="first")
    refused = host(
        *("network", "create", "-d", "macvlan", "-o", f"parent={PARENT}", "-o", "macvlan_mode=passthru", "second")
    )
    assert "cannot use mode passthru, macvlan network first is already using parent interface wire0" in refused.stderr
    make(host, "ipvlan", name="third", subnet="10.31.0.0/24")
    refused = host("network", "create", "-d", "ipvlan", "-o", f"parent={PARENT}", "fourth")
    assert "network third is already using parent interface wire0" in refused.stderr


def test_the_plan_of_a_macvlan_container_shows_how_by_hand(host: Minidock) -> None:
    make(host, "macvlan")
    plan = host.ok("plan", "--network", "lan", "busybox")
    assert "network.macvlan.lan" in plan
