"""A network namespace for one engine: it has the links, rules and ports of nobody else, and no way out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.integration.minidocks import PROJECT
from tests.waiting import wait_until

_UP = "from minidock.kernel import interfaces; interfaces.bring_up('lo')"


class Space:
    """It lasts as long as a process is in it. This one sleeps."""

    def __init__(self) -> None:
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"]
        self._sleeper = subprocess.Popen(command)
        self._file = Path(f"/proc/{self._sleeper.pid}/ns/net")
        own = os.readlink("/proc/self/ns/net")
        wait_until(lambda: os.readlink(self._file) != own, "the network namespace")
        self.inside = ["nsenter", f"--net={self._file}"]  # before a command
        subprocess.run([*self.inside, sys.executable, "-c", _UP], cwd=PROJECT, check=True)

    def end(self) -> None:
        """End whoever is still in it, such as a process that serves names a little longer."""
        mine = os.readlink(self._file)
        for file in Path("/proc").glob("[0-9]*/ns/net"):
            if _leads_to(file, mine):
                _kill(int(file.parent.parent.name))
        self._sleeper.wait()


def _leads_to(file: Path, target: str) -> bool:
    try:
        return os.readlink(file) == target
    except OSError:  # it has ended meanwhile
        return False


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        pass
