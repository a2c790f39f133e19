"""What networks and their parts are called, on the host and by people.

Devices of the host have names of at most 15 letters, and all engines of the host share them. So what is made carries
the beginning of an id: `br-` and twelve digits of the network's, `veth` and nine of the container's.
"""

from __future__ import annotations

import os
from zlib import crc32

from minidock.errors import MinidockError

_USUAL_ROOT = "/var/lib/minidock"
_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_LETTERS = _FIRST | frozenset("_.-")
_LONGEST_DEVICE = 15  # IFNAMSIZ, less the zero at the end
_NAME = "minidock"


def check_name(name: str) -> None:
    """The name goes into rules, events, and names that containers ask for."""
    if not name.strip():
        raise MinidockError("invalid network name: name is empty")
    if name[0] not in _FIRST or not _LETTERS.issuperset(name):
        raise MinidockError(
            f'invalid network name "{name}": only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed',
        )


def is_device_name(name: str) -> bool:
    """Whether a device of the host may be called so. dev_valid_name() in net/core/dev.c"""
    return 0 < len(name.encode()) <= _LONGEST_DEVICE and name not in (".", "..") and not set(name) & set("/: \t\n")


def new_id() -> str:
    """64 hexadecimal digits, of a network or an endpoint."""
    return os.urandom(32).hex()


def default_bridge(root: str) -> str:
    """The bridge of those that ask for nothing else. Each root has its own."""
    return f"{_NAME}{_mark(root) or '0'}"


def table(root: str) -> str:
    """The table of firewall rules."""
    return f"{_NAME}{_mark(root)}"


def _mark(root: str) -> str:
    return "" if root == _USUAL_ROOT else f"-{crc32(root.encode()) & 0xFFFFFF:06x}"


def bridge(network_id: str) -> str:
    return f"br-{network_id[:12]}"


def link(container_id: str, slot: int) -> str:
    """The host's end of a container's cable."""
    return f"veth{container_id[:9]}{slot:x}"
