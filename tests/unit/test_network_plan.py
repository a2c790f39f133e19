"""What a container's networks come to, as steps: pure data, that anybody may make and read."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from minidock.errors import MinidockError
from minidock.oci.spec import Spec
from minidock.runtime import defaults
from minidock.steps.network import Wiring, endpoint_plan, network_plan, route_plan
from minidock.steps.place import Place
from minidock.steps.plan import ContainerPlan, container_plan
from minidock.steps.step import HOST, Step
from tests.annotations import endpoint, port

PLACE = {"root": "/var/lib/minidock", "run": "/run/minidock", "table": "minidock", "container": "web", "names": False}


def _annotation(*endpoints: dict[str, Any], ports: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {**PLACE, "endpoints": list(endpoints), "ports": list(ports)}


def _plan(text: str, *, own: bool = True) -> ContainerPlan:
    document = defaults.document(["true"])
    document["annotations"] = {"minidock.network": text}
    if not own:
        kept = [one for one in document["linux"]["namespaces"] if one["type"] != "network"]
        document["linux"]["namespaces"] = kept
    return container_plan(Spec(document), Place("example", "/bundle"))


def _steps(*endpoints: dict[str, Any], ports: tuple[dict[str, Any], ...] = ()) -> dict[str, Step]:
    plan = _plan(json.dumps(_annotation(*endpoints, ports=ports)))
    return {step.name: step for step in plan if step.name.startswith("network.")}


WEB = port("0.0.0.0", 8080, 80, "172.30.0.2")


# Which steps, and where -------------------------------------------------------------------------------------


def test_the_steps_of_a_network_stand_in_the_order_in_which_they_need_each_other() -> None:
    assert list(_steps(endpoint("one", 2), ports=(WEB,))) == [
        "network.reserve",
        "network.loopback",
        "network.forwarding",
        "network.bridge.one",
        "network.firewall",
        "network.veth.one",
        "network.address.one",
        "network.route.one",
        "network.publish",
    ]


def test_ports_are_reserved_before_all_else_and_cables_plugged_before_the_root_is_mounted() -> None:
    names = [step.name for step in _plan(json.dumps(_annotation(endpoint("one", 2), ports=(WEB,))))]
    assert names[0] == "network.reserve"
    assert names.index("namespace.network") < names.index("network.veth.one") < names.index("root.propagation")


def test_a_container_without_networks_has_no_step_of_them() -> None:
    plan = container_plan(Spec(defaults.document(["true"])), Place("example", "/bundle"))
    assert [step.name for step in plan if step.name.startswith("network.")] == ["network.loopback"]


def test_without_ports_nothing_is_reserved_or_published() -> None:
    assert {"network.reserve", "network.publish"}.isdisjoint(_steps(endpoint("one", 2)))


def test_each_network_has_a_cable_and_one_of_them_the_route() -> None:
    steps = _steps(endpoint("two", 2), endpoint("one", 2, device="eth1"))
    cables = ["network.veth.two", "network.address.two", "network.veth.one", "network.address.one"]
    assert [name for name in steps if name in cables] == cables
    assert [name for name in steps if name.startswith("network.route.")] == ["network.route.one"]


@pytest.mark.parametrize(
    ("first", "second", "way"),
    [
        ({}, {}, "one"),
        ({}, {"gw_priority": 1}, "two"),
        ({"gw_priority": -1}, {}, "two"),
        ({"internal": True}, {}, "two"),
        ({"gateways": []}, {}, "two"),
        ({"internal": True}, {"gateways": []}, ""),
    ],
)
def test_the_way_out_is_by_the_network_of_highest_priority_that_has_one(
    first: dict[str, Any], second: dict[str, Any], way: str
) -> None:
    steps = _steps(endpoint("one", 2, **first), endpoint("two", 2, device="eth1", **second))
    assert [name for name in steps if "route" in name] == ([f"network.route.{way}"] if way else [])


def test_ipv4_and_ipv6_may_go_out_by_different_networks() -> None:
    both = endpoint("one", 2, gw_priority=1), endpoint("two", 2, device="eth1", ipv6=True)
    steps = _steps(*both)
    assert "172.30.0.1 and to fd00:31::1" in steps["network.route.one"].says()


def test_an_internal_network_alone_needs_no_forwarding() -> None:
    assert "network.forwarding" not in _steps(endpoint("one", 2, internal=True))


def test_all_steps_that_connect_are_the_hosts() -> None:
    steps = _steps(endpoint("one", 2), ports=(WEB,))
    assert {name for name, step in steps.items() if step.side != HOST} == {"network.loopback"}


# While a container runs ---------------------------------------------------------------------------------------


def test_one_more_network_is_what_it_needs_and_the_route_of_all() -> None:
    both = endpoint("one", 2), endpoint("two", 2, device="eth1", gw_priority=1)
    plan = endpoint_plan(Wiring(_annotation(*both)), both[1]["network"])
    assert [step.name for step in plan] == [
        "network.forwarding",
        "network.bridge.two",
        "network.firewall",
        "network.veth.two",
        "network.address.two",
        "network.route.two",
    ]
    assert [step.name for step in route_plan(Wiring(_annotation(both[0])))] == ["network.route.one"]
    assert [step.name for step in network_plan(Wiring(_annotation(both[0])))] == ["network.bridge.one"]


# What they say ------------------------------------------------------------------------------------------------


def test_every_step_says_what_it_does_and_why_and_where_to_read_more() -> None:
    for step in _steps(endpoint("one", 2, ipv6=True), ports=(WEB,)).values():
        assert step.says()
        assert not step.says().endswith(".")
        assert step.why
        assert step.man


def test_a_step_names_its_real_arguments() -> None:
    steps = _steps(endpoint("one", 2, mtu=1400), ports=(WEB, port("::", 0, 53, "172.30.0.2", protocol="udp")))
    expected = {
        "network.reserve": ("tcp port 8080 of 0.0.0.0", "udp any free port of [::]"),
        "network.bridge.one": ("br-test-one", "172.30.0.1/16"),
        "network.firewall": ("one", "minidock"),
        "network.veth.one": ("vethone2", "br-test-one", "eth0", "02:42:ac:1e:00:02"),
        "network.address.one": ("eth0", "172.30.0.2/16"),
        "network.route.one": ("172.30.0.1",),
        "network.publish": ("tcp port 8080 of 0.0.0.0", "to 172.30.0.2"),
    }
    missing = {name: word for name, words in expected.items() for word in words if word not in steps[name].says()}
    assert missing == {}


def test_the_shells_commands_are_ip_and_nft() -> None:
    steps = _steps(endpoint("one", 2, mtu=1400, icc=False), ports=(WEB,))
    assert steps["network.forwarding"].shell() == "echo 1 > /proc/sys/net/ipv4/ip_forward"
    assert (
        "ip link add br-test-one address 02:42:ac:1e:00:01 mtu 1400 type bridge" in steps["network.bridge.one"].shell()
    )
    assert steps["network.veth.one"].shell() == (
        "ip link add vethone2 mtu 1400 master br-test-one up type veth"
        " peer name eth0 mtu 1400 address 02:42:ac:1e:00:02 netns $PID\n"
        "bridge link set dev vethone2 isolated on hairpin on"
    )
    assert steps["network.route.one"].shell() == "nsenter --target $PID --net ip route replace default via 172.30.0.1"
    assert "add element inet minidock ports4 { tcp . 8080 : 172.30.0.2 . 80 }" in steps["network.publish"].shell()


def test_the_shells_commands_are_such_that_a_shell_can_read_them() -> None:
    ports = (WEB, port("::", 8000, 80, "fd00:30::2", last=8005), port("::", 0, 81, "fd00:30::2", protocol="udp"))
    for step in _steps(endpoint("one", 2, ipv6=True), ports=ports).values():
        read = subprocess.run(["bash", "-n"], input=step.shell(), text=True, capture_output=True, check=False)
        assert (read.returncode, read.stderr) == (0, ""), step.name


# What is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "17", '{"root": 1', json.dumps({**PLACE, "endpoints": 1, "ports": []})]
)
def test_an_annotation_that_is_none_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(MinidockError, match=r"annotations\.minidock\.network"):
        _plan(text)


def test_the_keeper_loads_of_pyroute2_no_more_than_its_messages() -> None:
    """All of it takes longer than a container: whoever comes first waits for it."""
    script = "import sys, minidock.networks.keeper.server; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.split())
    assert "pyroute2.netlink.rtnl.ifinfmsg" in loaded
    assert not {"asyncio", "ssl", "pyroute2.iproute", "pyroute2.ndb", "pyroute2.netlink.nlsocket"} & loaded


def test_a_driver_that_nobody_knows_is_refused() -> None:
    with pytest.raises(MinidockError, match="nobody knows the driver smoke-signals"):
        _steps(endpoint("one", 2, driver="smoke-signals"))


def test_a_container_without_a_network_namespace_of_its_own_is_not_wired() -> None:
    """Its steps would wire the host."""
    with pytest.raises(MinidockError, match="namespace of its own"):
        _plan(json.dumps(_annotation(endpoint("one", 2))), own=False)
