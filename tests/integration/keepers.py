"""The network keeper of a test's own run directory: found, killed, ended."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.waiting import wait_until


def keepers(run: Path) -> list[int]:
    """The processes that are a keeper for this directory: there should be one at most."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has ended meanwhile
            continue
        if b"minidock.networks.keeper.__main__" in words and str(run).encode() in words:
            found.append(int(process.name))
    return found


def kill_keeper(run: Path) -> int:
    """Kill -9, and wait until it is gone; which one it was."""
    (pid,) = keepers(run)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: pid not in keepers(run), "the end of the keeper")
    return pid


def end_keepers(run: Path) -> None:
    """At the end of a test nobody waits until it goes by itself."""
    for pid in keepers(run):
        kill(pid)
    wait_until(lambda: not keepers(run), "the end of all keepers")


def kill(pid: int) -> None:
    """Kill -9; it may have ended by itself."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def kill_again_and_again(run: Path, times: int) -> None:
    """Each keeper as soon as there is one."""
    for _ in range(times):
        wait_until(lambda: keepers(run), "a keeper")
        for pid in keepers(run):
            kill(pid)
