"""Talking with the kernel by netlink: a request, and what the kernel answers to it. netlink(7), rtnetlink(7)

The messages are pyroute2's, which knows how each is laid out; the socket is ours. For pyroute2 itself imports all that
it has, asyncio and multiprocessing among that, when any part of it is imported: 0.1 s of a processor, four times what
its messages take. So here its package is entered without being run. Its own sockets serve as well, where they are
imported by themselves: kernel/conntrack.py.

A netlink socket belongs to the network namespace that it was made in, and stays there wherever its process goes.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from importlib.machinery import PathFinder
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def _enter_package(name: str) -> None:
    """Its modules can be imported from now on; what it would import itself, is not."""
    found = PathFinder.find_spec(name)
    if name not in sys.modules and found and found.submodule_search_locations:
        package = ModuleType(name)
        package.__path__ = found.submodule_search_locations
        sys.modules[name] = package


_enter_package("pyroute2")

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg  # noqa: E402
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg  # noqa: E402
from pyroute2.netlink.rtnl.ifinfmsg.plugins.ipvlan import ipvlan  # noqa: E402
from pyroute2.netlink.rtnl.ndmsg import ndmsg  # noqa: E402
from pyroute2.netlink.rtnl.rtmsg import rtmsg  # noqa: E402

LinkMessage, AddressMessage, RouteMessage, NeighbourMessage = ifinfmsg, ifaddrmsg, rtmsg, ndmsg

ipvlan.nla_map = (*ipvlan.nla_map, ("IFLA_IPVLAN_FLAGS", "uint16"))  # linux/if_link.h: pyroute2 knows the mode alone

# What is asked for: of each kind there is a number for "make", and from there on for "delete" and "tell". rtnetlink(7)
_KINDS: dict[type[Any], int] = {LinkMessage: 16, AddressMessage: 20, RouteMessage: 24, NeighbourMessage: 28}
_NEW, _DELETE, _GET = 0, 1, 2

_REQUEST, _MANY, _ACKNOWLEDGED, _INTERRUPTED = 0x1, 0x2, 0x4, 0x10  # NLM_F_…
_DUMP = 0x300
CREATE, EXCLUSIVE, REPLACE, APPEND = 0x400, 0x200, 0x100, 0x800
_ERROR, _DONE = 2, 3  # NLMSG_…
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_LARGEST = 1 << 17


def opened() -> socket.socket:
    """A netlink socket in the namespace that the caller is in now."""
    return socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)


def message(kind: type[Any], attributes: dict[str, Any], **fields: Any) -> Any:
    """A request: its fields, and its attributes by their names in the kernel's headers. None: there is none of it."""
    made = kind()
    made.update(fields)
    made["attrs"] = nested(attributes)["attrs"]
    return made


def nested(attributes: dict[str, Any]) -> dict[str, list[tuple[str, Any]]]:
    """Attributes of an attribute."""
    return {"attrs": [(name, value) for name, value in attributes.items() if value is not None]}


class Netlink:
    """A socket, and one request after the other on it."""

    def __init__(self, sock: socket.socket | None = None) -> None:
        self.socket = sock or opened()
        self._sequence = 0

    def close(self) -> None:
        self.socket.close()

    def make(self, call: str, request: Any, flags: int = CREATE | EXCLUSIVE, *, fine: int = 0) -> None:
        """Have something made or changed. `call`: what this is, for an error; `fine`: an error that is none."""
        self._do(call, request, _NEW, flags, fine)

    def delete(self, call: str, request: Any, *, fine: int = 0) -> None:
        self._do(call, request, _DELETE, 0, fine)

    def get(self, call: str, request: Any) -> Any:
        """One thing."""
        (found,) = self._ask(call, request, _GET, _ACKNOWLEDGED)
        return found

    def everything(self, kind: type[Any], **fields: Any) -> list[Any]:
        """All that there is of a kind. If it changed while it was told, it is told once more."""
        while True:
            try:
                return list(self._ask("dump", message(kind, {}, **fields), _GET, _DUMP))
            except InterruptedError:
                continue

    def _do(self, call: str, request: Any, verb: int, flags: int, fine: int) -> None:
        try:
            list(self._ask(call, request, verb, flags | _ACKNOWLEDGED))
        except OSError as error:
            if not fine or error.errno != fine:
                raise

    def _ask(self, call: str, request: Any, verb: int, flags: int) -> Iterator[Any]:
        self._sequence += 1
        request["header"] = {"type": _KINDS[type(request)] + verb, "flags": flags | _REQUEST}
        request["header"]["sequence_number"] = self._sequence
        request.encode()
        self.socket.send(request.data)
        while True:
            for kind, marks, sequence, data in _split(self.socket.recv(_LARGEST)):
                if sequence != self._sequence:  # of a request whose answer was not read to its end
                    continue
                if marks & _INTERRUPTED:
                    raise InterruptedError
                if kind in (_ERROR, _DONE):
                    _check(call, data)
                    return
                yield _read(type(request), data)


def _split(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """The messages in what came, each with its header."""
    while len(data) >= _HEADER.size:
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data)
        yield kind, flags, sequence, data[:length]
        data = data[(length + 3) & ~3 :]


def _check(call: str, data: bytes) -> None:
    """The end of an answer: 0, or the negative number of an error."""
    number = -struct.unpack_from("=i", data, _HEADER.size)[0] if len(data) > _HEADER.size else 0
    if number:
        raise OSError(number, os.strerror(number), call)


def _read(kind: type[Any], data: bytes) -> Any:
    made = kind(data)
    made.decode()
    return made
