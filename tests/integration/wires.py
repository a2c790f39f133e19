"""Containers on networks, by config.json alone: what the engine would write there is written by hand.

The tests are in a network namespace of their own, which is the host here. `Neighbour` is a machine beside it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minidock.kernel import interfaces, namespaces
from minidock.kernel.firewall import Firewall
from minidock.kernel.links import Links
from minidock.kernel.netlink import opened
from minidock.steps.network import Wiring
from tests.annotations import NETWORKS, TABLE, bridge
from tests.integration.bundles import Bundle
from tests.integration.keepers import end_keepers
from tests.waiting import wait_until

PATIENCE = 2.0 * float(os.environ.get("MINIDOCK_TIMEOUT_SCALE", "1"))  # for what should not come; else it comes at once


class Wires:
    """The containers of a test, and what they are connected by."""

    def __init__(self, bundle: Bundle) -> None:
        self._first: Bundle | None = bundle
        self._bundle = bundle
        self._servers: list[int] = []
        self._links = _links()  # what was there before
        self.run = bundle.state

    def annotation(self, *endpoints: dict[str, Any], ports: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
        place = {"root": str(self._bundle.path / "root"), "run": str(self.run), "table": TABLE}
        return {**place, "endpoints": list(endpoints), "ports": list(ports), "names": False}

    def wiring(self, *endpoints: dict[str, Any], ports: tuple[dict[str, Any], ...] = ()) -> Wiring:
        return Wiring(self.annotation(*endpoints, ports=ports))

    def bundle(self, *endpoints: dict[str, Any], ports: tuple[dict[str, Any], ...] = ()) -> Bundle:
        """A container that has not begun."""
        made = self._first or self._bundle.sibling()
        self._first = None
        made.config["annotations"] = {"minidock.network": json.dumps(self.annotation(*endpoints, ports=ports))}
        return made

    def container(self, *endpoints: dict[str, Any], ports: tuple[dict[str, Any], ...] = ()) -> int:
        """A container that runs; the pid of its first process."""
        return self.bundle(*endpoints, ports=ports).sleeping()

    def serve(
        self, pid: int, number: int, *, name: str = "", protocol: str = "tcp", family: int = socket.AF_INET
    ) -> None:
        """A server in a container's network, which answers everything with a name and who it was that asked."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                namespaces.join("network", namespaces.file_of(pid, "network"))
                _serve(number, name, protocol, family, writing)
            finally:
                os._exit(1)
        os.close(writing)
        self._servers.append(child)
        assert os.read(reading, 1) == b"!", "the server did not begin"
        os.close(reading)

    def clear(self) -> None:
        """Everything goes: containers first, since they need the keeper for that."""
        for pid in self._servers:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self._bundle.remove()
        remove_networks(self.run)
        wait_until(lambda: _links() <= self._links, "that no link is left")


def remove_networks(run: Path) -> None:
    """What stays of networks when containers go, and the keeper of a run directory."""
    end_keepers(run)
    with Links() as links:
        for network in NETWORKS:
            links.delete(bridge(network))
    with Firewall() as firewall:
        firewall.run(f"table inet {TABLE} {{ }}\ndelete table inet {TABLE}")


def _links() -> set[str]:
    return {name for _, name in socket.if_nameindex()}


def _serve(number: int, name: str, protocol: str, family: int, ready: int) -> None:
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family, kind) as server:
        server.bind(("", number))
        if protocol == "tcp":
            server.listen()
        os.write(ready, b"!")
        while True:
            if protocol == "tcp":
                client, address = server.accept()
                client.sendall(f"{name} {address[0]}".encode())
                client.close()
            else:
                _, address = server.recvfrom(100)
                server.sendto(f"{name} {address[0]}".encode(), address)


def call(host: str, number: int, *, protocol: str = "tcp", patience: float = 10.0) -> str:
    """What a server says; a word for it if there is none, or nothing comes."""
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as client:
        client.settimeout(patience)
        try:
            client.connect((host, number))
            if protocol == "udp":
                client.send(b"?")
            return client.recv(100).decode()
        except TimeoutError:
            return "silence"
        except ConnectionRefusedError:
            return "refused"
        except OSError as error:
            return os.strerror(error.errno or 0)


def inside(pid: int, question: Callable[[], str]) -> str:
    """What comes out of a question that is asked in the network namespace of a process."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            namespaces.join("network", namespaces.file_of(pid, "network"))
            os.write(writing, question().encode())
        except BaseException as error:  # it would be lost with this process
            sys.stderr.write(f"{error!r}\n")
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer


def call_from(pid: int, host: str, number: int, *, protocol: str = "tcp", patience: float = 10.0) -> str:
    return inside(pid, lambda: call(host, number, protocol=protocol, patience=patience))


def ping(pid: int, host: str) -> bool:
    """Whether a packet comes back; ping(8) in another's network, without its files."""
    return inside(pid, lambda: str(os.spawnlp(os.P_WAIT, "busybox", "busybox", "ping", *_PING, host))) == "0"


_PING = ("-q", "-c1", "-W2")


class Neighbour:
    """A machine beside the host: a network namespace with a process, and a cable to us. We are 10.9.0.1, it is .2."""

    def __init__(self) -> None:
        reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            namespaces.unshare("network")
            interfaces.bring_up("lo")
            os.write(writing, b"!")
            signal.pause()
            os._exit(0)
        os.read(reading, 1)
        os.close(reading)
        os.close(writing)
        self._plug_in()

    def _plug_in(self) -> None:
        here, there = namespaces.open_own("network"), os.open(namespaces.file_of(self.pid, "network"), os.O_RDONLY)
        try:
            with Links() as links:
                links.make_veth(
                    "beside", master="", peer="eth0", peer_mac="02:00:00:00:00:02", mtu=1500, namespace=there
                )
                links.add_address("beside", "10.9.0.1/24")
                links.add_address("beside", "fd00:9::1/64")
            namespaces.enter("network", there)
            netlink = opened()
            namespaces.enter("network", here)
            with Links(netlink) as links:
                links.add_address("eth0", "10.9.0.2/24")
                links.add_address("eth0", "fd00:9::2/64")
                links.bring_up("eth0")
                links.set_default_route(gateway="10.9.0.1")
        finally:
            os.close(here)
            os.close(there)

    def leave(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        with Links() as links:
            links.delete("beside")
