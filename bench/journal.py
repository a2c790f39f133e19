"""What the journal of a container costs, beside a whole `run`.

Runs with and without it differ by less than runs differ anyway, so its own work is measured: a fresh process, with
nothing warm, opens a journal on the same disk and writes the lines of a real container, one by one, as the two
processes do that make one. All of it is on the way to the program's first instruction, so the share is of the whole.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.engine import RUN
from bench.peers import IMAGE, Peer
from bench.rounds import OURS, environment
from minidock.runtime.journal import BEGUN, entries

ROUNDS = 40
MOST = 3.0  # percent
_NAME = "bench-journal"
_LAUNCHER = Path(__file__).parents[1] / "minidock/launch.py"
WORK = "writing its journal"


def report(peers: Sequence[Peer], rounds: int = ROUNDS) -> Iterator[str]:
    ours = next(peer for peer in peers if peer.name == OURS)
    ours("run", "--name", _NAME, *ours.options, IMAGE, "true")
    identifier = ours("inspect", "--format", "{{.Id}}", _NAME)
    place = Path(ours.more["MINIDOCK_ROOT"]) / "containers" / identifier
    lines = len(entries(str(place / "journal")))
    whole, writing = [], []
    try:
        for _ in range(rounds):
            whole.append(ours.timed("run", "--rm", *ours.options, IMAGE, "true"))
            writing.append(written(place))
    finally:
        ours("rm", _NAME)
    share = 100 * statistics.median(writing) / statistics.median(whole)
    yield f"{RUN}: median {statistics.median(whole):.1f} ms, fastest {min(whole):.1f}"
    yield f"{WORK}, {lines} lines: median {statistics.median(writing):.2f} ms, slowest {max(writing):.2f}"
    yield f"the journal's share: {share:.1f} %, {'below' if share < MOST else 'ABOVE'} the {MOST:.0f} % that it may be"


def written(place: Path) -> float:
    """The milliseconds that a fresh process takes for the lines of a container's journal."""
    words = [sys.executable, "-I", "-S", str(_LAUNCHER), "bench.journal", str(place)]
    done = subprocess.run(words, capture_output=True, text=True, env=environment(), check=True)
    return float(done.stdout)


def main(words: list[str]) -> int:
    """In that process."""
    import time

    from minidock.runtime.journal import Journal
    from minidock.steps.step import Step

    steps = []
    for entry in entries(f"{words[0]}/journal"):
        step = Step()
        step.name, step.side, step.returns = entry["step"], entry["side"], entry["outcome"] != BEGUN
        steps.append(step)
    path = f"{words[0]}/journal.bench"
    began = time.perf_counter()
    journal = Journal(path, anew=True)
    for step in steps:
        journal.before(step)
        if step.returns:
            journal.after(step, 0.000123)
    journal.close()
    print((time.perf_counter() - began) * 1000)
    Path(path).unlink()
    return 0
