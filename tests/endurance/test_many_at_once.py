"""Twenty terminals at once, five hundred commands on ten containers: whatever happens, the state is consistent."""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from minidock.engine.engine import Engine
from minidock.state import containers
from minidock.state.containers import Row
from tests.integration.minidocks import Minidock
from tests.waiting import wait_until

TERMINALS, COMMANDS, CONTAINERS = 20, 500, 10
KILLED = 137  # the exit code of a program in a container that another terminal killed: nothing went wrong
SEED = int(os.environ.get("MINIDOCK_SEED", "0")) or random.SystemRandom().randrange(1 << 30)


def a_command(chance: random.Random) -> list[str]:
    name, other = f"c{chance.randrange(CONTAINERS)}", f"c{chance.randrange(CONTAINERS)}"
    kinds = {
        12: ["run", "-d", "--name", name, "busybox", "sleep", str(chance.choice((0, 1, 1000)))],
        6: ["run", "--rm", "--name", name, "busybox", "true"],
        5: ["create", "--name", name, "busybox", "sleep", "1000"],
        9: ["start", name],
        8: ["stop", "-t", "0", name],
        3: ["restart", "-t", "0", name],
        4: ["kill", name],
        7: ["rm", "-f", name],
        2: ["rm", name],
        1: ["rename", name, other],
        10: ["exec", name, "true"],
        11: ["ps", "-a"],
    }
    return chance.choice(list(kinds.values()))


def running(engine: Engine) -> list[Row]:
    return [row for row in engine.everyone() if row.status == containers.RUNNING]


def lives(row: Row) -> bool:
    return Path(f"/proc/{row.pid}").exists()


@pytest.mark.timeout(600)
def test_five_hundred_random_commands_from_twenty_terminals_end_in_a_consistent_state(minidock: Minidock) -> None:
    print(f"MINIDOCK_SEED={SEED}")
    chance = random.Random(SEED)
    commands = [a_command(chance) for _ in range(COMMANDS)]
    with ThreadPoolExecutor(TERMINALS) as pool:
        done = list(pool.map(lambda words: minidock(*words), commands))
    for words, result in zip(commands, done, strict=True):
        assert "Traceback" not in result.stderr, (words, result.stderr)
        assert result.returncode in (0, 1, 125, 126, KILLED), (words, result.returncode, result.stderr)
        assert result.returncode in (0, KILLED) or result.stderr, (words, result.returncode)
    engine = Engine(str(minidock.root), str(minidock.state))
    wait_until(lambda: all(lives(row) for row in running(engine)), "the end of each container was noted")
    rows = engine.everyone()
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        if row.status != containers.RUNNING:
            assert row.status in containers.AT_REST, (row.name, row.status)
            assert not Path(engine.run_root, row.id).exists(), row.name
    assert {path.name for path in (minidock.root / "containers").iterdir()} == {row.id for row in rows}
    engine.database.close()
    minidock.ok("system", "check")
