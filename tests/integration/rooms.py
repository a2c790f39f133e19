"""Network namespaces of a test's own, without any process in them, and cables between them."""

from __future__ import annotations

import os
import socket
import subprocess
from typing import Any

from minidock.kernel import interfaces, namespaces
from minidock.kernel.namespaces import Visit


class Room:
    """A network namespace. It ends with this object's descriptor, if nobody else has it open."""

    def __init__(self) -> None:
        home = namespaces.open_own("network")
        with Visit("network", home):
            namespaces.unshare("network")
            interfaces.bring_up("lo")
            self.fd = namespaces.open_own("network")
        os.close(home)

    @property
    def path(self) -> str:
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def close(self) -> None:
        os.close(self.fd)

    def socket(self, kind: int, family: int = socket.AF_INET) -> socket.socket:
        """A socket that is in there, while we are not."""
        with Visit("network", self.fd):
            made = socket.socket(family, kind)
        made.settimeout(20)
        return made

    def run(self, *words: str, **options: Any) -> str:
        """What a command prints that is run in there; it must succeed."""
        done = subprocess.run(
            ["nsenter", f"--net={self.path}", *words], capture_output=True, text=True, check=False, **options
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return str(done.stdout)

    def write(self, path: str, text: str) -> None:
        with Visit("network", self.fd), open(path, "w") as file:
            file.write(text)


def cable(one: Room, other: Room, address: str, other_address: str) -> None:
    """A veth pair between two rooms; each gets an address, and a way to everywhere through the other."""
    one.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", other.path)
    for room, mine, its in ((one, address, other_address), (other, other_address, address)):
        room.run("ip", "address", "add", f"{mine}/24", "dev", "eth0")
        room.run("ip", "link", "set", "eth0", "up")
        room.run("ip", "route", "add", "default", "via", its)
