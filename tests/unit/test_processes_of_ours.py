"""Which processes are minidock's own: it is told to whoever finds a port taken."""

from __future__ import annotations

import subprocess
import sys

import pytest

from minidock import launch
from minidock.kernel.processes import is_ours

READY = "print(flush=True); input()"


@pytest.mark.parametrize(
    ("words", "ours"),
    [
        (["-c", f"open('/proc/self/comm', 'w').write('minidock:watch'); {READY}"], True),
        (["-c", READY, launch.__file__, "minidock.engine.monitor.afresh", "ID"], True),  # it has no name yet
        (["-c", READY, launch.__file__], False),
        (["-c", READY, "minidock"], False),
    ],
)
def test_a_process_of_ours_is_known_by_its_name_or_by_what_it_runs(words: list[str], ours: bool) -> None:
    command = [sys.executable, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "\n"
        assert is_ours(process.pid) is ours
        process.communicate("\n")
    assert not is_ours(process.pid)
