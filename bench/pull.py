"""How long it takes to pull an image of about 100 MB in 6 layers from a registry on this host, and how much memory.

Docker's memory is its daemon's, which has more to do, so it is not compared.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence

from bench.peers import Peer
from bench.registry import push_image, registry
from bench.rounds import Times, environment

ROUNDS = 5
WHAT, MEMORY = "pull of 100 MB in 6 layers", "largest resident memory of that, in MB"
_LARGEST = """
import os, sys
_, status, usage = os.wait4(os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:]), 0)
assert status == 0
print(usage.ru_maxrss)
"""
_OPTIONS = {"podman": ["--tls-verify=false"]}


def report(peers: Sequence[Peer], rounds: int = ROUNDS) -> Iterator[str]:
    with registry() as host:
        name = f"{host}/bench/large:1"
        push_image(name)
        yield from measure(peers, rounds, name).report()


def measure(peers: Sequence[Peer], rounds: int, name: str) -> Times:
    """What the last round has left to be written to the disk is no burden of the next."""
    times = Times()
    for _ in range(rounds):
        for peer in peers:
            words = ["pull", "--quiet", *_OPTIONS.get(peer.name, []), name]
            os.sync()
            times.note(WHAT, peer.name, peer.timed(*words))
            peer("rmi", "--force", name)
    for peer in peers:
        if not peer.daemons:
            words = ["pull", "--quiet", *_OPTIONS.get(peer.name, []), name]
            times.note(MEMORY, peer.name, _memory(peer, words))
            peer("rmi", "--force", name)
    return times


def _memory(peer: Peer, words: Sequence[str]) -> float:
    """In millions of bytes, as a small process hears of it: what a child has counts from its parent's size on."""
    command = [sys.executable, "-I", "-S", "-c", _LARGEST, *peer.command, *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environment(peer.more), check=True)
    return int(done.stdout.split()[-1]) * 1024 / 1e6
