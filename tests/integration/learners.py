"""Somebody who does a lab: starts it, types into its shell, has it checked, and resets it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from minidock.kernel import cgroups, mount_table, processes
from minidock.labs import words
from tests.integration.minidocks import Minidock
from tests.waiting import wait_until


class Learner:
    """One person at one lab."""

    def __init__(self, minidock: Minidock, lab: str) -> None:
        self.minidock = minidock
        self.lab = lab
        self.directory = minidock.root / "labs" / lab
        self.group = Path(cgroups.locate(f"/minidock-lab-{lab}-{minidock.root.stat().st_ino}"))

    def start(self) -> str:
        """Begin; where the host cannot do this lab, it has to say so, and the test is skipped with what it said."""
        started = self.minidock("lab", "start", self.lab, "--lang", "en")
        if "does not offer the cgroup controller" in started.stderr:
            assert started.returncode == 1
            assert "vagrant up" in started.stderr
            assert not self.directory.exists()
            pytest.skip(started.stderr.removeprefix("minidock: ").partition("\n")[0])
        assert started.returncode == 0, started.stderr
        return started.stdout

    def types(self, script: str) -> str:
        """Have the lab's shell run a script, as a pipe into it does. What it leaves in the background goes on."""
        said = self.directory / "said"
        with said.open("w") as output:
            command = [self.directory / "shell"]
            environment = self.minidock.environment
            subprocess.run(command, input=script, text=True, stdout=output, stderr=output, env=environment, check=False)
        return said.read_text()

    def check(self, language: str = "en") -> subprocess.CompletedProcess[str]:
        return self.minidock("lab", "check", self.lab, "--lang", language)

    def passes(self) -> str:
        """What is said in the end, once all that was begun is there."""
        return self._hears("en", 0, "")

    def is_refused(self, criterion: str, why: str) -> None:
        """The check tells this very reason, in both languages."""
        for language in words.LANGUAGES:
            sentence = words.Words(self.lab, language).reasons[criterion][why]
            self._hears(language, 1, ".+".join(re.escape(part) for part in re.split(r"\{\w+\}", sentence)))

    def _hears(self, language: str, code: int, pattern: str) -> str:
        """What a check says, once it is what is waited for: a process in the background may need a moment."""
        heard: list[subprocess.CompletedProcess[str]] = []

        def is_said() -> bool:
            heard.append(self.check(language))
            return heard[-1].returncode == code and bool(re.search(pattern, heard[-1].stdout))

        try:
            wait_until(is_said)
        except AssertionError:
            pytest.fail(f"the check still says:\n{heard[-1].stdout}{heard[-1].stderr}")
        return heard[-1].stdout

    def reset(self) -> None:
        """After this there is nothing left: no process, no cgroup, no mount, no file; so no namespace either."""
        living = [(pid, processes.start_time(pid)) for pid in cgroups.processes(str(self.group))]
        assert len(living) >= 1
        self.minidock.ok("lab", "reset", self.lab)
        assert not self.group.exists()
        assert not [pid for pid, start in living if start and processes.start_time(pid) == start]
        assert not [entry.point for entry in mount_table.of_process("self") if str(self.directory) in entry.point]
        assert {path.name for path in self.directory.glob("*")} <= {"state.json"}
        assert self.minidock.ok("ps", "-aq") == ""
