"""Networks as time goes by: many containers at once, restarts, reboots, and what others take away meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Generator
from typing import Any

import pytest

from minidock.engine.engine import Engine
from minidock.kernel.firewall import Firewall
from minidock.kernel.links import Links
from minidock.networks import devices, ruleset
from minidock.state import containers, owners
from tests.integration.minidocks import Minidock
from tests.waiting import wait_until

STAYING = ("busybox", "sleep", "1000")
MANY = 50


@pytest.fixture
def network(minidock: Minidock) -> Generator[str]:
    minidock.ok("network", "create", "--subnet", "10.92.0.0/24", "mynet")
    yield "mynet"
    minidock.clear()
    minidock.ok("network", "rm", "-f", "mynet")


@pytest.fixture
def engine(minidock: Minidock) -> Generator[Engine]:
    made = Engine(str(minidock.root), str(minidock.state))
    yield made
    made.database.close()


def settings(minidock: Minidock, name: str, network: str = "mynet") -> Any:
    return json.loads(minidock.ok("inspect", "--format", "{{json .NetworkSettings.Networks}}", name))[network]


def address(minidock: Minidock, name: str, network: str = "mynet") -> str:
    return str(settings(minidock, name, network)["IPAddress"])


def ports(minidock: Minidock, name: str) -> str:
    return minidock.ok("port", name)


def in_container(minidock: Minidock, name: str) -> str:
    return minidock.ok("exec", name, "ip", "addr", "show", "eth0")


def is_well(minidock: Minidock) -> bool:
    done = minidock("system", "check")
    assert (done.returncode, done.stdout) == (0, "All is well.\n")
    return True


def is_repaired(minidock: Minidock) -> bool:
    minidock("system", "check", "--repair")
    return is_well(minidock)


# Many at once ---------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_many_that_start_at_once_have_as_many_addresses_which_are_free_again_afterwards(
    minidock: Minidock, network: str
) -> None:
    words = ["run", "-d", "--network", network, *STAYING]
    started = [minidock.start(*words, stdout=subprocess.DEVNULL) for _ in range(MANY)]
    assert [process.wait() for process in started] == [0] * MANY
    members = json.loads(minidock.ok("network", "inspect", network))[0]["Containers"].values()
    assert sorted(member["IPv4Address"] for member in members) == sorted(
        f"10.92.0.{number}/24" for number in range(2, MANY + 2)
    )
    assert len({member["MacAddress"] for member in members}) == MANY
    assert is_well(minidock)
    minidock.clear()
    assert minidock.output("--network", network, "busybox", "hostname", "-i").strip() == "10.92.0.2"


def test_one_address_that_many_ask_for_is_given_to_one(minidock: Minidock, network: str) -> None:
    words = ["run", "-d", "--network", network, "--ip", "10.92.0.77", *STAYING]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    started = [minidock.start(*words, **quiet) for _ in range(5)]
    complaints = [process.communicate()[1] for process in started]
    assert sorted(process.returncode for process in started) == [0, 125, 125, 125, 125]
    assert sum("Address already in use" in complaint for complaint in complaints) == 4


def test_a_fixed_address_is_anothers_only_while_its_container_is_down(minidock: Minidock, network: str) -> None:
    minidock.ok("run", "-d", "--name", "first", "--network", network, "--ip", "10.92.0.5", *STAYING)
    minidock.ok("kill", "first")
    minidock.ok("run", "-d", "--name", "second", "--network", network, "--ip", "10.92.0.5", *STAYING)
    done = minidock("start", "first")
    assert (done.returncode, "10.92.0.5 is that of container second" in done.stderr) == (1, True)
    assert minidock.ok("ps", "-a", "--filter", "name=first", "--format", "{{.State}}") == "exited\n"
    minidock.ok("rm", "-f", "second")
    minidock.ok("start", "first")
    assert "10.92.0.5/24" in in_container(minidock, "first")


# Ends and beginnings --------------------------------------------------------------------------------------


def test_a_restart_keeps_addresses_and_ports(minidock: Minidock, network: str) -> None:
    minidock.ok("run", "-d", "--name", "other", "--network", network, *STAYING)
    minidock.ok("run", "-d", "--name", "web", "--network", network, "-p", "18080:80", *STAYING)
    before = address(minidock, "web")
    minidock.ok("kill", "other")
    minidock.ok("restart", "-t", "0", "web")
    assert address(minidock, "web") == before
    assert f"{before}/24" in in_container(minidock, "web")
    assert "18080" in ports(minidock, "web")
    assert is_well(minidock)


def test_one_that_ended_has_no_address_and_no_port(minidock: Minidock, network: str) -> None:
    minidock.ok("run", "-d", "--name", "web", "--network", network, "-p", "18080:80", *STAYING)
    minidock.ok("kill", "web")
    found = settings(minidock, "web")
    assert (found["IPAddress"], found["EndpointID"], found["Gateway"]) == ("", "", "")
    assert ports(minidock, "web") == ""
    minidock.ok("run", "-d", "--name", "next", "-p", "18080:80", *STAYING)


def test_a_restart_policy_brings_it_back_with_what_it_had(minidock: Minidock, network: str, engine: Engine) -> None:
    minidock.ok(
        *("run", "-d", "--name", "web", "--network", network, "--restart", "always", "-p", "18081:80"),
        *("busybox", "sh", "-c", "trap 'exit 1' TERM; while :; do sleep 0.1; done"),
    )
    before, first = address(minidock, "web"), engine.find("web").pid
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: engine.find("web").pid not in (0, first) and engine.find("web").status == "running", "a restart")
    assert address(minidock, "web") == before
    assert f"{before}/24" in in_container(minidock, "web")
    assert "18081" in ports(minidock, "web")
    assert is_well(minidock)


def test_who_shares_a_network_has_its_addresses_and_names(minidock: Minidock, network: str) -> None:
    minidock.ok("run", "-d", "--name", "web", "--network", network, "--hostname", "webhost", *STAYING)
    told = minidock.output("--network", "container:web", "busybox", "sh", "-c", "ip addr show eth0; cat /etc/hosts")
    assert f"{address(minidock, 'web')}/24" in told
    assert f"{address(minidock, 'web')}\twebhost" in told


def test_after_a_reboot_it_is_connected_again(minidock: Minidock, network: str, engine: Engine) -> None:
    minidock.ok(
        *("run", "-d", "--name", "web", "--network", network, "-p", "18082:80", "--restart", "always", *STAYING)
    )
    before = address(minidock, "web")
    _take_everything_away(minidock, engine)
    minidock.ok("system", "boot")
    assert address(minidock, "web") == before
    assert f"{before}/24" in in_container(minidock, "web")
    assert "18082" in ports(minidock, "web")
    assert is_well(minidock)


def _take_everything_away(minidock: Minidock, engine: Engine) -> None:
    """As a reboot does: processes, devices, rules and the run directory are gone."""
    row = engine.find("web")
    monitor = owners.process(row.owner)
    signal.pidfd_send_signal(monitor, signal.SIGKILL)
    os.close(monitor)
    os.kill(row.pid, signal.SIGKILL)
    wait_until(lambda: not owners.lives(row.owner), "its death")
    for bridge in (devices.bridge(engine.inspect_network("mynet")["Id"], {}), devices.default_bridge(engine.root)):
        Links().delete(bridge)
    Firewall().run(f"table inet {devices.table(engine.root)} {{ }}\ndelete table inet {devices.table(engine.root)}")
    for name in os.listdir(minidock.state):
        if not name.startswith("keeper"):
            shutil.rmtree(minidock.state / name)


# Connected meanwhile --------------------------------------------------------------------------------------


def test_a_published_port_follows_to_the_network_that_is_left(minidock: Minidock, network: str, engine: Engine) -> None:
    def leads_to() -> list[str]:
        found = ruleset.listed_ports(Firewall().listing(devices.table(engine.root)))
        return [port.address for port in found if port.host_port == 18085]

    minidock.ok("run", "-d", "--name", "web", "--network", network, "-p", "0.0.0.0:18085:80", *STAYING)
    assert leads_to() == ["10.92.0.2"]
    minidock.ok("network", "connect", "bridge", "web")
    minidock.ok("network", "disconnect", network, "web")
    assert leads_to() == [address(minidock, "web", "bridge")]
    minidock.ok("network", "disconnect", "bridge", "web")
    assert (leads_to(), ports(minidock, "web")) == ([], "")
    assert is_well(minidock)
    minidock.ok("network", "connect", network, "web")
    assert leads_to() == ["10.92.0.2"]
    assert ports(minidock, "web") == "80/tcp -> 0.0.0.0:18085\n"


def test_what_a_program_wrote_to_its_hosts_stays_when_networks_come_and_go(minidock: Minidock, network: str) -> None:
    minidock.ok("run", "-d", "--name", "web", *STAYING)
    minidock.ok("exec", "web", "sh", "-c", "echo '1.2.3.4 mine' >> /etc/hosts")
    minidock.ok("network", "connect", network, "web")
    hosts = minidock.ok("exec", "web", "cat", "/etc/hosts")
    assert ("1.2.3.4 mine\n" in hosts, "10.92.0.2\t" in hosts) == (True, True)
    assert minidock.ok("exec", "web", "head", "-1", "/etc/resolv.conf") == "nameserver 127.0.0.11\n"
    minidock.ok("network", "disconnect", network, "web")
    hosts = minidock.ok("exec", "web", "cat", "/etc/hosts")
    assert ("1.2.3.4 mine\n" in hosts, "10.92.0.2" in hosts) == (True, False)
    assert "127.0.0.11" not in minidock.ok("exec", "web", "cat", "/etc/resolv.conf")


def test_one_at_rest_is_connected_for_its_next_start(minidock: Minidock, network: str) -> None:
    minidock.ok("create", "--name", "web", *STAYING)
    minidock.ok("network", "connect", "--ip", "10.92.0.9", network, "web")
    minidock.ok("network", "disconnect", "bridge", "web")
    minidock.ok("start", "web")
    assert "10.92.0.9/24" in in_container(minidock, "web")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("connect", "mynet", "web"), "endpoint with name web already exists in network mynet"),
        (("connect", "nosuch", "web"), "network nosuch not found"),
        (("connect", "mynet", "nosuch"), "No such container: nosuch"),
        (("connect", "host", "web"), "container cannot be disconnected from host network or connected to host network"),
        (("connect", "mynet", "alone"), "container cannot be connected to multiple networks with one of the networks"),
        (("connect", "--ip", "10.92.0.1", "bridge", "web"), "invalid config for network bridge"),
        (("disconnect", "bridge", "web"), "is not connected to network bridge"),
        (("disconnect", "nosuch", "web"), "network nosuch not found"),
        (("rm", "mynet"), 'error while removing network: network mynet has active endpoints (name:"web" id:"'),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    minidock: Minidock, network: str, words: tuple[str, ...], complaint: str
) -> None:
    minidock.ok("run", "-d", "--name", "web", "--network", network, *STAYING)
    minidock.ok("create", "--name", "alone", "--network", "none", *STAYING)
    done = minidock("network", *words)
    assert (done.returncode, complaint in done.stderr.partition("\n")[0]) == (1, True), done.stderr
    assert address(minidock, "web") == "10.92.0.2"
    assert is_well(minidock)


# What others take away ------------------------------------------------------------------------------------


def test_a_table_that_somebody_flushed_is_missed_and_put_back(minidock: Minidock, network: str, engine: Engine) -> None:
    minidock.ok("run", "-d", "--name", "web", "--network", network, "-p", "18083:80", *STAYING)
    table, bridge = devices.table(engine.root), devices.bridge(engine.inspect_network(network)["Id"], {})
    before = {element for element in _elements(table) if bridge in element or "18083" in element}
    assert len(before) >= 4
    Firewall().run("flush ruleset")
    told = minidock("system", "check")
    assert (told.returncode, f"there is no table inet {table}" in told.stdout) == (1, True)
    assert is_repaired(minidock)
    assert _elements(table) >= before
    Firewall().run("flush ruleset")
    minidock.output("busybox", "true")
    assert _elements(table) >= before


def _elements(table: str) -> set[str]:
    """Which bridge is in which set, and which port leads where."""
    found = [entry[kind] for entry in Firewall().listing(table) for kind in ("set", "map") if kind in entry]
    return {f"{one['name']} {json.dumps(element)}" for one in found for element in one.get("elem", ())}


def test_a_cable_that_somebody_took_away_is_missed_and_plugged_in_again(minidock: Minidock, network: str) -> None:
    made = minidock.ok("run", "-d", "--name", "web", "--network", network, *STAYING).strip()
    Links().delete(devices.link(made, 0))
    assert "it is not connected as it should be" in minidock("system", "check").stdout
    assert is_repaired(minidock)
    minidock.ok("exec", "web", "ping", "-c", "1", "-W", "5", "10.92.0.1")


def test_a_bridge_that_somebody_took_away_is_missed_and_put_back(
    minidock: Minidock, network: str, engine: Engine
) -> None:
    minidock.ok("run", "-d", "--name", "web", "--network", network, *STAYING)
    minidock.ok("run", "-d", "--name", "db", "--network", network, *STAYING)
    Links().delete(devices.bridge(engine.inspect_network(network)["Id"], {}))
    assert "it is not connected as it should be" in minidock("system", "check").stdout
    assert is_repaired(minidock)
    minidock.ok("exec", "web", "ping", "-c", "1", "-W", "5", address(minidock, "db"))


def test_a_network_that_is_removed_leaves_nothing_on_the_host(minidock: Minidock, engine: Engine) -> None:
    made = minidock.ok("network", "create", "short").strip()
    minidock.output("--network", "short", "busybox", "true")
    bridge = devices.bridge(made, {})
    assert Links().find(bridge)
    minidock.ok("network", "rm", "short")
    assert not Links().find(bridge)
    assert not any(bridge in element for element in _elements(devices.table(engine.root)))
    assert engine.check() == []


def test_a_network_whose_bridge_somebody_took_away_leaves_nothing_either(minidock: Minidock, engine: Engine) -> None:
    minidock.ok("run", "-d", *STAYING)
    made = minidock.ok("network", "create", "short").strip()
    minidock.output("--network", "short", "busybox", "true")
    Links().delete(devices.bridge(made, {}))
    minidock.ok("network", "rm", "short")
    assert not any(devices.bridge(made, {}) in element for element in _elements(devices.table(engine.root)))
    assert is_well(minidock)


@pytest.mark.parametrize("command", ["network", "system"])
def test_a_network_that_cannot_be_removed_does_not_keep_others_from_being_pruned(
    minidock: Minidock, command: str
) -> None:
    """Somebody has put a link of their own on the bridge of one."""
    bridges = {}
    for name in ("one", "three", "two"):
        bridges[name] = devices.bridge(minidock.ok("network", "create", name).strip(), {})
        minidock.output("--network", name, "busybox", "true")
    words = ["foreign0", "master", bridges["one"], "type", "veth", "peer", "name", "foreign1"]
    subprocess.run(["ip", "link", "add", *words], check=True)
    with Links() as links:
        done = minidock(command, "prune", "-f")
        assert done.returncode == 0
        assert "Deleted Networks:\nthree\ntwo\n" in done.stdout
        assert done.stderr == (
            f"WARNING: could not remove network one: bridge {bridges['one']} is in use: foreign0 is on it, and of no"
            " container\n  hint: take it off: ip link set foreign0 nomaster\n"
        )
        assert [name for name, bridge in bridges.items() if links.find(bridge)] == ["one"]
        links.put_on("foreign0", "")
        assert minidock.ok("network", "prune", "-f") == "Deleted Networks:\none\n\n"
        links.delete("foreign0")


def test_a_container_at_rest_does_not_keep_its_network_and_says_so_when_it_starts(minidock: Minidock) -> None:
    minidock.ok("network", "create", "short")
    minidock.ok("create", "--name", "web", "--network", "short", *STAYING)
    minidock.ok("network", "rm", "short")
    done = minidock("start", "web")
    assert (done.returncode, done.stderr.partition("\n")[0]) == (1, "minidock: network short not found")
    minidock.ok("network", "create", "--subnet", "10.93.0.0/24", "short")
    minidock.ok("start", "web")
    assert address(minidock, "web", "short") == "10.93.0.2"
    assert is_well(minidock)
    minidock.clear()
    minidock.ok("network", "rm", "short")


def test_what_connects_it_is_undone_if_its_program_cannot_be_started(minidock: Minidock, network: str) -> None:
    done = minidock("run", "--name", "web", "--network", network, "-p", "18084:80", "busybox", "/nosuch")
    assert done.returncode == 127
    assert minidock.ok("ps", "-a", "--format", "{{.State}}") == f"{containers.CREATED}\n"
    assert ports(minidock, "web") == ""
    minidock.ok("run", "-d", "--network", network, "-p", "18084:80", *STAYING)
    assert is_well(minidock)


@pytest.mark.parametrize("end", ["policy drop;", "policy accept;\nct state invalid drop\nreject"])
def test_a_firewall_of_others_that_is_in_the_way_is_told(minidock: Minidock, end: str) -> None:
    minidock.ok("run", "-d", *STAYING)
    Firewall().run(f"table ip strict {{\nchain FORWARD {{\ntype filter hook forward priority 0; {end}\n}}\n}}")
    try:
        told = minidock("system", "check")
        assert (told.returncode, "the firewall's chain ip strict FORWARD is another's" in told.stdout) == (1, True)
    finally:
        Firewall().run("delete table ip strict")
    assert is_well(minidock)
