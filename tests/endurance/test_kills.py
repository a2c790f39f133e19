"""SIGKILL at random moments, to commands and to monitors, two hundred times: nothing is lost, nothing is left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from minidock.engine.engine import Engine
from minidock.kernel import cgroups
from minidock.state import containers
from tests.integration.minidocks import Minidock

KILLS, CONTAINERS = 200, 6
SEED = int(os.environ.get("MINIDOCK_SEED", "0")) or random.SystemRandom().randrange(1 << 30)


class Massacre:
    """Commands that are killed, and the containers they are about."""

    def __init__(self, minidock: Minidock) -> None:
        self.minidock = minidock
        self.chance = random.Random(SEED)
        self.kept = [f"kept{number}" for number in range(CONTAINERS)]
        for name in self.kept:
            minidock.ok("create", "--name", name, "busybox", "sh", "-c", "echo begun; exec sleep 1000")

    def one(self) -> None:
        """A command, or a monitor, is killed after some milliseconds."""
        name = self.chance.choice(self.kept)
        new = f"new{self.chance.randrange(10**9)}"
        words = self.chance.choice(
            [
                ["run", "-d", "--name", new, "busybox", "sleep", "1000"],
                ["run", "--rm", "busybox", "sh", "-c", "echo hi; sleep 0.02"],
                *(["start", name], ["stop", "-t", "0", name], ["restart", "-t", "0", name], ["kill", name]),
                *(["exec", name, "true"], ["pause", name], ["unpause", name], ["ps", "-a"]),
            ]
        )
        command = self.minidock.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(self.chance.uniform(0, 0.12))
        if self.chance.random() < 0.5:
            self.kill_a_monitor()
        else:
            command.kill()
        command.wait(60)

    def kill_a_monitor(self) -> None:
        monitors = [
            int(process.parent.name)
            for process in Path("/proc").glob("[0-9]*/comm")
            if _is_ours(process, str(self.minidock.root))
        ]
        if monitors:
            os.kill(self.chance.choice(monitors), signal.SIGKILL)


def _is_ours(comm: Path, root: str) -> bool:
    try:
        environment = (comm.parent / "environ").read_bytes().split(b"\0")
        return comm.read_text() == "minidock:watch\n" and f"MINIDOCK_ROOT={root}".encode() in environment
    except OSError:
        return False


@pytest.mark.timeout(900)
def test_two_hundred_kills_lose_nothing_and_leave_nothing(minidock: Minidock) -> None:
    print(f"MINIDOCK_SEED={SEED}")
    massacre = Massacre(minidock)
    for number in range(KILLS):
        massacre.one()
        if number % 20 == 19:
            minidock.ok("system", "check", "--repair")
    minidock.ok("system", "check", "--repair")
    assert "Traceback" not in minidock.ok("system", "check")
    engine = Engine(str(minidock.root), str(minidock.state))
    rows = {row.name: row for row in engine.everyone()}
    assert set(massacre.kept) <= rows.keys()
    for row in rows.values():
        assert row.status in (*containers.AT_REST, containers.RUNNING, containers.PAUSED)
    for name in massacre.kept:
        minidock("unpause", name)
        minidock.ok("start", name)
    for row in engine.everyone():
        engine.remove(row.id, force=True)
    engine.database.close()
    assert minidock.remains() == []
    groups = Path(cgroups.locate("/minidock"))
    assert not [row.id for row in rows.values() if (groups / row.id).exists()]
