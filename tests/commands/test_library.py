"""minidock as a library: the example of the README, as it stands there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.integration.minidocks import PROJECT, Minidock


def _example() -> str:
    text = Path(PROJECT, "README.md").read_text()
    return text.partition("```python\n")[2].partition("```")[0]


def test_the_readmes_example_runs_as_it_stands_there(minidock: Minidock) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _example()],
        env=minidock.environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "stdout hello from box\nexit code 3\n"
    assert minidock.remains() == []


def test_a_failure_is_an_exception_with_a_hint(minidock: Minidock) -> None:
    script = (
        "import minidock\n"
        "try:\n    minidock.Engine().stop('nosuch')\n"
        "except minidock.MinidockError as error:\n    print(error.message, '|', error.hint)\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=minidock.environment, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout == "No such container: nosuch | minidock ps -a lists all containers\n"
