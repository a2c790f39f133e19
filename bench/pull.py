"""How long it takes to pull an image of about 100 MB in 6 layers from a registry on this host, and how much memory.

Docker's memory is its daemon's, which has more to do, so it is not compared.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence

from bench.peers import Peer
from bench.registry import push_image, registry
from bench.rounds import Times, environment

ROUNDS = 5
WHAT, MEMORY = "pull of 100 MB in 6 layers", "largest resident memory of that, in MB"
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
    """In millions of bytes. wait4(2)"""
    with subprocess.Popen(
        [*peer.command, *words], stdout=subprocess.DEVNULL, env=environment(peer.more), stdin=subprocess.DEVNULL
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{peer.name} {' '.join(words)}: {process.returncode}"
    return usage.ru_maxrss * 1024 / 1e6
