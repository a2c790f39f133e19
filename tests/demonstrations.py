"""docs/without.md as data: what to type to see what a step is for. The tests run what the document says."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.minidocks import LAUNCH, Minidock

PAGE = Path(__file__).parents[1] / "docs/without.md"
ROOM = ("unshare", "--uts", "--ipc", "sh", "-c")  # where a host may be renamed, and its queues be looked at
_PREPARED = "hostname host; domainname '(none)'; "
_CELL = re.compile(r"(?<!\\)\|")


class Demonstration:
    """One line of the tables."""

    def __init__(self, section: str, cells: list[str]) -> None:
        self.section = section
        self.step, self.command, self.without, self.with_it = (cell.strip("`") for cell in cells)

    def run(self, minidock: Minidock, directory: Path) -> None:
        """As it stands there, and again with the step: the difference is what the step is for."""
        option = f"--without {self.step} "
        assert option in self.command
        lacking, whole = (_typed(minidock, directory, words) for words in (self.command, self._whole(option)))
        if "does not offer the cgroup controller" in whole.stderr:
            pytest.skip(whole.stderr.splitlines()[0])
        assert f"WARNING: left out: {self.step}: " in lacking.stderr
        assert "WARNING" not in whole.stderr
        assert _fits(self.without, lacking.stdout), lacking
        assert _fits(self.with_it, whole.stdout), whole
        assert lacking.stdout != whole.stdout

    def _whole(self, option: str) -> str:
        return self.command.replace(option, "")


def _typed(minidock: Minidock, directory: Path, command: str) -> subprocess.CompletedProcess[str]:
    program = directory / "minidock"
    program.write_text(f'#!/bin/sh\nexec {" ".join(LAUNCH)} minidock.cli.main "$@"\n')
    program.chmod(0o755)
    environment = {**minidock.environment, "PATH": f"{directory}:{minidock.environment['PATH']}"}
    words = [*ROOM, _PREPARED + command]
    return subprocess.run(words, capture_output=True, text=True, check=False, env=environment, stdin=subprocess.DEVNULL)


def _fits(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("…"))), " ".join(text.split())) is not None


def _tables() -> Iterator[tuple[str, list[str]]]:
    """The lines of all tables, each with its section's title."""
    section = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("#"):
            section = line.lstrip("# ")
        elif line.startswith("| `"):
            yield section, [cell.strip().replace("\\|", "|") for cell in _CELL.split(line)[1:-1]]


def demonstrations(*sections: str) -> list[Demonstration]:
    """Those of some sections, or all."""
    found = [Demonstration(section, cells) for section, cells in _tables() if len(cells) > 2]
    return [one for one in found if not sections or one.section in sections]


def refusals() -> dict[str, str]:
    """The steps that cannot be left out, and why."""
    return {cells[0].strip("`"): cells[1] for _, cells in _tables() if len(cells) == 2}
