"""What the things are called that a network is made of on the host: bridges, links, the table of the firewall.

A device's name has at most 15 bytes. Those of a minidock with a root directory of its own carry six digits of that
path's hash, so that several minidocks share a host, and none takes another's for its own.
"""

from __future__ import annotations

import os
from zlib import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

BRIDGE_NAME = "com.docker.network.bridge.name"  # -o: a bridge of that name, which may be there already
_HEX = "0123456789abcdef"
_USUAL_ROOT = "/var/lib/minidock"


def table(root: str) -> str:
    """The firewall's table, of the family inet."""
    return f"minidock{_mark(root)}"


def default_bridge(root: str) -> str:
    """The bridge of containers that ask for nothing else."""
    return f"minidock{_mark(root) or 0}"


def bridge(network: str, options: Mapping[str, str]) -> str:
    """The bridge of a network that somebody made, by its id."""
    return options.get(BRIDGE_NAME) or f"br-{network[:12]}"


def link(container: str, slot: int) -> str:
    """The host's end of a container's cable to its network of that number: veth4f1c0a2b-0."""
    return f"veth{container[:8]}-{slot:x}"


def is_link(name: str) -> bool:
    """Whether it is called like one of those."""
    digits, dash, slot = name.removeprefix("veth").partition("-")
    return name.startswith("veth") and len(digits) == 8 and bool(dash and slot) and not (digits + slot).strip(_HEX)


def _mark(root: str) -> str:
    if os.path.normpath(root) == _USUAL_ROOT:
        return ""
    return f"-{crc32(os.path.normpath(root).encode()) & 0xFFFFFF:06x}"
