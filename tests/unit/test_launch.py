"""minidock/launch.py: how the commands find minidock and its packages without Python's site module."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

_PROJECT = Path(__file__).parents[2]


def main(argv: Sequence[str]) -> int:
    """What the tests below have started: this very module, as a program."""
    print(__name__, pytest.__file__, *argv, sep="\n")
    return 7


def launch(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", f"{_PROJECT}/minidock/launch.py", __name__, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env=os.environ | environment)


def test_a_program_gets_its_arguments_and_its_result_becomes_the_exit_status() -> None:
    launched = launch("run", "--rm", "two words")
    assert launched.stdout.splitlines()[2:] == ["run", "--rm", "two words"], launched.stderr
    assert launched.returncode == 7


def test_packages_come_from_the_virtual_environment() -> None:
    assert launch().stdout.splitlines()[:2] == [__name__, pytest.__file__]


def test_the_callers_python_path_has_no_say(tmp_path: Path) -> None:
    (tmp_path / "pytest.py").write_text("raise SystemExit('the wrong one')")
    assert launch(PYTHONPATH=str(tmp_path)).returncode == 7
