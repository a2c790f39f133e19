"""The command `tests/vm/integration`: the integration tests in test machines, as many at once as there are processors.

A test is one process most of the time, and an emulated processor is one thread: two machines take little longer for two
halves than one for one. Each has its share of the files, by the seconds that each took when somebody last noted them:
`tests/vm/integration --note` does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

_TESTS = Path(__file__).parents[1] / "integration"
_PROJECT = _TESTS.parents[1]
_RUN = Path(__file__).with_name("run")
_NOTED = Path(__file__).with_name("seconds.json")
_REPORT = "report.xml"
_NOTE = "--note"
_MOST_MACHINES = 4  # each takes 2 GB of memory


def shares(files: Sequence[Path], seconds: Mapping[str, float], count: int) -> list[list[Path]]:
    """The files in as many parts, which take about as long: each goes where least is to be done, the longest first."""
    weights = _weights(files, seconds)
    parts: list[list[Path]] = [[] for _ in range(min(count, len(files)))]
    for file in sorted(files, key=lambda file: (-weights[file], file.name)):
        min(parts, key=lambda part: sum(weights[each] for each in part)).append(file)
    return [sorted(part) for part in parts]


def _weights(files: Sequence[Path], seconds: Mapping[str, float]) -> dict[Path, float]:
    """What nobody has timed yet takes as long as others of its size."""
    noted = [file for file in files if file.name in seconds]
    pace = (sum(seconds[file.name] for file in noted) or 1) / (sum(file.stat().st_size for file in noted) or 1)
    return {file: seconds.get(file.name, pace * file.stat().st_size) for file in files}


def main(words: Sequence[str]) -> int:
    """`words` are for `tests/vm/run`, but for --note. The worst of the exit statuses."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    machines = min(os.cpu_count() or 1, _MOST_MACHINES)
    parts = shares(sorted(_TESTS.glob("test_*.py")), json.loads(_NOTED.read_text()), machines)
    with ExitStack() as stack:
        logs = [stack.enter_context(tempfile.TemporaryFile()) for _ in parts[1:]]
        reports = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in parts]
        told = [word for word in words if word != _NOTE]
        runs = [_start(*one) for one in zip(parts, [told] * len(parts), reports, [None, *logs], strict=True)]
        for run in runs:
            stack.callback(run.terminate)  # does nothing to one that has ended
        status = max(run.wait() for run in runs)
        for log in logs:  # the first could be seen while it ran
            log.seek(0)
            sys.stdout.buffer.write(log.read())
        if _NOTE in words:
            _note([report / _REPORT for report in reports])
    return status


def _start(part: Sequence[Path], words: Sequence[str], report: Path, log: IO[bytes] | None) -> subprocess.Popen[bytes]:
    names = [str(file.relative_to(_PROJECT)) for file in part]
    brought = ["--artefact", _REPORT, "--into", str(report)]
    command = [str(_RUN), *words, *brought, "python", "-m", "pytest", f"--junitxml={_REPORT}", *names]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _note(reports: Sequence[Path]) -> None:
    seconds: defaultdict[str, float] = defaultdict(float)
    for report in reports:
        for case in ElementTree.parse(report).iter("testcase"):
            seconds[f"{case.attrib['classname'].split('.')[2]}.py"] += float(case.attrib["time"])
    _NOTED.write_text(json.dumps({name: round(seconds[name]) for name in sorted(seconds)}, indent=2) + "\n")
