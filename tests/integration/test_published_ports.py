"""Ports of the host that lead to a container: from everywhere they should, and from nowhere else."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable

import pytest

from minidock.kernel import interfaces, namespaces
from minidock.kernel.firewall import Firewall
from minidock.networks.ruleset import listed_ports
from tests.annotations import TABLE, endpoint, port
from tests.integration.minidocks import Minidock
from tests.integration.wires import PATIENCE, Neighbour, Wires, call, call_from
from tests.waiting import wait_until

HERE = os.getpid()


def _web(wires: Wires, *ports: dict[str, object], protocol: str = "tcp", **more: object) -> int:
    """A container on network one that serves on its port 80; its pid."""
    pid = wires.container(endpoint("one", 2, **more), ports=ports)  # type: ignore[arg-type]
    wires.serve(pid, 80, name="web", protocol=protocol)
    return pid


def _published() -> list[tuple[str, str, int, str, int]]:
    with Firewall() as firewall:
        ports = listed_ports(firewall.listing(TABLE))
    return sorted((one.protocol, one.host, one.host_port, one.address, one.port) for one in ports)


# From where -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_port_of_all_addresses_is_reached_from_everywhere(wires: Wires, neighbour: Neighbour, protocol: str) -> None:
    web = _web(wires, port("0.0.0.0", 8080, 80, "172.30.0.2", protocol=protocol), protocol=protocol)
    beside, other = wires.container(endpoint("one", 3)), wires.container(endpoint("two", 2))
    asked = {
        "the host's loopback": (HERE, "127.0.0.1"),
        "another address of it": (HERE, "127.8.8.8"),
        "the host's own address": (HERE, "10.9.0.1"),
        "the host, by the bridge": (HERE, "172.30.0.1"),
        "the world": (neighbour.pid, "10.9.0.1"),
        "a container of the same network": (beside, "172.30.0.1"),
        "it, by another address of the host": (beside, "10.9.0.1"),
        "a container of another network": (other, "172.31.0.1"),
        "it, by an address of the world": (other, "10.9.0.1"),
        "the container itself": (web, "172.30.0.1"),
        "itself, by another address": (web, "10.9.0.1"),
    }
    heard = {who: call_from(pid, host, 8080, protocol=protocol).partition(" ")[0] for who, (pid, host) in asked.items()}
    assert heard == dict.fromkeys(asked, "web")


def test_datagrams_follow_a_port_that_leads_elsewhere_by_now(wires: Wires, neighbour: Neighbour) -> None:
    """Who keeps sending from one port is one connection for the kernel, and would be sent where it was sent before."""
    wires.container(endpoint("one", 4))
    heard = []
    with _sender(neighbour) as sender:
        for number in (2, 3):
            bundle = wires.bundle(
                endpoint("one", number), ports=(port("0.0.0.0", 5353, 80, f"172.30.0.{number}", protocol="udp"),)
            )
            wires.serve(bundle.sleeping(), 80, name=str(number), protocol="udp")
            sender.send(b"?")
            heard.append(sender.recv(100).decode().partition(" ")[0])
            bundle.remove()
    assert heard == ["2", "3"]


def _sender(neighbour: Neighbour) -> socket.socket:
    """A socket of a machine beside us: it stays there, wherever its process is."""
    here, there = (os.open(namespaces.file_of(pid, "network"), os.O_RDONLY) for pid in (HERE, neighbour.pid))
    try:
        namespaces.enter("network", there)
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        namespaces.enter("network", here)
    finally:
        os.close(here)
        os.close(there)
    made.settimeout(10)
    made.connect(("10.9.0.1", 5353))
    return made


def test_who_comes_from_the_world_is_seen_with_his_own_address(wires: Wires, neighbour: Neighbour) -> None:
    _web(wires, port("0.0.0.0", 8080, 80, "172.30.0.2"))
    assert call_from(neighbour.pid, "10.9.0.1", 8080) == "web 10.9.0.2"


def test_a_port_of_ipv6_is_reached_from_everywhere_but_the_loopback(wires: Wires, neighbour: Neighbour) -> None:
    pid = wires.container(endpoint("one", 2, ipv6=True), ports=(port("::", 8080, 80, "fd00:30::2"),))
    wires.serve(pid, 80, name="web", family=socket.AF_INET6)
    other = wires.container(endpoint("two", 2, ipv6=True))
    asked = [(HERE, "fd00:9::1"), (neighbour.pid, "fd00:9::1"), (other, "fd00:31::1"), (pid, "fd00:30::1")]
    assert [call_from(*one, 8080).partition(" ")[0] for one in asked] == ["web"] * 4


def test_a_port_of_one_address_is_reached_by_that_alone(wires: Wires, neighbour: Neighbour) -> None:
    _web(wires, port("10.9.0.1", 8080, 80, "172.30.0.2"))
    assert call_from(neighbour.pid, "10.9.0.1", 8080) == "web 10.9.0.2"
    assert call("127.0.0.1", 8080) == "refused"


def test_a_port_of_the_loopback_is_reached_from_this_host_alone(wires: Wires, neighbour: Neighbour) -> None:
    """CVE-2020-8558: a neighbour may send to 127.0.0.1 by way of us."""
    _web(wires, port("127.0.0.1", 8080, 80, "172.30.0.2"))
    beside = wires.container(endpoint("one", 3))
    assert call("127.0.0.1", 8080) == "web 172.30.0.1"
    assert call_from(neighbour.pid, "10.9.0.1", 8080) == "refused"
    assert call_from(beside, "172.30.0.1", 8080) == "refused"
    for pid, gateway in ((neighbour.pid, "10.9.0.1"), (beside, "172.30.0.1")):
        _send_loopback_to(pid, gateway)
        assert call_from(pid, "127.0.0.1", 8080, patience=PATIENCE) == "silence"


def _send_loopback_to(pid: int, gateway: str) -> None:
    """Have a machine think that 127.0.0.1 is elsewhere."""
    enter = ["nsenter", f"--net=/proc/{pid}/ns/net"]
    subprocess.run([*enter, "sysctl", "-qw", "net.ipv4.conf.eth0.route_localnet=1"], check=True)
    subprocess.run([*enter, "ip", "address", "delete", "127.0.0.1/8", "dev", "lo"], check=True)
    subprocess.run([*enter, "ip", "route", "add", "127.0.0.1", "via", gateway], check=True)
    subprocess.run([*enter, "ip", "rule", "add", "from", "all", "lookup", "main", "priority", "0"], check=True)


def test_a_port_that_leads_to_nobody_is_refused(wires: Wires) -> None:
    wires.container(endpoint("one", 2), ports=(port("0.0.0.0", 8080, 80, "172.30.0.2"),))
    assert call("10.9.0.1" if interfaces.exists("beside") else "172.30.0.1", 8080) == "refused"


def test_strangers_on_one_bridge_stay_strangers_by_their_ports(wires: Wires) -> None:
    _web(wires, port("0.0.0.0", 8080, 80, "172.30.0.2"), icc=False)
    beside = wires.container(endpoint("one", 3, icc=False))
    assert call("127.0.0.1", 8080) == "web 172.30.0.1"
    assert call_from(beside, "172.30.0.1", 8080, patience=PATIENCE) == "silence"


# Which --------------------------------------------------------------------------------------------------


def test_any_free_port_is_the_same_for_all_addresses_of_one_wish(wires: Wires) -> None:
    _web(wires, port("127.0.0.1", 0, 80, "172.30.0.2"), port("127.0.0.2", 0, 80, "172.30.0.2"))
    (first, second) = _published()
    assert (first[1], second[1]) == ("127.0.0.1", "127.0.0.2")
    assert first[2] == second[2] > 0
    assert call("127.0.0.2", second[2]) == "web 172.30.0.1"


def test_of_a_range_the_first_free_port_is_taken(wires: Wires) -> None:
    with socket.create_server(("127.0.0.1", 8000)):
        wanted = port("0.0.0.0", 8000, 80, "172.30.0.2", last=8010)
        _web(wires, wanted, {**wanted, "port": 81})
        assert [(one[2], one[4]) for one in _published()] == [(8001, 80), (8002, 81)]


def test_a_port_may_lead_to_several_containers_by_several_protocols_and_addresses(wires: Wires) -> None:
    _web(wires, port("127.0.0.1", 8080, 80, "172.30.0.2"))
    for number, host, protocol in ((3, "127.0.0.2", "tcp"), (4, "127.0.0.1", "udp")):
        wanted = port(host, 8080, 80, f"172.30.0.{number}", protocol=protocol)
        wires.serve(wires.container(endpoint("one", number), ports=(wanted,)), 80, name=str(number), protocol=protocol)
    assert call("127.0.0.1", 8080) == "web 172.30.0.1"
    assert call("127.0.0.2", 8080) == "3 172.30.0.1"
    assert call("127.0.0.1", 8080, protocol="udp") == "4 172.30.0.1"


def test_sctp_is_translated_whether_or_not_this_host_has_sockets_of_it(wires: Wires) -> None:
    wires.container(endpoint("one", 2), ports=(port("0.0.0.0", 8080, 80, "172.30.0.2", protocol="sctp"),))
    assert _published() == [("sctp", "0.0.0.0", 8080, "172.30.0.2", 80)]


# Taken, and given back --------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "10.9.9.9"])
def test_a_port_of_another_program_or_of_no_address_is_told_before_anything_is_made(wires: Wires, host: str) -> None:
    bundle = wires.bundle(endpoint("one", 2), ports=(port(host, 8080, 80, "172.30.0.2"),)).program("true")
    with socket.create_server(("127.0.0.1", 8080)):
        done = bundle.run()
    why = "cannot assign requested address" if host == "10.9.9.9" else "address already in use"
    said = f"failed to bind host port for {host}:8080:172.30.0.2:80/tcp: {why}"
    assert (done.returncode, said in done.stderr) == (1, True), done.stderr
    assert {"br-test-one", "vethone2"}.isdisjoint(name for _, name in socket.if_nameindex())


@pytest.mark.parametrize("wish", [{"host_port": 8080}, {"host_port": 0}], ids=["fixed", "any"])
def test_what_another_process_undoes_leaves_no_port(wires: Wires, wish: dict[str, int]) -> None:
    kept = port("0.0.0.0", 9090, 80, "172.30.0.3")
    wires.container(endpoint("one", 3), ports=(kept,))
    wanted = {**port("127.0.0.1", 8080, 80, "172.30.0.2"), **wish, "last_host_port": wish["host_port"]}
    bundle = wires.bundle(endpoint("one", 2), ports=(wanted,))
    bundle.sleeping()
    assert len(_published()) == 2
    bundle.remove()
    assert _published() == [("tcp", "0.0.0.0", 9090, "172.30.0.3", 80)]


def test_a_port_that_somebody_left_behind_is_taken_over_and_not_taken_away_by_him(wires: Wires) -> None:
    """Nobody has it bound: whoever had is dead, and what he did has not been undone yet."""
    wires.container(endpoint("one", 4))
    first = wires.bundle(endpoint("one", 2), ports=(port("127.0.0.1", 8080, 80, "172.30.0.2"),))
    first.sleeping()
    wires.container(endpoint("one", 3), ports=(port("127.0.0.1", 8080, 80, "172.30.0.3"),))
    first.remove()
    assert _published() == [("tcp", "127.0.0.1", 8080, "172.30.0.3", 80)]


# By the command -----------------------------------------------------------------------------------------------


def _served(minidock: Minidock, *words: str) -> str:
    """A container that says hello to whoever asks for a page; its id."""
    script = "mkdir /www; echo hello > /www/index.html; exec httpd -f -p 80 -h /www"
    container = minidock.ok("run", "-d", *words, "busybox", "sh", "-c", script).strip()
    wait_until(lambda: _page("127.0.0.1") == "hello", "the first page")
    return container


def _page(host: str) -> str:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as client:
        client.settimeout(10)
        try:
            client.connect((host, 8080))
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with client.makefile() as answer:
                return answer.read().rpartition("\n\n")[2].strip()
        except OSError as error:
            return repr(error)


def test_the_ipv6_loopback_is_served_though_no_packet_of_it_can_leave(minidock: Minidock) -> None:
    container = _served(minidock, "-p", "8080:80")
    assert _page("::1") == "hello"
    minidock.ok("rm", "-f", container)
    assert "refused" in _page("::1")


def test_a_monitor_that_has_begun_afresh_still_serves_its_ports(minidock: Minidock) -> None:
    container = _served(minidock, "-p", "8080:80")
    wait_until(lambda: _is_afresh(container), "that its monitor begins afresh")
    assert _page("::1") == "hello"
    assert _page("127.0.0.1") == "hello"
    minidock.ok("rm", "-f", container)


def _is_afresh(container: str) -> bool:
    done = subprocess.run(["pgrep", "-f", f"monitor.afresh {container}"], capture_output=True, check=False)
    return done.returncode == 0


def test_much_goes_both_ways_by_the_ipv6_loopback(minidock: Minidock) -> None:
    size = 3_000_000
    words = ("-d", "-p", "8080:80", "busybox", "nc", "-ll", "-p", "80", "-e", "cat")
    container = minidock.ok("run", *words).strip()
    wait_until(lambda: call("127.0.0.1", 8080, patience=0.2) == "silence", "that cat waits")
    with socket.create_connection(("::1", 8080), timeout=60) as client:
        sender = _in_child(lambda: _send_all(client, size))
        with client.makefile("rb") as answer:
            assert len(answer.read()) == size
    os.waitpid(sender, 0)
    minidock.ok("rm", "-f", container)


def _send_all(client: socket.socket, size: int) -> None:
    client.sendall(b"x" * size)
    client.shutdown(socket.SHUT_WR)


def _in_child(act: Callable[[], object]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            act()
        finally:
            os._exit(0)
    return pid


def test_datagrams_are_answered_by_the_ipv6_loopback(minidock: Minidock) -> None:
    words = ("-d", "-p", "8080:80/udp", "busybox", "sleep", "3600")
    container = minidock.ok("run", *words).strip()
    pid = int(minidock.ok("inspect", "-f", "{{.State.Pid}}", container))
    server = _in_child(lambda: _echo(pid))
    try:
        wait_until(lambda: call("127.0.0.1", 8080, protocol="udp", patience=0.2) == "?", "the server")
        assert [call("::1", 8080, protocol="udp") for _ in range(3)] == ["?"] * 3
    finally:
        os.kill(server, 9)
        os.waitpid(server, 0)
    minidock.ok("rm", "-f", container)


def _echo(pid: int) -> None:
    namespaces.join("network", namespaces.file_of(pid, "network"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("", 80))
        while True:
            data, address = server.recvfrom(100)
            server.sendto(data, address)


def test_a_port_of_another_container_is_told_in_dockers_words(minidock: Minidock) -> None:
    container = _served(minidock, "-p", "8080:80")
    done = minidock("run", "-d", "--name", "second", "-p", "8080:80", "busybox", "true")
    assert done.returncode == 125
    assert "Bind for 0.0.0.0:8080 failed: port is already allocated" in done.stderr
    assert minidock("run", "--rm", "-p", "8081:80", "busybox", "true").returncode == 0
    minidock.ok("rm", "-f", container, "second")
