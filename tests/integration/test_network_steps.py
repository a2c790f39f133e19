"""Containers reach each other, and the host, and the world, as far as their networks let them, and no farther."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from minidock.kernel import interfaces
from minidock.kernel.links import Links
from minidock.steps.live import Live
from minidock.steps.network import connection, endpoint_plan, network_plan, route_plan
from tests.annotations import bridge, endpoint, port
from tests.integration.wires import PATIENCE, Neighbour, Wires, call_from, ping
from tests.waiting import wait_until


def _addresses(pid: int) -> dict[str, dict[str, object]]:
    """The devices in a container's network, by name."""
    shown = subprocess.run(
        ["nsenter", f"--net=/proc/{pid}/ns/net", "ip", "-json", "address"], capture_output=True, check=True
    )
    return {link["ifname"]: link for link in json.loads(shown.stdout)}


def _routes(pid: int, family: str = "-4") -> list[str]:
    words = ["nsenter", f"--net=/proc/{pid}/ns/net", "ip", family, "route", "show", "default"]
    shown = subprocess.run(words, capture_output=True, check=True, text=True)
    return [line.split()[2] for line in shown.stdout.splitlines()]


# One network ------------------------------------------------------------------------------------------------


def test_a_container_has_the_device_the_addresses_and_the_route_that_were_asked_for(wires: Wires) -> None:
    pid = wires.container(endpoint("one", 2, ipv6=True, mtu=1400))
    device = _addresses(pid)["eth0"]
    assert (device["address"], device["mtu"]) == ("02:42:ac:1e:00:02", 1400)
    given = {f"{one['local']}/{one['prefixlen']}" for one in device["addr_info"] if one["scope"] == "global"}  # type: ignore[attr-defined]
    assert given == {"172.30.0.2/16", "fd00:30::2/64"}
    assert (_routes(pid), _routes(pid, "-6")) == (["172.30.0.1"], ["fd00:30::1"])


def test_a_container_without_an_ipv6_address_does_not_speak_it(wires: Wires) -> None:
    pid = wires.container(endpoint("one", 2))
    device = _addresses(pid)["eth0"]
    assert [one["family"] for one in device["addr_info"]] == ["inet"]  # type: ignore[attr-defined]


def test_containers_of_a_network_reach_each_other_and_their_gateway(wires: Wires) -> None:
    first, second = wires.container(endpoint("one", 2, ipv6=True)), wires.container(endpoint("one", 3, ipv6=True))
    for host in ("172.30.0.1", "172.30.0.3", "fd00:30::1", "fd00:30::3"):
        assert ping(first, host), host
    assert ping(second, "172.30.0.2")


def test_the_host_reaches_a_container(wires: Wires) -> None:
    pid = wires.container(endpoint("one", 2))
    wires.serve(pid, 80, name="web")
    assert ping(os.getpid(), "172.30.0.2")
    assert call_from(os.getpid(), "172.30.0.2", 80) == "web 172.30.0.1"


def test_a_container_with_a_user_namespace_of_its_own_is_connected_like_any(wires: Wires) -> None:
    pid = wires.bundle(endpoint("one", 2)).map_users().sleeping()
    assert ping(pid, "172.30.0.1")
    assert _routes(pid) == ["172.30.0.1"]


def test_the_world_sees_the_hosts_address_for_a_containers(wires: Wires, neighbour: Neighbour) -> None:
    pid = wires.container(endpoint("one", 2))
    wires.serve(neighbour.pid, 80, name="world")
    assert call_from(pid, "10.9.0.2", 80) == "world 10.9.0.1"


def test_a_network_without_masquerade_shows_its_containers_addresses(wires: Wires, neighbour: Neighbour) -> None:
    pid = wires.container(endpoint("one", 2, masquerade=False))
    wires.serve(neighbour.pid, 80, name="world")
    assert call_from(pid, "10.9.0.2", 80) == "world 172.30.0.2"


def test_the_world_does_not_reach_a_container_that_has_not_asked(wires: Wires, neighbour: Neighbour) -> None:
    pid = wires.container(endpoint("one", 2))
    wires.serve(pid, 80, name="web")
    assert call_from(neighbour.pid, "172.30.0.2", 80, patience=PATIENCE) == "silence"
    assert (
        call_from(neighbour.pid, "172.30.0.1", 1, patience=PATIENCE) == "refused"
    )  # so packets do come as far as here


# Several ----------------------------------------------------------------------------------------------------


def test_containers_of_different_networks_do_not_reach_each_other(wires: Wires) -> None:
    first, second = wires.container(endpoint("one", 2)), wires.container(endpoint("two", 2))
    wires.serve(second, 80, name="second")
    assert call_from(first, "172.31.0.2", 80, patience=PATIENCE) == "silence"
    assert ping(first, "172.31.0.1")  # the host's own address, by which it would go


def test_a_container_in_two_networks_reaches_both_and_goes_out_by_the_one_of_higher_priority(wires: Wires) -> None:
    wires.container(endpoint("one", 3))
    wires.container(endpoint("two", 3))
    pid = wires.container(endpoint("one", 2), endpoint("two", 2, device="eth1", gw_priority=1))
    assert ping(pid, "172.30.0.3")
    assert ping(pid, "172.31.0.3")
    assert _routes(pid) == ["172.31.0.1"]


def test_an_internal_network_lets_nothing_out_and_nothing_in(wires: Wires, neighbour: Neighbour) -> None:
    shut, other = endpoint("one", 2, internal=True, gateways=["172.30.0.1"]), endpoint("one", 3, internal=True)
    first, second = wires.container(shut), wires.container(other)
    wires.serve(second, 80, name="second")
    assert call_from(first, "172.30.0.3", 80) == "second 172.30.0.2"
    assert _routes(first) == []
    subprocess.run(
        ["nsenter", f"--net=/proc/{first}/ns/net", "ip", "route", "add", "default", "via", "172.30.0.1"], check=True
    )
    wires.serve(neighbour.pid, 80, name="world")
    assert call_from(first, "10.9.0.2", 80, patience=PATIENCE) == "silence"
    assert call_from(neighbour.pid, "172.30.0.2", 80, patience=PATIENCE) == "silence"


def test_strangers_on_one_bridge_reach_the_host_and_the_world_but_not_each_other(wires: Wires) -> None:
    first, second = wires.container(endpoint("one", 2, icc=False)), wires.container(endpoint("one", 3, icc=False))
    assert ping(first, "172.30.0.1")
    assert ping(second, "172.30.0.1")
    assert not ping(first, "172.30.0.3")


# While it runs ----------------------------------------------------------------------------------------------


def test_each_step_may_be_done_twice_since_the_keeper_may_be_killed_before_it_answers(wires: Wires) -> None:
    """Whoever was not answered asks the next keeper for the same. Ports are reserved without it."""
    end = endpoint("one", 2, ipv6=True, icc=False)
    published = port("127.0.0.1", 8080, 80, "172.30.0.2")
    pid = wires.container(end, ports=(published,))
    live = Live(pid=pid)
    for step in connection(wires.wiring(end, ports=(published,))):
        step.do(live)
        step.do(live)
    live.let_go()
    assert ping(pid, "172.30.0.1")
    assert (_routes(pid), _routes(pid, "-6")) == (["172.30.0.1"], ["fd00:30::1"])
    wires.serve(pid, 80, name="web")
    assert call_from(os.getpid(), "127.0.0.1", 8080) == "web 172.30.0.1"


def test_a_network_comes_and_goes_while_the_container_runs(wires: Wires) -> None:
    wires.container(endpoint("two", 3))
    pid = wires.container(endpoint("one", 2))
    both = endpoint("one", 2), endpoint("two", 2, device="eth1", gw_priority=1)
    live = Live(pid=pid)
    plan = endpoint_plan(wires.wiring(*both), both[1]["network"])
    plan.walk(live)
    assert ping(pid, "172.31.0.3")
    assert _routes(pid) == ["172.31.0.1"]
    assert plan.undo(live) == []
    route_plan(wires.wiring(both[0])).walk(live)
    live.let_go()
    assert sorted(_addresses(pid)) == ["eth0", "lo"]
    assert _routes(pid) == ["172.30.0.1"]
    assert not interfaces.exists("vethtwo2")


def test_what_a_network_is_on_the_host_goes_when_nobody_is_in_it(wires: Wires) -> None:
    bundle = wires.bundle(endpoint("one", 2))
    bundle.sleeping()
    plan = network_plan(wires.wiring(endpoint("one", 2)))
    live = Live()
    (refusal,) = plan.undo(live)
    assert refusal.message == "bridge br-test-one is in use: vethone2 is on it, and of no container"
    bundle.remove()
    wait_until(lambda: not interfaces.exists("vethone2"), "the end of its cable")
    assert plan.undo(live) == []
    assert plan.undo(live) == []
    live.let_go()
    assert not interfaces.exists(bridge("one"))


# What is left out, and what is left -------------------------------------------------------------------------


def test_when_the_container_ends_its_cable_goes_and_the_bridge_stays(wires: Wires) -> None:
    done = wires.bundle(endpoint("one", 2)).program("true").run()
    assert done.returncode == 0, done.stderr
    wait_until(lambda: not interfaces.exists("vethone2"), "the end of its cable")
    assert interfaces.address(bridge("one")) == "172.30.0.1"


def test_a_container_can_be_started_again_while_its_last_cable_is_still_there(wires: Wires) -> None:
    bundle = wires.bundle(endpoint("one", 2))
    holder = os.open(f"/proc/{bundle.sleeping()}/ns/net", os.O_RDONLY)  # as long as it is open, the namespace stays
    try:
        bundle.remove()
        with Links() as links:
            assert links.ports(bridge("one")) == ["vethone2"]
        pid = bundle.sleeping()
        assert ping(pid, "172.30.0.1")
    finally:
        os.close(holder)


def test_a_cable_goes_also_when_somebody_else_keeps_the_containers_network(wires: Wires) -> None:
    bundle = wires.bundle(endpoint("one", 2))
    holder = os.open(f"/proc/{bundle.sleeping()}/ns/net", os.O_RDONLY)
    try:
        bundle.remove()
        wait_until(lambda: not interfaces.exists("vethone2"), "the end of its cable")
    finally:
        os.close(holder)


def test_without_the_cable_the_container_has_no_device(wires: Wires) -> None:
    bundle = wires.bundle(endpoint("one", 2)).script("ip -o link | wc -l")
    left_out = ("network.veth.one", "network.address.one", "network.route.one")
    done = bundle.run(*(word for name in left_out for word in ("--without", name)))
    assert (done.returncode, done.stdout.strip(), interfaces.exists("vethone2")) == (0, "1", False), done.stderr


@pytest.mark.parametrize(
    ("step", "gateway", "world"),
    [("network.address.one", False, False), ("network.route.one", True, False), ("network.forwarding", True, False)],
)
def test_without_a_step_the_container_reaches_less(
    wires: Wires, neighbour: Neighbour, step: str, *, gateway: bool, world: bool
) -> None:
    Path("/proc/sys/net/ipv4/ip_forward").write_text("0")
    wires.serve(neighbour.pid, 80, name="world")
    left_out = [step, *(["network.route.one"] if step == "network.address.one" else [])]
    bundle = wires.bundle(endpoint("one", 2)).program("sleep", "3600")
    done = bundle.start_detached(*(word for name in left_out for word in ("--without", name)))
    assert done.returncode == 0, done.stderr
    pid = bundle.inspect()["pid"]
    assert ping(pid, "172.30.0.1") == gateway
    assert (call_from(pid, "10.9.0.2", 80, patience=PATIENCE) == "world 10.9.0.1") == world


def test_without_the_firewall_step_the_networks_are_not_apart(wires: Wires) -> None:
    for name, number in (("one", 2), ("two", 2)):
        bundle = wires.bundle(endpoint(name, number)).program("sleep", "3600")
        assert bundle.start_detached("--without", "network.firewall").returncode == 0
        if name == "one":
            first = bundle.inspect()["pid"]
    assert ping(first, "172.31.0.2")


def test_a_namespace_that_is_not_the_containers_own_is_left_alone(wires: Wires) -> None:
    bundle = wires.bundle(endpoint("one", 2)).namespaces(network=None)
    done = bundle.program("true").run()
    assert (done.returncode, "network namespace of its own" in done.stderr) == (1, True), done.stderr
    assert {"br-test-one", "vethone2"}.isdisjoint(name for _, name in socket.if_nameindex())
