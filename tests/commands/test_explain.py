"""`minidock explain`: how a container came to be, told afterwards, whatever has become of it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

from minidock.engine.engine import Engine
from tests import schemas
from tests.integration.minidocks import Minidock
from tests.waiting import wait_until

SCHEMA = schemas.of_page(Path(__file__).parents[2] / "docs/journal.md")


def told(minidock: Minidock, name: str) -> Any:
    """What is told, as the documented schema has it."""
    found = json.loads(minidock.ok("explain", "--format", "json", name))
    schemas.check(found, SCHEMA)
    return found


def outcomes(found: Any) -> Counter[str]:
    return Counter(step["outcome"] for step in found["steps"])


def journal_of(minidock: Minidock, name: str) -> Path:
    (identifier,) = minidock.ok("ps", "-aq", "--no-trunc", "--filter", f"name=^{name}$").split()
    return minidock.root / "containers" / identifier / "journal"


def test_a_running_container_tells_all_its_steps_in_order_with_their_times(minidock: Minidock) -> None:
    before = time.time()
    minidock.ok("run", "-d", "--name", "c1", "busybox", "sleep", "1000")
    found = told(minidock, "c1")
    planned = json.loads(minidock.ok("plan", "--format", "json", "busybox", "sleep", "1000"))
    assert [(step["name"], step["side"]) for step in found["steps"]] == [
        (step["name"], step["side"]) for step in planned
    ]
    assert outcomes(found) == {"done": len(planned)}
    offsets = [step["offset"] for step in found["steps"]]
    assert offsets[0] == 0 and offsets == sorted(offsets)
    assert found["seconds"] < time.time() - before
    assert all(step["seconds"] >= 0 and step["says"] and step["why"] for step in found["steps"])


def test_one_that_has_ended_or_was_killed_with_its_monitor_still_tells(minidock: Minidock) -> None:
    minidock.ok("run", "--name", "c1", "busybox", "true")
    minidock.ok("run", "-d", "--name", "c2", "busybox", "sleep", "1000")
    engine = Engine(str(minidock.root), str(minidock.state))
    os.kill(int(engine.find("c2").owner.split()[0]), signal.SIGKILL)
    engine.database.close()
    wait_until(lambda: "Exited" in minidock.ok("ps", "-a", "--filter", "name=c2"))
    for name in ("c1", "c2"):
        found = told(minidock, name)
        assert (found["status"], set(outcomes(found))) == ("exited", {"done"})


def test_one_that_could_not_be_started_tells_where_and_why(minidock: Minidock) -> None:
    assert minidock("run", "--name", "c1", "busybox", "no-such-program").returncode == 127
    found = told(minidock, "c1")
    (failed,) = (step for step in found["steps"] if step["outcome"] == "failed")
    assert failed["name"] == "process.find"
    assert failed["message"].startswith('exec: "no-such-program": executable file not found')
    after = found["steps"][failed["number"] :]
    assert {(step["outcome"], step["seconds"]) for step in after} == {("not reached", None)}
    shown = minidock.ok("explain", "c1").splitlines()
    assert shown[failed["number"]].startswith("✗") and shown[-1].startswith("·")


def test_a_program_that_the_kernel_refuses_is_told_too(minidock: Minidock, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    minidock("run", "--name", "c1", "-v", f"{script}:/script", "busybox", "/script")
    last = told(minidock, "c1")["steps"][-1]
    assert (last["name"], last["outcome"]) == ("process.exec", "failed")
    assert "no such file" in last["message"]


def test_one_that_was_never_started_tells_what_awaits_it(minidock: Minidock) -> None:
    minidock.ok("create", "--name", "c1", "busybox", "true")
    found = told(minidock, "c1")
    assert (found["began"], found["seconds"], set(outcomes(found))) == (None, None, {"not reached"})
    assert "has not been started yet" in minidock.ok("explain", "c1")


def test_each_start_begins_the_journal_anew(minidock: Minidock) -> None:
    minidock.ok("run", "--name", "c1", "busybox", "true")
    first = told(minidock, "c1")
    minidock.ok("start", "-a", "c1")
    second = told(minidock, "c1")
    assert second["began"] > first["began"]
    assert outcomes(first) == outcomes(second)


def test_why_tells_what_each_step_is_for(minidock: Minidock) -> None:
    minidock.ok("run", "--name", "c1", "busybox", "true")
    why = "without it sethostname(2) in the container would rename the host — uts_namespaces(7)"
    assert why in minidock.ok("explain", "--why", "c1")
    assert why not in minidock.ok("explain", "c1")


def test_a_damaged_journal_tells_what_is_whole(minidock: Minidock) -> None:
    """A crash or a full disk may cut a line; root may write anything."""
    minidock.ok("run", "--name", "c1", "busybox", "true")
    journal = journal_of(minidock, "c1")
    lines = journal.read_text().splitlines()
    strange = [
        '{"step": 5}',
        "null",
        '{"step": "uts.hostname", "side": "inside", "start": 1e999, "seconds": 0, "outcome": "done"}',
        '"text"',
        "\x00\xff",
        '{"step": "no.such", "side": "host", "start": 1e9, "seconds": 0, "outcome": "done"}',
    ]
    journal.write_text("\n".join([*lines[:-3], *strange, lines[-1][:20]]))
    found = json.loads(minidock.ok("explain", "--format", "json", "c1"))
    assert outcomes(found)["not reached"] == 2
    assert found["steps"][-1]["name"] == "no.such"
    journal.unlink()
    assert set(outcomes(told(minidock, "c1"))) == {"not reached"}


def test_a_container_that_is_gone_has_no_journal(minidock: Minidock) -> None:
    minidock.ok("run", "--rm", "--name", "c1", "busybox", "true")
    assert "No such container" in minidock("explain", "c1").stderr
    assert not list((minidock.root / "containers").iterdir())
