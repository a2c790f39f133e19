"""Ports of the host for a container: taken before anything is made, or told whose they are."""

from __future__ import annotations

import errno
import os

from minidock.errors import MinidockError, facts_of
from minidock.kernel import ports, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Iterable, Sequence

    from minidock.jsonfile import Json

    Taken = tuple[list[Json], list[_socket.socket]]  # what was published, and what holds it

_ATTEMPTS = 20  # at a number that is free on all addresses
_NO_SUCH = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
_NO_PROTOCOL = (errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT)


def reserve(wanted: Sequence[Json], container: str) -> Taken:
    """Take all of them, or none; with `host_port` as it became."""
    published: list[Json] = []
    held: list[_socket.socket] = []
    taken: set[tuple[str, str, int]] = set()
    finished = False
    try:
        for group in _groups(wanted):
            some, sockets = _one_number(group, taken, container)
            published += some
            held += sockets
            taken |= {(port["protocol"], port["host"], port["host_port"]) for port in some}
        finished = True
    finally:
        if not finished:
            _close(held)
    return published, held


def _groups(wanted: Sequence[Json]) -> list[list[Json]]:
    """What one wish came to, for several addresses of the host: on all of them it is to be the same number."""
    groups: list[list[Json]] = []
    for port in wanted:
        same = ("protocol", "port", "host_port", "last_host_port")
        for group in groups:
            if all(group[0][key] == port[key] for key in same) and port["host"] not in [one["host"] for one in group]:
                group.append(port)
                break
        else:
            groups.append([port])
    return groups


def _one_number(group: list[Json], taken: set[tuple[str, str, int]], container: str) -> Taken:
    """The first number of the range that is free for all of them."""
    first, last = group[0]["host_port"], group[0]["last_host_port"]
    numbers: Iterable[int] = range(first, last + 1) if first else [0] * _ATTEMPTS
    failure: OSError | None = None
    for number in numbers:
        if any((port["protocol"], port["host"], number) in taken for port in group):
            failure = failure or OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
            continue
        try:
            return _bound(group, number)
        except OSError as error:
            failure = error
            if error.errno != errno.EADDRINUSE:
                break
    assert failure is not None
    raise _explained(group[0], failure, container)


def _bound(group: list[Json], number: int) -> Taken:
    published: list[Json] = []
    held: list[_socket.socket] = []
    finished = False
    try:
        for port in group:
            socket = _socket_for(port, number, optional=port["host"] == "::" and len(group) > 1)
            if socket is not None:
                held.append(socket)
                number = ports.number(socket)
            if socket is not None or port["protocol"] == "sctp":
                kept = {key: port[key] for key in ("protocol", "host", "port", "address")}
                published.append({**kept, "host_port": number})
        finished = True
    finally:
        if not finished:
            _close(held)
    return published, held


def _socket_for(port: Json, number: int, *, optional: bool) -> _socket.socket | None:
    """None where the host has no such protocol, and so no program that could want the port; or, of all addresses,
    no IPv6.
    """
    try:
        return ports.bound(port["protocol"], port["host"], number)
    except OSError as error:
        if (optional and error.errno in _NO_SUCH) or (error.errno in _NO_PROTOCOL and number):
            return None
        raise


def _close(sockets: list[_socket.socket]) -> None:
    for socket in sockets:
        socket.close()


def _explained(port: Json, error: OSError, container: str) -> MinidockError:
    """Docker's words: they differ by whether another container has the port, or another program."""
    first, last = port["host_port"], port["last_host_port"]
    host = f"[{port['host']}]" if ":" in port["host"] else port["host"]
    number = str(first) if first == last else f"{first}-{last}"
    whose = f" on endpoint {container}" if container else ""
    beginning = f"driver failed programming external connectivity{whose}"
    facts = {**facts_of(error), "protocol": port["protocol"], "host": port["host"], "port": first}
    if error.errno == errno.EADDRINUSE and first == last and _is_ours(port["protocol"], first):
        said = f"Bind for {port['host']}:{number} failed: port is already allocated"
        return MinidockError(f"{beginning}: {said}", facts=facts)
    target = f"{port['address']}:{port['port']}/{port['protocol']}"
    said = f"failed to bind host port for {host}:{number}:{target}: {os.strerror(error.errno or 0).lower()}"
    return MinidockError(f"{beginning}: {said}", facts=facts)


def _is_ours(protocol: str, number: int) -> bool:
    return any(map(processes.is_ours, ports.holders(protocol, number)))
