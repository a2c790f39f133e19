"""How long a container takes to start and end, side by side with others, in one run.

    sudo make bench

Each round times every command once, in turn, so that a noisy machine is noisy for all of them alike. Quote
the ratios: each is the median, over the rounds, of a command's time divided by runc's of the same round.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minidock.runtime import defaults

BUSYBOX = "/bin/busybox"
MINIDOCK = (sys.executable, "-m", "minidock.runtime")
REFERENCE = "runc run"


def commands(bundle: Path, state: Path) -> dict[str, list[str]]:
    """What is timed. Peers that are not installed are left out, but for runc, which all are compared with."""
    run_bundle = ["--bundle", str(bundle)]
    wanted = {
        REFERENCE: ["runc", "run", *run_bundle, "bench-runc"],
        "crun run": ["crun", "run", *run_bundle, "bench-crun"],
        "python -m minidock.runtime run": [*MINIDOCK, "--root", str(state), "run", *run_bundle, "bench-minidock"],
        "minidock-runtime run": ["minidock-runtime", "--root", str(state), "run", *run_bundle, "bench-command"],
        "unshare and chroot": [
            *("unshare", "--pid", "--net", "--mount", "--uts", "--ipc", "--fork", "chroot"),
            str(bundle / "rootfs"),
        ],
        "bare python": [sys.executable, "-I", "-S", "-c", "pass"],
    }
    wanted["unshare and chroot"].append("/bin/true")
    return {name: command for name, command in wanted.items() if _installed(command[0])}


def _installed(program: str) -> bool:
    return any(os.access(Path(place, program), os.X_OK) for place in os.get_exec_path()) or os.access(program, os.X_OK)


@contextmanager
def busybox_bundle() -> Iterator[tuple[Path, Path]]:
    """A bundle whose program is `true`, as little as a container can do."""
    with tempfile.TemporaryDirectory(prefix="minidock-bench-") as place:
        bundle = Path(place, "bundle")
        for name in ("bin", "dev", "etc", "proc", "sys", "tmp"):
            (bundle / "rootfs" / name).mkdir(parents=True)
        (bundle / "rootfs/bin/busybox").write_bytes(Path(BUSYBOX).read_bytes())
        (bundle / "rootfs/bin/busybox").chmod(0o755)
        (bundle / "rootfs/bin/true").symlink_to("busybox")
        (bundle / "config.json").write_text(json.dumps(defaults.document(["/bin/true"])))
        yield bundle, Path(place, "state")


def _works(command: list[str]) -> bool:
    """Try a command, unmeasured: this also brings its files into the cache, and compiles bytecode."""
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def timed(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


def measure(rounds: int) -> dict[str, list[float]]:
    with busybox_bundle() as (bundle, state):
        chosen = commands(bundle, state)
        for name in [name for name, command in chosen.items() if not _works(command)]:
            print(f"left out, since it fails on this host: {name}")
            del chosen[name]
        times: dict[str, list[float]] = {name: [] for name in chosen}
        for _ in range(rounds):
            for name, command in chosen.items():
                times[name].append(timed(command))
    return times


def report(times: dict[str, list[float]]) -> str:
    """Minimum, median and the ratio to runc of the same round, one line each."""
    lines = [f"{'':32} {'min ms':>8} {'median ms':>10} {'to runc':>8}"]
    for name, values in times.items():
        ratio = statistics.median(value / base for value, base in zip(values, times[REFERENCE], strict=True))
        lines.append(f"{name:32} {min(values):8.1f} {statistics.median(values):10.1f} {ratio:8.2f}")
    return "\n".join(lines)
