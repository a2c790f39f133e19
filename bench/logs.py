"""How fast a container's output is logged, and read again: of lines that are short, usual and long.

A container writes a file that is mounted into it; the least time that it took with an empty file is subtracted.
Then the whole log is read.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.peers import IMAGE, Peer
from bench.rounds import OURS, Times, share

ROUNDS = 5
_EMPTY, _WRITTEN = "empty", "written"
LINES = {
    "1 byte": b"y\n",
    "100 bytes": b"2026-11-21 INFO  request served, path=/api/items?id=4711&sort=name, status=200, bytes=18342, ms=7\n",
    "1000 bytes": b"x" * 999 + b"\n",
}
# A line costs about a microsecond, whoever logs it. The local driver keeps 100 MB unless told otherwise.
SIZES = {"1 byte": 4 << 20, "100 bytes": 80 << 20, "1000 bytes": 80 << 20}


def report(peers: Sequence[Peer], rounds: int = ROUNDS) -> Iterator[str]:
    yield f"{'MB/s, of what the program writes':38} {'min':>9} {'median':>9} {'max':>9}   {OURS} takes"
    with TemporaryDirectory(prefix="minidock-bench-") as name:
        empty, full = Path(name, "empty"), Path(name, "full")
        empty.touch()
        for kind, line in LINES.items():
            full.write_bytes(line * (SIZES[kind] // len(line)))
            times = Times()
            for _ in range(rounds):
                _round(times, peers, empty, full, *([] if kind == "1 byte" else ["local"]))
            for what, taken in _without_starts(times).taken.items():
                yield f"{kind} a line, {what}"
                for who, values in taken.items():
                    yield _line(times, what, who, [SIZES[kind] / 1e3 / value for value in values])


def _round(times: Times, peers: Sequence[Peer], empty: Path, full: Path, *drivers: str) -> None:
    """Each with its usual log, and ours with others too: of those that do not look at lines, long ones say enough."""
    for peer in peers:
        for driver in ("", *drivers) if peer.name == OURS else ("",):
            who = f"{peer.name}, {driver}" if driver else peer.name
            flags = ["--log-driver", driver] if driver else []
            times.note(_EMPTY, who, _written(peer, empty, flags)[0])
            took, container = _written(peer, full, flags)
            times.note(_WRITTEN, who, took)
            times.note("read", who, peer.timed("logs", container))
        peer.clear()


def _written(peer: Peer, output: Path, flags: list[str]) -> tuple[float, str]:
    """Milliseconds from before the start of a container that shows a file to its end; and the container."""
    mount = f"{output}:/output:ro"
    container = peer("create", *peer.options, *flags, "--volume", mount, IMAGE, "cat", "/output")
    began = time.perf_counter()
    peer("start", container)
    peer("wait", container)
    return (time.perf_counter() - began) * 1000, container


def _without_starts(times: Times) -> Times:
    for who, nothing in times.taken.pop(_EMPTY).items():
        something = times.taken[_WRITTEN][who]
        times.taken[_WRITTEN][who] = [max(took - min(nothing), 1.0) for took in something]
    return times


def _line(times: Times, what: str, who: str, rates: list[float]) -> str:
    beside = share(times.ratios(what, OURS, who)) if who != OURS else ""
    return f"  {who:36} {min(rates):9.1f} {statistics.median(rates):9.1f} {max(rates):9.1f}   {beside}".rstrip()
