"""`minidock network …`, `-p` and `--network`, with containers that are really connected. What is drawn is compared with
what the kernel says by other ways.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from minidock.kernel.firewall import Firewall
from minidock.networks import devices
from tests.integration.minidocks import Minidock
from tests.waiting import wait_until

STAYING = ("busybox", "sleep", "1000")
# Says what it is, once, to whoever comes.
SPEAKING = ("busybox", "nc", "-l", "-p", "80", "-e", "echo", "hello")
MAC = "02:42:0a:5b:00:99"


@pytest.fixture
def network(minidock: Minidock) -> Iterator[str]:
    minidock.ok("network", "create", "--subnet", "10.91.0.0/24", "mynet")
    yield "mynet"
    minidock.clear()
    minidock.ok("network", "rm", "-f", "mynet")


def inspected(minidock: Minidock, *words: str) -> Any:
    return json.loads(minidock.ok("inspect", *words))[0]


def devices_of(minidock: Minidock, name: str) -> set[str]:
    lines = minidock.ok("exec", name, "ip", "-o", "link").splitlines()
    return {re.split(r"[:@] ?", line)[1] for line in lines}


def refused(minidock: Minidock, *words: str, code: int = 1) -> str:
    done = minidock(*words)
    assert done.returncode == code, done
    return str(done.stderr).partition("\n")[0].removeprefix("minidock: ")


# Containers in networks -----------------------------------------------------------------------------------


def test_a_container_is_on_the_default_bridge_unless_it_is_told_otherwise(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "web", *STAYING)
    assert devices_of(minidock, "web") == {"lo", "eth0"}
    assert minidock.ok("ps", "--format", "{{.Networks}}") == "bridge\n"
    assert "default via 172." in minidock.ok("exec", "web", "ip", "route")
    assert minidock.output("--network", "none", "busybox", "ip", "-o", "link").count("\n") == 1


def test_the_long_form_of_a_network_is_what_the_kernel_has(minidock: Minidock, network: str) -> None:
    wishes = f"name={network},ip=10.91.0.9,mac-address={MAC},alias=db,link-local-ip=169.254.7.7"
    minidock.ok("run", "-d", "--name", "web", "--network", wishes, *STAYING)
    shown = minidock.ok("exec", "web", "ip", "address", "show", "eth0")
    assert f"link/ether {MAC}" in shown
    assert "inet 10.91.0.9/24" in shown
    assert "inet 169.254.7.7/16" in shown
    found = inspected(minidock, "web")["NetworkSettings"]["Networks"][network]
    assert (found["IPAddress"], found["MacAddress"], found["Aliases"]) == ("10.91.0.9", MAC, ["db"])


def test_a_running_container_comes_into_a_network_and_out_again(minidock: Minidock, network: str) -> None:
    minidock.ok("run", "-d", "--name", "web", *STAYING)
    assert minidock.ok("network", "connect", "--ip", "10.91.0.7", "--alias", "a", network, "web") == ""
    assert devices_of(minidock, "web") == {"lo", "eth0", "eth1"}
    assert "10.91.0.7/24" in minidock.ok("exec", "web", "ip", "address", "show", "eth1")
    assert minidock.ok("ps", "--format", "{{.Networks}}") == f"bridge,{network}\n"
    assert refused(minidock, "network", "connect", network, "web") == (
        f"endpoint with name web already exists in network {network}"
    )
    assert minidock.ok("network", "disconnect", network, "web") == ""
    assert devices_of(minidock, "web") == {"lo", "eth0"}
    assert refused(minidock, "network", "disconnect", network, "web").endswith(f"is not connected to network {network}")


def test_names_of_a_network_are_found_in_it_and_the_picture_says_so(minidock: Minidock, network: str) -> None:
    minidock.ok("run", "-d", "--name", "web", "--network", network, "--network-alias", "www", *STAYING)
    for name in ("web", "www"):
        said = minidock.output("--network", network, "busybox", "ping", "-c", "1", "-w", "10", name)
        assert "64 bytes from 10.91.0.2" in said
    assert re.search(r"names +web · [0-9a-f]{12} · www · answered at 127\.0\.0\.11", xray(minidock, network))


def test_a_network_tells_who_is_in_it_and_stays_while_somebody_is(minidock: Minidock, network: str) -> None:
    identifier = minidock.ok("run", "-d", "--name", "web", "--network", network, *STAYING).strip()
    members = json.loads(minidock.ok("network", "inspect", network))[0]["Containers"]
    assert members[identifier]["Name"] == "web"
    assert members[identifier]["IPv4Address"] == "10.91.0.2/24"
    assert "has active endpoints" in refused(minidock, "network", "rm", network)
    assert minidock.ok("network", "prune", "-f") == ""
    assert minidock.ok("network", "ls", "-q", "-f", "dangling=true") == ""
    minidock.ok("rm", "-f", "web")
    assert minidock.ok("network", "ls", "-f", "dangling=true", "--format", "{{.Name}}") == f"{network}\n"
    assert minidock.ok("network", "rm", network) == f"{network}\n"
    assert devices.bridge(members and identifier, {}) not in dict(socket.if_nameindex()).values()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--network", "nosuch"], "network nosuch not found"),
        (["--ip", "10.91.0.5"], "user specified IP address is supported on user defined networks only"),
        (
            ["--network", "mynet", "--ip", "10.92.0.5"],
            "no configured subnet or ip-range contain the IP address 10.92.0.5",
        ),
        (["--network", "mynet", "--ip", "x"], "invalid IPv4 address: x"),
        (["--network", "container:nosuch"], "No such container: nosuch"),
        (["-p", "70000"], "invalid containerPort: 70000"),
        (["--network-alias", "a"], "network-scoped aliases are only supported for user-defined networks"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(
    words: list[str], said: str, minidock: Minidock, network: str
) -> None:
    assert network
    done = minidock("run", *words, *STAYING)
    assert done.returncode == 125
    assert said in done.stderr.partition("\n")[0]
    assert len(done.stderr.splitlines()) <= 3
    assert minidock.ok("ps", "-aq") == ""


# Published ports ------------------------------------------------------------------------------------------


def said_at(port: int, host: str = "127.0.0.1") -> bytes:
    with socket.create_connection((host, port), timeout=10) as client:
        return client.recv(100)


def said_at_last(port: int, host: str) -> bytes:
    """Between two connections nobody listens for a moment."""
    try:
        return said_at(port, host)
    except OSError:
        return b""


def test_a_published_port_is_told_and_answers(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "web", "-p", "127.0.0.1:18080:80", "--expose", "99", *SPEAKING)
    assert minidock.ok("port", "web") == "80/tcp -> 127.0.0.1:18080\n"
    assert minidock.ok("port", "web", "80") == "127.0.0.1:18080\n"
    assert minidock.ok("ps", "--format", "{{.Ports}}") == "99/tcp, 127.0.0.1:18080->80/tcp\n"
    assert minidock.ok("ps", "-q", "-f", "publish=18080") != ""
    assert said_at(18080) == b"hello\n"
    minidock.ok("wait", "web")
    assert minidock.ok("port", "web") == ""


def test_a_published_port_survives_the_command_line_and_goes_with_its_container(minidock: Minidock) -> None:
    script = "while true; do echo hello | nc -l -p 80; done"
    command = minidock.start("run", "--name", "web", "-p", "18080:80", "busybox", "sh", "-c", script)
    wait_until(lambda: "web" in minidock.ok("ps", "--format", "{{.Names}}"))
    command.kill()
    command.wait()
    for host in ("127.0.0.1", "::1"):
        wait_until(lambda host=host: said_at_last(18080, host) == b"hello\n")  # type: ignore[misc]
    minidock.ok("rm", "-f", "web")
    with socket.create_server(("0.0.0.0", 18080)):
        pass


def test_any_free_port_will_do_for_all_that_are_exposed(minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "web", "-P", "--expose", "80", *SPEAKING)
    port = int(minidock.ok("port", "web", "80").splitlines()[0].rpartition(":")[2])
    bindings = inspected(minidock, "web")["NetworkSettings"]["Ports"]["80/tcp"]
    assert {"HostIp": "0.0.0.0", "HostPort": str(port)} in bindings
    assert said_at(port) == b"hello\n"


def test_of_a_range_the_first_free_port_is_taken(minidock: Minidock) -> None:
    for name in ("one", "two"):
        minidock.ok("run", "-d", "--name", name, "-p", "127.0.0.1:18080-18085:80", *STAYING)
    assert [minidock.ok("port", name, "80") for name in ("one", "two")] == ["127.0.0.1:18080\n", "127.0.0.1:18081\n"]


def test_a_taken_port_is_an_error_before_anything_starts(minidock: Minidock) -> None:
    with socket.create_server(("127.0.0.1", 18080)):
        done = minidock("run", "--name", "web", "-p", "127.0.0.1:18080:80", "busybox", "touch", "/began")
        assert done.returncode == 125
        assert "127.0.0.1:18080" in done.stderr
        assert "port is already allocated" in done.stderr or "address already in use" in done.stderr
    assert "began" not in minidock.ok("diff", "web")


def test_on_the_hosts_network_nothing_is_published_and_that_is_said(minidock: Minidock) -> None:
    done = minidock("run", "--rm", "--network", "host", "-p", "18080:80", "busybox", "true")
    assert (done.returncode, done.stderr) == (
        0,
        "WARNING: Published ports are discarded when using host network mode\n",
    )


# xray -----------------------------------------------------------------------------------------------------


def xray(minidock: Minidock, name: str) -> str:
    picture = minidock.ok("network", "xray", name)
    assert max(map(len, picture.splitlines())) <= 100
    return picture


def test_the_picture_is_what_the_kernel_has(minidock: Minidock, network: str) -> None:
    minidock.ok("run", "-d", "--name", "web", "--network", network, "-p", "127.0.0.1:18080:80", *STAYING)
    pid = inspected(minidock, "web")["State"]["Pid"]
    picture = xray(minidock, network)
    bridge = devices.bridge(inspected(minidock, "--type", "network", network)["Id"], {})
    names = {name: index for index, name in socket.if_nameindex()}
    link = next(name for name in names if name.startswith("veth"))
    assert f"└── {bridge}     the bridge · up" in picture
    assert f"{link} #{names[link]}" in picture
    assert f"net:[{os.stat(f'/proc/{pid}/ns/net').st_ino}]" in picture
    assert f"net:[{os.stat('/proc/self/ns/net').st_ino}]" in picture
    mac = minidock.ok("exec", "web", "cat", "/sys/class/net/eth0/address").strip()
    assert re.search(rf"╚══╪═ eth0 #\d+ +10\.91\.0\.2/24 · {mac} · mtu 1500 +│", picture)
    assert "default via 10.91.0.1 · 10.91.0.0/24 on eth0" in picture
    assert "127.0.0.1 . tcp . 18080 → 10.91.0.2 . 80" in picture
    assert "iifname . oifname @within accept" in picture


def test_the_picture_misses_what_somebody_has_taken_away(minidock: Minidock, network: str) -> None:
    minidock.ok("run", "-d", "--name", "web", "--network", network, *STAYING)
    table, firewall = devices.table(str(minidock.root)), Firewall()
    try:
        firewall.run(f"flush chain inet {table} forward")
        assert "✗ chain forward has lost the rule: neighbours" in xray(minidock, network)
        firewall.run(f"delete table inet {table}")
        assert f"FIREWALL the table inet {table} is not there" in xray(minidock, network)
    finally:
        firewall.close()


def test_a_network_that_nobody_was_in_is_drawn_as_it_is(minidock: Minidock, network: str) -> None:
    minidock.ok("create", "--name", "old", "--network", network, *STAYING)
    picture = xray(minidock, network)
    assert "not there: it is made when the first container comes" in picture
    assert re.search(r"at rest +old", picture)


@pytest.mark.parametrize("name", ["host", "none"])
def test_networks_without_a_bridge_show_who_is_in_them(name: str, minidock: Minidock) -> None:
    minidock.ok("run", "-d", "--name", "web", "--network", name, *STAYING)
    picture = xray(minidock, name)
    assert "─ web ·" in picture
    assert "FIREWALL" not in picture


def test_a_network_that_does_not_exist_has_no_picture(minidock: Minidock) -> None:
    assert refused(minidock, "network", "xray", "nosuch") == "network nosuch not found"
