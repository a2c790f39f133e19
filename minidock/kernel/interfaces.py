"""Network devices, as far as they need no netlink: by the old ioctl(2) requests, in the caller's own network namespace.

A new network namespace holds only `lo`, and it is down. netdevice(7)
"""

from __future__ import annotations

import _socket
import errno
import fcntl
import struct

_GET_FLAGS, _SET_FLAGS, _GET_ADDRESS, _GET_INDEX = 0x8913, 0x8914, 0x8915, 0x8933  # SIOCGIFFLAGS and so on
_UP = 1  # IFF_UP
_LONGEST_NAME = 15


def bring_up(name: str) -> None:
    """Switch a device on."""
    (flags,) = struct.unpack_from("h", _asked(_GET_FLAGS, name), 16)
    _ask(_SET_FLAGS, struct.pack("16sh22x", name.encode(), flags | _UP))


def is_up(name: str) -> bool:
    """Whether there is such a device, and it is switched on."""
    try:
        (flags,) = struct.unpack_from("h", _asked(_GET_FLAGS, name), 16)
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        return False
    return bool(flags & _UP)


def index(name: str, socket: _socket.socket | None = None) -> int:
    """The number that the kernel has for a device, in the namespace that the socket was made in. netdevice(7)"""
    (number,) = struct.unpack_from("i", _asked(_GET_INDEX, name, socket), 16)
    return int(number)


def exists(name: str) -> bool:
    try:
        return index(name) > 0
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        return False


def address(name: str) -> str:
    """Its first IPv4 address; nothing if it has none."""
    try:
        return _socket.inet_ntoa(_asked(_GET_ADDRESS, name)[20:24])
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise
        return ""


def _asked(request: int, name: str, socket: _socket.socket | None = None) -> bytes:
    if len(name.encode()) > _LONGEST_NAME:  # it would be cut, and another device be meant
        raise OSError(errno.ENODEV, f"a device's name has at most {_LONGEST_NAME} bytes", name)
    try:
        return _ask(request, struct.pack("16s24x", name.encode()), socket)
    except OSError as error:
        raise OSError(error.errno, error.strerror, f'ioctl({request:#x}, "{name}")') from None


def _ask(request: int, data: bytes, socket: _socket.socket | None = None) -> bytes:
    """Any socket will do."""
    control = socket or _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        return fcntl.ioctl(control, request, data)
    finally:
        if socket is None:
            control.close()
