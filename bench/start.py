"""How long a bare container takes to start and end, from one bundle, side by side with other runtimes.

Quote the ratios: each is a command's time divided by runc's of the same round.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import peers
from bench.bundles import busybox_bundle
from bench.rounds import Failed, Times, spread, timed

ROUNDS = 40
MINIDOCK = (sys.executable, "-m", "minidock.runtime")
REFERENCE = "runc run"
_WHAT = "a container of true"


def commands(bundle: Path) -> dict[str, list[str]]:
    """What is timed, of what is installed."""
    run_bundle, state = ["--bundle", str(bundle)], str(bundle.parent / "state")
    ours = peers.commands(bundle.parent)
    wanted = {
        REFERENCE: ["runc", "run", *run_bundle, "bench-runc"],
        "crun run": ["crun", "run", *run_bundle, "bench-crun"],
        "python -m minidock.runtime run": [*MINIDOCK, "--root", state, "run", *run_bundle, "bench-minidock"],
        "minidock-runtime run": [f"{ours}/minidock-runtime", "--root", state, "run", *run_bundle, "bench-command"],
        "unshare and chroot": [
            *("unshare", "--pid", "--net", "--mount", "--uts", "--ipc", "--fork", "chroot"),
            *(str(bundle / "rootfs"), "/bin/true"),
        ],
        "bare python": [sys.executable, "-I", "-S", "-c", "pass"],
    }
    return {name: command for name, command in wanted.items() if _is_installed(command[0])}


def _is_installed(program: str) -> bool:
    return shutil.which(program) is not None or os.access(program, os.X_OK)


def _works(name: str, command: list[str]) -> bool:
    """Try a command, unmeasured: this also brings its files into the cache, and compiles bytecode."""
    try:
        timed(command)
    except Failed as error:
        print(f"left out, since it fails on this host: {name}: {error}")
        return False
    return True


def measure(rounds: int) -> Times:
    times = Times()
    with busybox_bundle(["/bin/true"]) as bundle:
        chosen = {name: command for name, command in commands(bundle).items() if _works(name, command)}
        for _ in range(rounds):
            for name, command in chosen.items():
                times.note(_WHAT, name, timed(command))
    return times


def report(rounds: int = ROUNDS) -> Iterator[str]:
    times = measure(rounds)
    taken = times.taken[_WHAT]
    yield f"{'ms':38} {'min':>9} {'median':>9} {'max':>9}   to {REFERENCE}"
    yield f"{_WHAT}, of a bare bundle"
    for name, values in taken.items():
        ratio = f"{statistics.median(times.ratios(_WHAT, name, REFERENCE)):.2f}" if REFERENCE in taken else ""
        yield f"  {name:36} {spread(values)}   {ratio}".rstrip()
