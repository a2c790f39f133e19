"""`minidock events`: which, in what form, and that they come as they happen. Forms and filters are Docker's."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from minidock.cli.main import main
from minidock.engine.engine import Engine
from minidock.engine.looking.events import Event
from minidock.engine.options import Options
from minidock.errors import MinidockError
from minidock.state import containers
from minidock.state.database import Database
from minidock.state.waiting import Waiting
from tests.unit.rows import SECOND, a_container

Told = Callable[..., list[str]]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("MINIDOCK_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("MINIDOCK_RUN", str(tmp_path / "run"))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    return Engine()


@pytest.fixture
def past(engine: Engine) -> int:
    """Some events; returns a time before all of them."""
    before = time.time_ns()
    options = Options("busybox:1.36")
    options.labels = {"tier": "web"}
    row = a_container(engine, "web", options=options)
    with engine.database.change() as change:
        change.event("image", "tag", "sha256:1234", {"name": "busybox:1.36"})
        change.event("volume", "create", "data", {"driver": "local"})
        containers.event(change, row, "start")
        containers.event(change, row, "health_status: healthy")
        containers.event(change, row, "exec_create: sh -c true")
        containers.event(change, row, "die", exitCode="3")
        change.event("volume", "create", "x", {})
    return before


def actions(engine: Engine, **filters: str) -> list[str]:
    found = engine.events(until=time.time_ns(), filters={name: value.split(",") for name, value in filters.items()})
    return [f"{event.kind} {event.action.partition(':')[0]}" for event in found]


STARTED = ["container start", "container health_status", "container exec_create", "container die"]


@pytest.mark.usefixtures("past")
@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({}, ["image tag", "volume create", *STARTED, "volume create"]),
        ({"type": "image,volume"}, ["image tag", "volume create", "volume create"]),
        ({"type": "nix"}, []),
        ({"event": "start,die"}, ["container start", "container die"]),
        ({"event": "health_status"}, ["container health_status"]),
        ({"event": "health_status: healthy"}, ["container health_status"]),
        ({"event": "health_status: unhealthy"}, []),
        ({"event": "exec_create"}, ["container exec_create"]),
        ({"event": "exec"}, []),
        ({"container": "we"}, STARTED),
        ({"container": "0101"}, STARTED),
        ({"container": "eb"}, []),
        ({"container": "data"}, []),
        ({"volume": "data"}, ["volume create"]),
        ({"image": "busybox"}, ["image tag", *STARTED]),
        ({"image": "busybox:1.36"}, ["image tag", *STARTED]),
        ({"image": "sha256:1234"}, ["image tag"]),
        ({"image": "busy"}, []),
        ({"label": "tier"}, STARTED),
        ({"label": "tier=web", "event": "die"}, ["container die"]),
        ({"label": "tier=db"}, []),
        ({"scope": "local", "type": "image"}, ["image tag"]),
        ({"scope": "swarm"}, []),
        ({"network": "x"}, []),
    ],
)
def test_events_are_chosen(engine: Engine, filters: dict[str, str], told: list[str]) -> None:
    assert actions(engine, **filters) == told


def test_a_filter_that_does_not_exist_is_not_ignored(engine: Engine) -> None:
    with pytest.raises(MinidockError, match="invalid filter 'foo'"):
        actions(engine, foo="bar")


def test_only_what_happened_between_two_times_is_told(engine: Engine, past: int) -> None:
    times = [event.time for event in engine.events(until=time.time_ns())]
    assert past < times[0]
    assert [event.time for event in engine.events(since=times[2], until=times[4])] == times[2:5]
    assert [*engine.events(since=times[-1] + 1, until=time.time_ns())] == []


# In what form ---------------------------------------------------------------------------------------------


@pytest.fixture
def told(past: int, capsys: pytest.CaptureFixture[str]) -> Told:
    def lines(*words: str) -> list[str]:
        assert main(["events", "--since", f"{past / SECOND:.6f}", "--until", "0s", *words]) == 0
        return capsys.readouterr().out.splitlines()

    return lines


def test_a_line_is_dockers(engine: Engine, told: Told) -> None:
    die, create = told()[-2:]
    stamp, _, rest = die.partition(" ")
    last = [*engine.events(until=time.time_ns())][-2]
    assert stamp == time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(last.time // SECOND)) + f".{last.time % SECOND:09d}Z"
    assert rest == f"container die {'01' * 32} (exitCode=3, image=busybox:1.36, name=web, tier=web)"
    assert create.endswith("Z volume create x")


def test_json_has_the_fields_of_docker(told: Told) -> None:
    tag, volume, start = (json.loads(line) for line in told("--format", "json")[:3])
    assert {**start, "time": 0, "timeNano": 0} == {
        "status": "start",
        "id": "01" * 32,
        "from": "busybox:1.36",
        "Type": "container",
        "Action": "start",
        "Actor": {"ID": "01" * 32, "Attributes": {"image": "busybox:1.36", "name": "web", "tier": "web"}},
        "scope": "local",
        "time": 0,
        "timeNano": 0,
    }
    assert start["timeNano"] // SECOND == start["time"]
    assert (tag["status"], tag["id"], "from" in tag) == ("tag", "sha256:1234", False)
    assert [*volume] == ["Type", "Action", "Actor", "scope", "time", "timeNano"]


def test_templates_know_the_fields_by_their_names_in_go(told: Told) -> None:
    form = "{{.ID}} {{.Status}} {{.From}} {{.Scope}} {{.Actor.ID}} {{.Actor.Attributes.exitCode}} {{.TimeNano}}"
    (line,) = told("--format", form, "-f", "event=die")
    assert line.split()[:-1] == ["01" * 32, "die", "busybox:1.36", "local", "01" * 32, "3"]
    assert int(line.split()[-1]) > 1_000 * SECOND


@pytest.mark.usefixtures("past")
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--until", "0s", "--format", "{{.Nope}}"), 64, "Error parsing format: template: :1:2: executing"),
        (("--format", "{{.Type"), 64, "Error parsing format: template: :1: unclosed action"),
        (("--since", "x"), 1, 'failed to parse value as time or duration: "x"'),
        (("--until", "x"), 1, 'failed to parse value as time or duration: "x"'),
        (("--since", "0s", "--until", "10m"), 1, "`since` time"),
        (("-f", "x"), 125, "bad format of filter (expected name=value)"),
        (("x",), 1, "'minidock events' accepts no arguments"),
    ],
)
def test_what_is_wrong_is_said(
    words: tuple[str, ...], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["events", *words]) == code
    assert message in capsys.readouterr().err


# As they happen -------------------------------------------------------------------------------------------


def write_events(root: str, *names: str) -> None:
    """As another process would, with a connection of its own."""
    database = Database(root)
    for name in names:
        with database.change() as change:
            change.event("volume", "create", name, {})
    database.close()


def test_who_follows_hears_of_what_comes_from_then_on(engine: Engine) -> None:
    write_events(engine.root, "before")
    heard: list[Event] = []
    listening = threading.Thread(target=lambda: heard.extend(_first(Engine(engine.root).events(), 3)))
    listening.start()
    while listening.is_alive():  # nobody knows when it has begun to listen
        write_events(engine.root, "during")
        listening.join(0.02)
    assert {event.actor for event in heard} == {"during"}
    assert len({event.number for event in heard}) == 3


def _first(events: Iterator[Event], count: int) -> Iterator[Event]:
    for event, _ in zip(events, range(count), strict=False):
        yield event


def test_following_ends_at_a_time_to_come(engine: Engine, past: int) -> None:
    until = time.time_ns() + SECOND // 4
    assert len([*engine.events(since=past, until=until)]) == 7
    assert time.time_ns() > until


def test_who_waits_does_not_look_again_and_again(engine: Engine) -> None:
    waiting = Waiting(engine.database)
    looks, end = 0, time.monotonic() + 1
    while time.monotonic() < end:
        waiting.wait()
        looks += 1
    waiting.close()
    assert looks < 10


def test_a_change_wakes_whoever_waits(engine: Engine) -> None:
    waiting = Waiting(engine.database)
    version = engine.database.version()
    assert not waiting.wait(0)
    write_events(engine.root, "x")
    assert waiting.wait(60)
    assert not waiting.wait(60)  # but it looks once more, a little later
    waiting.close()
    assert engine.database.version() != version
