"""How long a list of many containers takes: `ps -a` of 500."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from bench.peers import IMAGE, Peer
from bench.rounds import Times

ROUNDS = 20
CONTAINERS = 500


def report(peers: Sequence[Peer], rounds: int = ROUNDS, containers: int = CONTAINERS) -> Iterator[str]:
    try:
        for peer in peers:
            _create(peer, containers)
        yield from measure(peers, rounds, containers).report()
    finally:
        for peer in peers:
            peer.clear()


def _create(peer: Peer, count: int) -> None:
    """As many at a time as there are processors."""
    commands = [["create", "--name", f"c{number}", *peer.options, IMAGE, "true"] for number in range(count)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda words: peer(*words), commands))


def measure(peers: Sequence[Peer], rounds: int, containers: int) -> Times:
    times = Times()
    for peer in peers:
        found = len(peer("ps", "--all").splitlines()) - 1  # unmeasured, for the cache
        assert found == containers, f"{peer.name} lists {found} containers"
    for _ in range(rounds):
        for peer in peers:
            times.note(f"ps -a with {containers} containers", peer.name, peer.timed("ps", "--all"))
    return times
