"""How long the DNS server inside a container takes to answer: the name of another container, and a name of nobody's.

The questions are asked from the container's own network namespace, by this process: what is measured is the answer, not
the start of a program that asks. In every round the other container's address is asked for by UDP, over a new
connection by TCP, and by UDP right after another container has come or gone.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.peers import IMAGE, Peer
from bench.rounds import Failed, Times
from minidock.kernel import namespaces
from minidock.kernel.namespaces import Visit

ROUNDS = 10
_QUESTIONS = 200  # in each round, of which the median counts
_NETWORK, _ASKED = "minidock-bench", "asked"
_UDP, _TCP, _CHANGED = "a name, UDP", "a name, TCP", "a name, right after a container came or went"


def report(peers: Sequence[Peer], rounds: int = ROUNDS) -> Iterator[str]:
    """Milliseconds, since the goal is one of them."""
    times = Times()
    namespaces_of = {peer.name: fd for peer in peers if (fd := _begun(peer)) is not None}
    try:
        for _ in range(rounds):
            for peer in peers:
                if peer.name in namespaces_of:
                    _round(times, peer, namespaces_of[peer.name])
    finally:
        for peer in peers:
            peer.clear()
            if peer.name in namespaces_of:
                os.close(namespaces_of[peer.name])
                peer("network", "rm", _NETWORK)
    yield from (line.replace("ms ", "µs ", 1) for line in times.report())


def _begun(peer: Peer) -> int | None:
    """A network with two containers; the namespace of the first. None if this engine has no such server."""
    try:
        peer("network", "create", _NETWORK)
    except Failed:
        return None
    for name in ("asking", _ASKED):
        peer(*_started(peer, name))
    pid = int(peer("inspect", "--format", "{{.State.Pid}}", "asking"))
    if "127.0.0.11" not in Path(f"/proc/{pid}/root/etc/resolv.conf").read_text():
        peer("rm", "--force", "asking", _ASKED)
        peer("network", "rm", _NETWORK)
        return None
    return os.open(namespaces.file_of(pid, "network"), os.O_RDONLY)


def _started(peer: Peer, name: str) -> list[str]:
    others = peer.options[2:]  # but for --network none
    return ["run", "--detach", "--name", name, "--network", _NETWORK, *others, IMAGE, "sleep", "3600"]


def _round(times: Times, peer: Peer, netns: int) -> None:
    times.note(_UDP, peer.name, _median([_by_datagram(netns) for _ in range(_QUESTIONS)]))
    times.note(_TCP, peer.name, _median([_by_stream(netns) for _ in range(_QUESTIONS)]))
    peer(*_started(peer, "coming"))
    came = _by_datagram(netns)
    peer(*peer.removal, "coming")
    times.note(_CHANGED, peer.name, max(came, _by_datagram(netns)))


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _question() -> bytes:
    label = struct.pack("B", len(_ASKED)) + _ASKED.encode()
    return os.urandom(2) + struct.pack(">5H", 0x0100, 1, 0, 0, 0) + label + b"\0" + struct.pack(">2H", 1, 1)


def _socket(netns: int, kind: int) -> socket.socket:
    with Visit("network", netns):
        made = socket.socket(socket.AF_INET, kind)
    made.settimeout(10)
    return made


def _by_datagram(netns: int) -> float:
    with _socket(netns, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.11", 53))
        question = _question()
        began = time.perf_counter()
        client.send(question)
        answer = client.recv(4096)
        return _took(began, answer)


def _by_stream(netns: int) -> float:
    with _socket(netns, socket.SOCK_STREAM) as client:
        question = _question()
        began = time.perf_counter()
        client.connect(("127.0.0.11", 53))
        client.sendall(len(question).to_bytes(2, "big") + question)
        answer = client.recv(4096)
        return _took(began, answer[2:])


def _took(began: float, answer: bytes) -> float:
    took = time.perf_counter() - began
    if len(answer) < 12 or answer[6:8] != b"\0\1":
        raise Failed(f"{_ASKED} was not found: {answer!r}")
    return took * 1e6
