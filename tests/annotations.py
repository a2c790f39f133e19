"""What the engine writes of a container's networks into config.json, here by hand: docs/networks.md."""

from __future__ import annotations

from typing import Any

TABLE = "minidock-test"
NETWORKS = {"one": 30, "two": 31}  # each has 172.N.0.0/16 and fd00:N::/64


def bridge(network: str) -> str:
    return f"br-test-{network}"


def endpoint(network: str, number: int, *, device: str = "eth0", ipv6: bool = False, **more: Any) -> dict[str, Any]:
    """A container's place in a network; its addresses end with its number."""
    subnet = NETWORKS[network]
    hosts = [f"172.{subnet}.0.{{}}/16", *([f"fd00:{subnet}::{{}}/64"] if ipv6 else [])]
    usual = {
        "network": network.ljust(64, "0"),
        "name": network,
        "driver": "bridge",
        "bridge": bridge(network),
        "bridge_addresses": [host.format(1) for host in hosts],
        "mtu": 1500,
        "internal": False,
        "icc": True,
        "masquerade": True,
        "link": f"veth{network}{number}",
        "device": device,
        "mac": f"02:42:ac:{subnet:02x}:00:{number:02x}",
        "addresses": [host.format(number) for host in hosts],
        "gateways": [host.format(1).partition("/")[0] for host in hosts],
        "options": {},
    }
    return {**usual, **more}


def port(
    host: str, host_port: int, target: int, address: str, *, last: int = 0, protocol: str = "tcp"
) -> dict[str, Any]:
    """A port of the host that leads to one of a container."""
    numbers = {"host_port": host_port, "last_host_port": last or host_port, "port": target}
    return {"protocol": protocol, "host": host, **numbers, "address": address}
