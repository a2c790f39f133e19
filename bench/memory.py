"""The memory that an idle container costs beside its own: that of the process which waits for its end.

It is the parent of the container's first process: minidock's monitor, Docker's containerd-shim, Podman's conmon.
Resident memory counts a page that several processes share for each of them, proportional memory a part of it
for each. proc_pid_smaps(5)
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.peers import Peer
from bench.rounds import Times

ROUNDS = 10
_SETTLED = 4.0  # seconds until a monitor has begun afresh
RESIDENT, PROPORTIONAL = "resident memory for each container", "proportional memory for each container"


def report(peers: Sequence[Peer], rounds: int = ROUNDS) -> Iterator[str]:
    try:
        for number in range(rounds):
            for peer in peers:
                peer(*peer.run_idle(f"c{number}"))
        time.sleep(_SETTLED)
        yield from measure(peers, rounds).report("MB", "needs")
        for peer in peers:
            if peer.daemons:
                total = sum(_memory(pid, "Rss") for pid in peer.daemons)
                yield f"{peer.name} has daemons, with {total:.0f} MB resident, for all containers"
    finally:
        for peer in peers:
            peer.clear()


def measure(peers: Sequence[Peer], rounds: int) -> Times:
    sizes = Times()
    for peer in peers:
        names = [f"c{number}" for number in range(rounds)]
        for pid in peer("inspect", "--format", "{{.State.Pid}}", *names).split():
            parent = _parent(int(pid))
            sizes.note(RESIDENT, peer.name, _memory(parent, "Rss"))
            sizes.note(PROPORTIONAL, peer.name, _memory(parent, "Pss"))
    return sizes


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _memory(pid: int, kind: str) -> float:
    """In millions of bytes."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ValueError(f"process {pid} has no {kind}")
