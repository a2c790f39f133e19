"""How long it takes to unpack a layer of about 100 MB, beside `tar xzf`; in memory, so that no disk has a say."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.peers import IN_MEMORY, PROJECT, Peer
from bench.registry import SIZE, archive, files
from bench.rounds import OURS, Times, timed

ROUNDS = 10
WHAT = "a tar.gz of 100 MB"
_UNPACK = """
import sys
from minidock.images import layers
from minidock.images.drafts import Draft
with open(sys.argv[1], "rb") as blob, Draft(sys.argv[2], directory=True) as draft:
    layers.fill(draft, blob)
    draft._published = True
"""


def report(peers: Sequence[Peer], rounds: int = ROUNDS) -> Iterator[str]:  # noqa: ARG001 - no engine has a command for it
    with tempfile.TemporaryDirectory(prefix="minidock-bench-", dir=IN_MEMORY) as name:
        blob = Path(name) / "layer.tar.gz"
        archive(files(), blob, SIZE)
        times = Times()
        for _ in range(rounds):
            for who, command in _commands(blob, name).items():
                target = Path(name) / "target"
                target.mkdir()
                times.note(WHAT, who, timed(command, {"PYTHONPATH": str(PROJECT)}))
                shutil.rmtree(target)
        yield from times.report()


def _commands(blob: Path, place: str) -> dict[str, list[str]]:
    return {
        OURS: [sys.executable, "-c", _UNPACK, str(blob), f"{place}/target"],
        "tar xzf": ["tar", "xzf", str(blob), "-C", f"{place}/target"],
    }
