"""Containers in networks as the state has them, without any that exist: enough for those who only read it."""

from __future__ import annotations

from typing import Any

from minidock import jsonfile
from minidock.state import containers
from minidock.state.database import Database


def id_of(name: str) -> str:
    return name.encode().hex().ljust(64, "0")


def a_network(state: Database, name: str, *, internal: bool = False, builtin: bool = False) -> str:
    network = id_of(name)
    values = (network, name, "bridge", 1, builtin, internal, 0, 0, "{}", "{}", "[]")
    with state.change() as change:
        change.do(f"INSERT INTO networks VALUES ({', '.join('?' * len(values))})", *values)
    return network


def a_container(state: Database, name: str, *, status: str = containers.RUNNING, **options: Any) -> str:
    container = id_of(name)
    texts = {"image": "app", "image_id": "sha256:0", "command": "[]", "options": jsonfile.dump(options)}
    with state.change() as change:
        containers.add(change, {"id": container, "name": name, "created": 1, "status": status, **texts})
    return container


def connect(state: Database, container: str, network: str, ipv4: str = "", ipv6: str = "", **wishes: Any) -> None:
    slot = len(state.rows("SELECT 1 FROM endpoints WHERE container = ?", container))
    values = (container, network, f"{slot}{container[1:]}", slot, jsonfile.dump(wishes), ipv4, ipv6, "")
    with state.change() as change:
        change.do(f"INSERT INTO endpoints VALUES ({', '.join('?' * len(values))})", *values)


def settle(state: Database, container: str, status: str) -> None:
    with state.change() as change:
        containers.alter(change, container, status=status)
