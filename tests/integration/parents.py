"""A wire of the host that containers share by macvlan and ipvlan, and a machine at its other end."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Generator

import pytest

from tests.integration.rooms import Room

PARENT, SUBNET, ROUTER = "wire0", "10.30.0.0/24", "10.30.0.1"


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def need(kind: str, *words: str) -> None:
    """Devices of a kind, which not every kernel has."""
    done = subprocess.run(["ip", "link", "add", "probe0", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this kernel has no {kind}: {done.stderr.strip()}")
    ip("link", "del", "probe0")


@pytest.fixture
def router() -> Generator[Room]:
    """A machine at the other end of the wire."""
    room = Room()
    ip("link", "add", PARENT, "up", "type", "veth", "peer", "name", "eth0", "netns", room.path)
    room.run("ip", "address", "add", f"{ROUTER}/24", "dev", "eth0")
    room.run("ip", "link", "set", "eth0", "up")
    yield room
    ip("link", "del", PARENT)
    room.close()


def devices() -> set[str]:
    return {link["ifname"] for link in json.loads(ip("-j", "link"))}
