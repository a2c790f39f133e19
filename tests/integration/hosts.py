"""Several hosts on one machine: each a network namespace with its own state, on a wire of their own, and etcd on it.

host a (10.9.0.1) ──┐
host b (10.9.0.2) ──┼── wire (10.9.0.254) ── etcd
host c (10.9.0.3) ──┘   the namespace of the tests
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from minidock.kernel.namespaces import Visit
from tests.integration.minidocks import Minidock
from tests.integration.rooms import Room

WIRE, ETCD = "wire", "10.9.0.254"


class Host:
    """A machine with minidock on it."""

    def __init__(self, directory: Path, template: Path, number: int) -> None:
        self.address = f"10.9.0.{number}"
        self.room = Room()
        self.minidock = _Minidock(directory, self.room, self.address)
        shutil.copytree(template, self.minidock.root)
        self._plug(number)

    def _plug(self, number: int) -> None:
        port = f"port{number}"
        _ip("link", "add", port, "master", WIRE, "up", "type", "veth", "peer", "name", "eth0", "netns", self.room.path)
        self.room.run("ip", "address", "add", f"{self.address}/24", "dev", "eth0")
        self.room.run("ip", "link", "set", "eth0", "up")
        self.room.run("ip", "route", "add", "default", "via", ETCD)
        self._port = port

    def unplug(self) -> None:
        """It is gone, for the others: nothing comes from it, and nothing reaches it."""
        _ip("link", "set", self._port, "down")

    def plug_in(self) -> None:
        _ip("link", "set", self._port, "up")

    def close(self) -> None:
        try:
            self.minidock.clear()
        finally:
            self.end_keeper()
            _ip("link", "del", self._port)
            self.room.close()

    def end_keeper(self) -> None:
        """As a kill would; it is one of the processes that were begun with this host's directories."""
        mark = f"MINIDOCK_RUN={self.minidock.state}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                is_keeper = (process / "comm").read_text() == "minidock:keeper\n"
                is_ours = is_keeper and mark in (process / "environ").read_bytes().split(b"\0")
            except OSError:  # it has ended
                continue
            if is_ours:
                os.kill(int(process.name), signal.SIGKILL)


class _Minidock(Minidock):
    """The command, on one host."""

    def __init__(self, directory: Path, room: Room, address: str) -> None:
        super().__init__(directory)
        self._room = room
        self.environment |= {"MINIDOCK_ETCD": f"http://{ETCD}:2379", "MINIDOCK_VXLAN_ADDRESS": address}

    def __call__(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        with Visit("network", self._room.fd):
            return super().__call__(*words, **options)

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        with Visit("network", self._room.fd):
            return super().start(*words, **options)

    def clear(self) -> None:
        with Visit("network", self._room.fd):
            super().clear()


def lay_wire() -> None:
    _ip("link", "add", WIRE, "type", "bridge")
    _ip("address", "add", f"{ETCD}/24", "dev", WIRE)
    _ip("link", "set", WIRE, "up")


def take_up_wire() -> None:
    _ip("link", "del", WIRE)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
