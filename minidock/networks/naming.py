"""What networks may be called, by people; and the ids of networks and endpoints. devices.py has the host's names."""

from __future__ import annotations

import os

from minidock.errors import MinidockError

_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_LETTERS = _FIRST | frozenset("_.-")
_LONGEST_DEVICE = 15  # IFNAMSIZ, less the zero at the end


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
