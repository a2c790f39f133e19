"""The command `tests/vm/integration`: the integration tests in test machines, as many at once as there are processors.

A test is one process most of the time, and an emulated processor is one thread: two machines take little longer for two
halves than one for one. Each has its share of the files, the largest given away first.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

_TESTS = Path(__file__).parents[1] / "integration"
_RUN = Path(__file__).with_name("run")
_MOST_MACHINES = 4  # each takes 2 GB of memory


def shares(files: Sequence[Path], count: int) -> list[list[Path]]:
    """The files in as many parts, of about the same size: a long file has many tests."""
    parts: list[list[Path]] = [[] for _ in range(min(count, len(files)))]
    for file in sorted(files, key=lambda file: (-file.stat().st_size, file.name)):
        min(parts, key=lambda part: sum(each.stat().st_size for each in part)).append(file)
    return [sorted(part) for part in parts]


def main(words: Sequence[str]) -> int:
    """`words` are for `tests/vm/run`. The worst of the exit statuses."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    machines = min(os.cpu_count() or 1, _MOST_MACHINES)
    parts = shares(sorted(_TESTS.glob("test_*.py")), machines)
    with ExitStack() as stack:
        logs = [stack.enter_context(tempfile.TemporaryFile()) for _ in parts[1:]]
        runs = [_start(part, words, log) for part, log in zip(parts, [None, *logs], strict=True)]
        for run in runs:
            stack.callback(run.terminate)  # does nothing to one that has ended
        status = max(run.wait() for run in runs)
        for log in logs:  # the first could be seen while it ran
            log.seek(0)
            sys.stdout.buffer.write(log.read())
    return status


def _start(part: Sequence[Path], words: Sequence[str], log: IO[bytes] | None) -> subprocess.Popen[bytes]:
    project = _TESTS.parents[1]
    names = [str(file.relative_to(project)) for file in part]
    command = [str(_RUN), *words, "python", "-m", "pytest", *names]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
