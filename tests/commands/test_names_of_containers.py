"""Names as containers find them: by the command line, through the keeper, and after its death."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from minidock.kernel import interfaces
from minidock.kernel.namespaces import Visit
from minidock.networks import devices
from minidock.steps.keeper import Keeper, socket_name
from tests.dns import question, response_of
from tests.integration.keepers import end_keepers, keepers, kill_keeper
from tests.integration.minidocks import Minidock
from tests.waiting import wait_until

NETWORKS = ("front", "back", "closed")


class Named(Minidock):
    """The command, with networks."""

    def idle(self, name: str, *words: str) -> str:
        """A container that does nothing, and nobody answers what it asks the world: at once, since none is there."""
        words = ("--detach", "--name", name, "--dns", "127.0.0.1", *words)
        return self.ok("run", *words, "busybox", "sleep", "1000").strip()

    def address(self, name: str, network: str) -> str:
        where = f'{{{{(index .NetworkSettings.Networks "{network}").IPAddress}}}}'
        return self.ok("inspect", "--format", where, name).strip()

    def lookup(self, name: str, wanted: str) -> str:
        """The address that a container finds for a name; nothing if it finds none."""
        pid = self.ok("inspect", "--format", "{{.State.Pid}}", name).strip()
        with open(f"/proc/{pid}/ns/net") as namespace, Visit("network", namespace.fileno()):
            client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with client:
            client.settimeout(1)
            for _ in range(20):  # who asks by UDP has to ask again: while there is no keeper, nobody hears
                client.sendto(question(wanted), ("127.0.0.11", 53))
                try:
                    return ",".join(map(socket.inet_ntoa, response_of(client.recv(4096)).values))
                except TimeoutError:
                    continue
        raise AssertionError(f"{name} gets no answer")


@pytest.fixture
def named(tmp_path: Path) -> Generator[Named]:
    made = Named(tmp_path)
    for network in NETWORKS:
        made.ok("network", "create", *(["--internal"] if network == "closed" else []), network)
    yield made
    made.ok("rm", "--force", *made.ok("ps", "--all", "--quiet").split(), "nobody")
    made.ok("network", "rm", *NETWORKS)
    end_keepers(made.state)
    bridge = devices.default_bridge(str(made.root))
    if interfaces.exists(bridge):  # it is there for the next container, as docker0 is
        subprocess.run(["ip", "link", "delete", bridge], check=True)


def test_containers_of_a_network_find_each_other_and_nobody_else_does(named: Named) -> None:
    named.idle("db", "--network", "front", "--network-alias", "store", "--hostname", "example")
    web = named.idle("web", "--network", "front")
    named.idle("far", "--network", "back")
    address = named.address("db", "front")
    for name in ("db", "db.front", "store", "example"):
        assert named.lookup("web", name) == address
    assert named.lookup("db", web[:12]) == named.address("web", "front")
    assert named.lookup("far", "db") == named.lookup("web", "far") == ""
    assert "1 packets received" in named.ok("exec", "web", "ping", "-c", "1", "store")


def test_a_link_is_the_name_that_one_container_has_for_another(named: Named) -> None:
    named.idle("db", "--network", "front")
    named.idle("web", "--network", "front", "--link", "db:backend")
    named.idle("other", "--network", "front")
    assert named.lookup("web", "backend") == named.address("db", "front")
    assert named.lookup("other", "backend") == ""


def test_a_container_that_ends_is_found_no_more_and_again_when_it_is_back(named: Named) -> None:
    named.idle("web", "--network", "closed")
    named.idle("db", "--network", "closed")
    named.ok("stop", "--time", "0", "db")
    assert named.lookup("web", "db") == ""
    named.idle("squatter", "--network", "closed")
    named.ok("start", "db")
    named.ok("rename", "db", "store")
    assert named.lookup("web", "store") == named.address("store", "closed") != ""
    assert named.lookup("web", "db") == ""


def test_who_is_connected_while_it_runs_finds_others_and_is_found(named: Named) -> None:
    named.idle("db", "--network", "front")
    named.idle("web", "--network", "back")
    named.ok("network", "connect", "--alias", "visitor", "front", "web")
    assert named.lookup("web", "db") == named.address("db", "front")
    assert named.lookup("db", "visitor") == named.address("web", "front")
    named.ok("network", "disconnect", "front", "web")
    assert named.lookup("web", "db") == named.lookup("db", "visitor") == ""


def test_who_comes_from_the_default_bridge_gets_the_server_with_its_first_network_that_has_names(named: Named) -> None:
    named.idle("db", "--network", "front")
    named.idle("web")
    assert "127.0.0.11" not in named.ok("exec", "web", "cat", "/etc/resolv.conf")
    named.ok("network", "connect", "front", "web")
    assert "nameserver 127.0.0.11\n" in named.ok("exec", "web", "cat", "/etc/resolv.conf")
    assert named.lookup("web", "db") == named.address("db", "front")
    named.ok("network", "disconnect", "front", "web")
    assert "127.0.0.11" not in named.ok("exec", "web", "cat", "/etc/resolv.conf")
    assert ":F" not in named.ok("exec", "web", "netstat", "-lnu").replace("127.0.0.11:", ":F")


def test_a_killed_keeper_is_followed_by_one_that_answers_in_all_containers(named: Named) -> None:
    named.idle("db", "--network", "front")
    named.idle("web", "--network", "front")
    named.idle("inner", "--network", "closed")
    before = {name: named.lookup(name, name) for name in ("db", "web", "inner")}
    assert all(before.values())
    for _ in range(2):
        # From now on each monitor watches it: the names are opened again within a moment of its end.
        wait_until(lambda: watchers(named) == 3, "the connections of the monitors")
        killed = kill_keeper(named.state)
        assert {name: named.lookup(name, name) for name in before} == before
        assert keepers(named.state) not in ([killed], [])
        assert named.lookup("web", "db") == before["db"]


def watchers(named: Named) -> int:
    """The connections that the keeper has accepted: each of them has the address that it listens at. unix(7)"""
    address = f"/{socket_name(devices.table(str(named.root)))}"
    rows = (line.split() for line in Path("/proc/net/unix").read_text().splitlines() if line.endswith(address))
    return [row[5] for row in rows].count("03")


def test_a_container_that_shares_anothers_network_asks_the_same_server(named: Named) -> None:
    named.idle("db", "--network", "front")
    named.idle("web", "--network", "front")
    named.ok("run", "--detach", "--name", "sidecar", "--network", "container:web", "busybox", "sleep", "1000")
    assert named.lookup("sidecar", "db") == named.address("db", "front")


def test_the_namespace_of_a_container_goes_with_it(named: Named) -> None:
    """The server's sockets are in it, and would keep it."""
    named.idle("db", "--network", "front")
    web = named.idle("web", "--network", "front")
    pid = named.ok("inspect", "--format", "{{.State.Pid}}", "web").strip()
    namespace = Path(f"/proc/{pid}/ns/net").stat().st_ino
    links = {name for _, name in socket.if_nameindex()}
    named.ok("rm", "--force", "web")
    wait_until(lambda: len({name for _, name in socket.if_nameindex()}) < len(links), f"the end of the cable of {web}")
    (keeper,) = keepers(named.state)
    held = [fd.stat().st_ino for fd in Path(f"/proc/{keeper}/fd").iterdir() if "net:[" in str(fd.readlink())]
    assert namespace not in held


def test_without_the_step_nobody_answers(named: Named) -> None:
    named.idle("db", "--network", "front")
    done = named("run", "--rm", "--without", "network.names", "--network", "front", "busybox", "nslookup", "db")
    assert done.returncode != 0
    assert "Address: 172" not in done.stdout


def test_a_plan_tells_of_the_server(named: Named) -> None:
    planned = named.ok("plan", "--network", "front", "busybox", "true")
    assert "network.names: answer at 127.0.0.11 in the container for the names in its networks" in planned
    assert "network.names" not in named.ok("plan", "busybox", "true")


def test_the_keeper_goes_also_when_the_last_to_leave_it_has_only_looked_in(named: Named) -> None:
    line = Keeper(str(named.root), str(named.state), devices.table(str(named.root)))
    line.connect()
    wait_until(lambda: watchers(named) == 1, "the connection")
    line.close()
    wait_until(lambda: keepers(named.state) == [], "the end of the keeper")
