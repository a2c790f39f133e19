"""What a network costs: a container on the default bridge, beside one without; many; and how fast data goes.

The engines are in a network namespace of this measurement's own, Docker with its bridge and its rules.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import many
from bench.peers import IMAGE, Peer
from bench.rounds import Times

ROUNDS = 20
MANY = 100
_FIRST, _BRIDGE, _NONE, _PUBLISHED = (
    "run --rm busybox true, without a keeper",
    "run --rm busybox true",
    "run --rm --network none busybox true",
    "run --rm -p 80 busybox true",
)
_PORT = 5000
_CHUNK = bytes(1 << 20)
_MEGABYTES = 1000
_NAME = "sink"
_PATIENCE = 30.0  # seconds


def report(peers: Sequence[Peer], rounds: int = ROUNDS) -> Iterator[str]:
    yield from runs(peers, rounds).report()
    yield ""
    yield from _throughput(peers)
    yield ""
    yield from _many(peers)


def runs(peers: Sequence[Peer], rounds: int) -> Times:
    """One container after the other; before the first of each round our keeper is ended, as a boot would end it."""
    times = Times()
    kinds = ((_FIRST, ()), (_BRIDGE, ()), (_NONE, ("--network", "none")), (_PUBLISHED, ("-p", "80")))
    for number in range(rounds + 1):  # the first one brings files into the cache
        for peer in peers:
            _end_keeper(peer)
        for what, words in kinds:
            for peer in peers:
                took = peer.timed("run", "--rm", *words, *peer.options, IMAGE, "true")
                if number:
                    times.note(what, peer.name, took)
    return times


def _end_keeper(peer: Peer) -> None:
    """The process that lives on while there are networks; Docker's has to be there before anything can be run."""
    mark = f"MINIDOCK_RUN={peer.more.get('MINIDOCK_RUN')}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            is_keeper = (process / "comm").read_text() == "minidock:keeper\n"
            if is_keeper and mark in (process / "environ").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)


def _many(peers: Sequence[Peer]) -> Iterator[str]:
    for peer in peers:
        yield f"run --detach on the bridge, {peer.name}"
        try:
            yield from many.compared([peer.timed(*peer.run_idle(f"c{number}")) for number in range(MANY)])
        finally:
            peer.clear()


def _throughput(peers: Sequence[Peer]) -> Iterator[str]:
    """In megabytes a second, from a process of the host to one in a container that throws away what comes."""
    yield f"{'MB/s':38} {'bridge':>9} {'published':>9}"
    for peer in peers:
        sink = ("sh", "-c", f"while true; do nc -l -p {_PORT} > /dev/null; done")
        peer("run", "--detach", "--name", _NAME, "-p", f"127.0.0.1:{_PORT}:{_PORT}", *peer.options, IMAGE, *sink)
        try:
            address = peer("inspect", "--format", "{{.NetworkSettings.IPAddress}}", _NAME)
            yield f"  {peer.name:36} {_speed(address):9.0f} {_speed('127.0.0.1'):9.0f}"
        finally:
            peer.clear()


def _speed(address: str) -> float:
    """Between two connections nobody listens for a moment. A proxy takes them all the same, and ends them at once."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return _sent(address)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _sent(address: str) -> float:
    with socket.create_connection((address, _PORT), timeout=_PATIENCE) as connection:
        began = time.perf_counter()
        for _ in range(_MEGABYTES):
            connection.sendall(_CHUNK)
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            connection.recv(1)  # until all has arrived
        return _MEGABYTES / (time.perf_counter() - began)
