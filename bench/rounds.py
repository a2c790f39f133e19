"""Times and their ratios. Each round times every peer once, in turn, so that a noisy machine is noisy for all alike.

Quote the ratios, of times of the same round: they say something about the peers, the milliseconds mostly
something about the machine.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence

OURS = "minidock"
_BREATH = 0.15  # seconds before each command: what the last one still does in the background is not to be its burden


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours, but for what would have Python compile all of minidock again at each start."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | dict(more or {})


def timed(command: Sequence[str], more: Mapping[str, str] | None = None) -> float:
    """The milliseconds that a command takes; it must succeed. What it starts may go on: nobody waits for its output."""
    time.sleep(_BREATH)
    with tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        code = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, env=environment(more)
        ).returncode
        took = time.perf_counter() - began
        if code:
            errors.seek(0)
            raise Failed(f"{' '.join(command)}: exit code {code}\n{errors.read().decode(errors='replace').strip()}")
    return took * 1000


class Failed(Exception):
    """A command that was to be measured did not succeed."""


class Times:
    """Milliseconds, or other measures, by what was done and by whom: one for each round."""

    def __init__(self) -> None:
        self.taken: dict[str, dict[str, list[float]]] = {}

    def note(self, what: str, who: str, value: float) -> None:
        self.taken.setdefault(what, {}).setdefault(who, []).append(value)

    def sums(self, name: str, *parts: str) -> None:
        """Note what several things take together."""
        for who in self.taken[parts[0]]:
            for values in zip(*(self.taken[part].get(who, []) for part in parts), strict=False):
                self.note(name, who, sum(values))

    def ratios(self, what: str, who: str, base: str) -> list[float]:
        """One's value divided by another's of the same round, the smallest first."""
        values = self.taken[what]
        return sorted(one / other for one, other in zip(values[who], values[base], strict=True))

    def report(self, unit: str = "ms", verb: str = "takes") -> Iterator[str]:
        """A line for each peer below each thing done; beside it, how many times as much as the peer ours takes."""
        yield f"{unit:38} {'min':>9} {'median':>9} {'max':>9}   {OURS} {verb}"
        for what, peers in self.taken.items():
            yield what
            for who in peers:
                beside = share(self.ratios(what, OURS, who)) if OURS in peers and who != OURS else ""
                yield f"  {who:36} {spread(peers[who])}   {beside}".rstrip()


def spread(values: Sequence[float]) -> str:
    return f"{min(values):9.1f} {statistics.median(values):9.1f} {max(values):9.1f}"


def share(ratios: Sequence[float]) -> str:
    return f"{statistics.median(ratios):.2f} times that ({min(ratios):.2f} to {max(ratios):.2f})"
