"""Whether a start costs more the more containers run: `run -d`, 200 times, and all of them go on.

Here the engines come one after the other: the containers of one would be a burden to the others.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from bench.peers import Peer

ROUNDS = 200
_LISTS = 10


def report(peers: Sequence[Peer], rounds: int = ROUNDS) -> Iterator[str]:
    yield f"{'ms':38} {'min':>9} {'median':>9}   to the first ones: min, median"
    for peer in peers:
        try:
            yield f"run --detach, {peer.name}"
            yield from compared([peer.timed(*peer.run_idle(f"c{number}")) for number in range(rounds)])
            yield _line(f"ps with {rounds} that run", [peer.timed("ps") for _ in range(_LISTS)])
        finally:
            peer.clear()


def compared(times: Sequence[float]) -> Iterator[str]:
    """The machine may be busier at one time than at another: minima say more than medians here."""
    few = max(1, len(times) // 10)
    first, last = times[:few], times[-few:]
    ratios = f"{min(last) / min(first):.2f}, {statistics.median(last) / statistics.median(first):.2f}"
    yield _line(f"the first {few}", first)
    yield f"{_line(f'the last {few} of {len(times)}', last)}   {ratios}"


def _line(what: str, times: Sequence[float]) -> str:
    return f"  {what:36} {min(times):9.1f} {statistics.median(times):9.1f}"
