"""A disk that is full: what cannot be written is refused in one line, and nothing that was there is lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from minidock.engine.engine import Engine
from minidock.state import owners
from tests.integration.keepers import end_keepers
from tests.integration.minidocks import Minidock
from tests.waiting import wait_until


@pytest.fixture
def small(tmp_path: Path) -> Generator[Minidock]:
    """minidock on a file system of 16 MB, with a container that runs and one that rests."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "minidock-test", disk], check=True)
    made = Minidock(disk)
    try:
        script = "while [ ! -e /dev/shm/end ]; do sleep 0.05; done; exit 4"
        made.ok("run", "-d", "--name", "runs", "busybox", "sh", "-c", script)
        made.ok("create", "--name", "rests", "busybox", "true")
        yield made
        (disk / "filler").unlink(missing_ok=True)
        made.clear()
    finally:
        end_keepers(made.state)  # one has the state on that disk open, until it is quite gone
        wait_until(lambda: subprocess.run(["umount", disk], check=False).returncode == 0, "that nobody has the disk")


def fill(minidock: Minidock) -> Path:
    filler = minidock.root.parent / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65536))
        except OSError:
            pass
        try:
            while True:
                file.write(bytes(64))
        except OSError:
            pass
    return filler


def names(minidock: Minidock) -> dict[str, str]:
    engine = Engine(str(minidock.root), str(minidock.state))
    found = {row.name: row.status for row in engine.everyone()}
    engine.database.close()
    return found


def test_what_needs_room_is_refused_and_nothing_is_lost(small: Minidock) -> None:
    filler = fill(small)
    for words in (["run", "-d", "busybox", "true"], ["create", "busybox", "true"], ["run", "--rm", "busybox", "true"]):
        done = small(*words)
        assert done.returncode in (1, 125)
        assert "No space left" in done.stderr or "full" in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
    assert names(small) == {"runs": "running", "rests": "created"}
    filler.unlink()
    assert small.ok("start", "-a", "rests") == ""
    assert names(small) == {"runs": "running", "rests": "exited"}
    assert small("system", "check").returncode in (0, 1)
    small.ok("system", "check", "--repair")
    assert len(list((small.root / "containers").iterdir())) == 2


def test_an_end_that_comes_while_the_disk_is_full_is_written_down_as_soon_as_there_is_room(small: Minidock) -> None:
    filler = fill(small)
    small("exec", "runs", "touch", "/dev/shm/end")
    engine = Engine(str(small.root), str(small.state))
    row = engine.find("runs")
    wait_until(lambda: not Path(f"/proc/{row.pid}").exists() or "Z" in Path(f"/proc/{row.pid}/stat").read_text())
    filler.unlink()
    wait_until(lambda: engine.find("runs").status == "exited")
    assert engine.find("runs").exit_code == 4
    engine.database.close()
    wait_until(lambda: not owners.lives(row.owner))  # its monitor has files open on the disk to its own end


def test_a_log_that_cannot_be_written_does_not_end_the_program(small: Minidock) -> None:
    small.ok("run", "-d", "--name", "talks", "busybox", "sh", "-c", "while :; do echo talk; sleep 0.02; done")
    engine = Engine(str(small.root), str(small.state))
    log = Path(engine.place(engine.find("talks").id).file("json.log"))
    filler = fill(small)
    before = log.stat().st_size
    wait_until(lambda: log.stat().st_size >= before)
    assert engine.find("talks").status == "running"
    filler.unlink()
    wait_until(lambda: log.stat().st_size > before + 500)
    engine.database.close()
    os.sync()
