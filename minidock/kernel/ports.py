"""Ports of this machine: bound by a socket, and so nobody else's as long as that is open. bind(2), ip(7)"""

from __future__ import annotations

import _socket
import os

from minidock.kernel import processes

_SCTP = 132  # IPPROTO_SCTP
_KINDS = {"tcp": (_socket.SOCK_STREAM, 0), "udp": (_socket.SOCK_DGRAM, 0), "sctp": (_socket.SOCK_STREAM, _SCTP)}
_WAITING = 128  # connections


def bound(protocol: str, host: str, port: int) -> _socket.socket:
    """A socket on a port; 0 is any that is free. OSError if it is taken (EADDRINUSE), or there is no such address.

    One that takes connections listens, as two that do not could share the port.
    """
    family = _socket.AF_INET6 if ":" in host else _socket.AF_INET
    kind, number = _KINDS[protocol]
    made = _socket.socket(family, kind | _socket.SOCK_CLOEXEC, number)
    ready = False
    try:
        if family == _socket.AF_INET6:
            made.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 1)  # 0.0.0.0 is bound by itself
        if kind == _socket.SOCK_STREAM:
            made.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)  # connections that ended do not count
        made.bind((host, port))
        if kind == _socket.SOCK_STREAM:
            made.listen(_WAITING)
        ready = True
    finally:
        if not ready:
            made.close()
    return made


def number(bound: _socket.socket) -> int:
    """The port that a socket is on."""
    return int(bound.getsockname()[1])


def holders(protocol: str, port: int) -> dict[int, str]:
    """The names of the processes that have a port, by pid. It takes long: this is for explaining what went wrong."""
    links = {f"socket:[{inode}]" for name in (protocol, f"{protocol}6") for inode in _inodes(name, port)}
    pids = [pid for pid in filter(str.isdigit, os.listdir("/proc")) if _has_any(pid, links)] if links else []
    return {int(pid): processes.name(pid) for pid in pids}


def _inodes(table: str, port: int) -> list[str]:
    """The sockets of a table of /proc/net that are on a port. proc(5)"""
    try:
        with open(f"/proc/self/net/{table}") as file:
            lines = [line.split() for line in file][1:]
    except FileNotFoundError:
        return []
    return [fields[9] for fields in lines if fields[1].endswith(f":{port:04X}") and fields[2].endswith(":0000")]


def _has_any(pid: str, links: set[str]) -> bool:
    try:
        return any(_points_to(f"/proc/{pid}/fd/{fd}", links) for fd in os.listdir(f"/proc/{pid}/fd"))
    except OSError:  # it has ended
        return False


def _points_to(path: str, links: set[str]) -> bool:
    try:
        return os.readlink(path) in links
    except OSError:  # closed meanwhile
        return False
