"""`minidock ps`: which containers, and what of them. Columns, words and filters were compared with Docker's."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minidock import jsonfile
from minidock.cli.container.ls import status
from minidock.cli.main import main
from minidock.engine.configuring.mount_points import MountPoint
from minidock.engine.engine import Engine
from minidock.engine.options import Options
from minidock.errors import MinidockError
from minidock.images.layout import PARENT, Layout
from minidock.state import containers
from tests.unit.rows import SECOND, a_container, an_image

PROJECT = Path(__file__).parents[2]
# Each of these takes milliseconds to load, of the tens that the whole listing may take.
SLOW = {
    *("argparse", "contextlib", "dataclasses", "datetime", "enum", "hashlib", "json", "pathlib", "re", "shutil"),
    *("signal", "socket", "sqlite3", "subprocess", "tempfile", "textwrap", "threading", "typing"),
    *("minidock.cli.templates", "minidock.engine.configuring.configuration", "minidock.engine.monitor"),
}
Ps = Callable[..., list[str]]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("MINIDOCK_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("MINIDOCK_RUN", str(tmp_path / "run"))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    return Engine()


@pytest.fixture
def ps(engine: Engine, capsys: pytest.CaptureFixture[str]) -> Ps:
    assert engine.root  # by the environment the command finds the same

    def lines(*words: str) -> list[str]:
        code = main(["ps", *words])
        said = capsys.readouterr()
        assert code == 0, said.err
        return said.out.splitlines()

    return lines


def with_options(**fields: Any) -> Options:
    options = Options("app")
    for name, value in fields.items():
        setattr(options, name, value)
    return options


# Which ----------------------------------------------------------------------------------------------------


@pytest.fixture
def three(engine: Engine) -> None:
    a_container(engine, "old", status="exited", exit_code=3, started=1, finished=2)
    a_container(engine, "middle", status="running")
    a_container(engine, "young")


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), ["middle"]),
        (("-a",), ["young", "middle", "old"]),
        (("-l",), ["young"]),
        (("-n", "2"), ["young", "middle"]),
        (("-n", "2", "-l"), ["young", "middle"]),
        (("-n", "0"), ["middle"]),
        (("-n", "-5"), ["middle"]),
        (("-n", "1", "-f", "name=middle"), ["middle"]),
        (("-f", "status=exited"), ["old"]),
        (("-f", "status=created", "-f", "status=running"), ["young", "middle"]),
        (("-f", "exited=3"), []),
        (("-a", "-f", "exited=3"), ["old"]),
        (("-a", "-f", "exited=0"), []),
        (("-a", "-f", "before=middle"), ["old"]),
        (("-a", "-f", "since=middle"), ["young"]),
        (("-a", "-f", "since=0101"), ["young", "middle"]),
        (("-a", "-f", "is-task=false"), ["young", "middle", "old"]),
        (("-a", "-f", "is-task=true"), []),
        (("-a", "-f", "publish=80", "-f", "expose=1-9/udp"), []),
        (("-a", "-f", "NAME= old"), ["old"]),
        (("-a", "-f", ""), ["young", "middle", "old"]),
    ],
)
def test_containers_are_chosen(ps: Ps, words: tuple[str, ...], names: list[str]) -> None:
    assert ps(*words, "--format", "{{.Names}}") == names


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("web", ["web_2", "web_1", "my.web"]),
        ("^web", ["web_2", "web_1"]),
        ("^/web", ["web_2", "web_1"]),
        ("/my", ["my.web"]),
        ("_[13]$", ["web_1"]),
        ("m..web", ["my.web"]),
        ("[", []),
    ],
)
def test_names_are_found_by_what_is_in_them(engine: Engine, ps: Ps, pattern: str, names: list[str]) -> None:
    for name in ("my.web", "web_1", "web_2"):
        a_container(engine, name)
    assert ps("-a", "-f", f"name={pattern}", "--format", "{{.Names}}") == names


def test_ids_are_found_by_a_beginning_that_no_other_has(engine: Engine, ps: Ps) -> None:
    a_container(engine, "one", id="ab" * 32)
    a_container(engine, "two", id="ac" * 32)
    names = ("--format", "{{.Names}}")
    assert ps("-a", "-f", "id=ab", *names) == ["one"]
    assert ps("-a", "-f", "id=abab", "-f", f"id={'ac' * 32}", *names) == ["two", "one"]
    for value in ("", "a", "b", "one"):
        assert ps("-a", "-f", f"id={value}", *names) == []


def test_of_labels_all_must_fit_and_of_others_any(engine: Engine, ps: Ps) -> None:
    a_container(engine, "one", options=with_options(labels={"a": "b", "tier": ""}, network="none"))
    a_container(engine, "two", options=with_options(labels={"a": "c"}, network="host"))
    a_container(engine, "three", options=with_options(network="container:two"))
    names = ("--format", "{{.Names}}")
    assert ps("-a", "-f", "label=a", *names) == ["two", "one"]
    assert ps("-a", "-f", "label=a=c", *names) == ["two"]
    assert ps("-a", "-f", "label=a", "-f", "label=tier=", *names) == ["one"]
    assert ps("-a", "-f", "label=a=b", "-f", "label=a=c", *names) == []
    assert ps("-a", "-f", "network=none", "-f", "network=host", *names) == ["two", "one"]


def test_volumes_are_found_by_name_source_and_target(engine: Engine, ps: Ps) -> None:
    volume = MountPoint("volume", "/data", source="/var/lib/v/_data", name="precious")
    a_container(engine, "one", options=with_options(mount_points=[volume, MountPoint("bind", "/x", source="/srv")]))
    a_container(engine, "two")
    for value in ("precious", "/data", "/srv", "/x"):
        assert ps("-a", "-f", f"volume={value}", "--format", "{{.Names}}") == ["one"]
    assert ps("-a", "-f", "volume=/var/lib/v/_data", "-q") == []
    assert ps("-a", "--format", "{{.Names}} {{.Mounts}} {{.LocalVolumes}}") == ["two  0", "one precious,/srv 1"]


def test_containers_of_an_image_and_of_what_was_made_from_it(engine: Engine, ps: Ps) -> None:
    base, other = an_image(engine, "base"), an_image(engine, "other")
    child, grandchild = an_image(engine, "child"), an_image(engine, "grandchild")
    layout = Layout(engine.root)
    for name, parent in (("child", base), ("grandchild", child)):
        entry = layout.find(f"docker.io/library/{name}:latest")
        assert entry
        layout.tag(f"docker.io/library/{name}:latest", entry, {PARENT: parent})
    for name, image_id in (("zero", grandchild), ("one", base), ("two", child), ("three", other)):
        a_container(engine, name, image_id=image_id)
    names = ("--format", "{{.Names}}")
    assert ps("-a", "-f", "ancestor=base", *names) == ["two", "one", "zero"]
    assert ps("-a", "-f", f"ancestor={child[7:19]}", *names) == ["two", "zero"]
    assert ps("-a", "-f", "ancestor=other:latest", "-f", "ancestor=grandchild", *names) == ["three", "zero"]
    assert ps("-a", "-f", "ancestor=nix", *names) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo=bar", "invalid filter 'foo'"),
        ("status=running!", "invalid filter 'status=running!'"),
        ("status=starting", "invalid filter 'status=starting'"),
        ("health=ill", "invalid filter 'health=ill'"),
        ("exited=x", "invalid filter 'exited=x'"),
        ("is-task=x", "invalid filter 'is-task=[x]'"),
        ("before=nix", "No such container: nix"),
        ("since=nix", "No such container: nix"),
        ("publish=x", "invalid filter 'publish=x'"),
        ("expose=1-70000", "invalid filter 'expose=1-70000'"),
    ],
)
def test_filters_that_mean_nothing_are_refused(engine: Engine, text: str, message: str) -> None:
    name, _, value = text.partition("=")
    with pytest.raises(MinidockError) as caught:
        engine.containers(filters={name: [value]})
    assert caught.value.message == message


@pytest.mark.usefixtures("engine")
def test_a_filter_needs_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ps", "-f", "name"]) == 125
    assert 'invalid argument "name" for "-f, --filter" flag: bad format of filter' in capsys.readouterr().err


def test_an_abandoned_container_is_not_shown_as_running(engine: Engine, ps: Ps) -> None:
    a_container(engine, "one", status="running", owner="1 1 nobody")
    assert ps() == ["CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES"]
    assert ps("-a", "--format", "{{.State}}") == ["exited"]


# What -----------------------------------------------------------------------------------------------------


def test_the_table_is_dockers(engine: Engine, ps: Ps) -> None:
    image_id = an_image(engine)
    now = time.time_ns()
    words = jsonfile.dump(["sh", "-c", 'echo "hello"; sleep 1000'])
    a_container(engine, "web", image_id=image_id, status="running", started=now - 125 * SECOND, command=words)
    assert ps() == [
        "CONTAINER ID   IMAGE     COMMAND                    CREATED             STATUS         PORTS     NAMES",
        '010101010101   app       "sh -c \'echo \\"hello\\"…"   About an hour ago   Up 2 minutes             web',
    ]
    assert ps("-q") == ["01" * 6]
    assert ps("-q", "--no-trunc") == ["01" * 32]
    full = ps("--no-trunc", "--format", "{{.ID}} {{.Command}}")
    assert full == [f'{"01" * 32} "sh -c \'echo \\"hello\\"; sleep 1000\'"']


def test_the_size_is_that_of_the_changes_and_of_all(engine: Engine, ps: Ps) -> None:
    row = a_container(engine, "web", status="running")
    upper = Path(engine.place(row.id).file("upper/deep"))
    upper.mkdir(parents=True)
    (upper / "file").write_bytes(b"x" * 1500)
    (upper / "again").hardlink_to(upper / "file")
    assert ps("-s")[0].endswith("NAMES     SIZE")
    assert ps("-s")[1].endswith("web       1.5kB (virtual 1.5kB)")
    assert ps("--format", "{{.Size}}") == ["1.5kB (virtual 1.5kB)"]
    assert ps("--format", "{{.Size}}", "--size=false") == ["0B"]


def test_json_has_all_fields_of_docker(engine: Engine, ps: Ps) -> None:
    row = a_container(engine, "web", image_id=an_image(engine), options=with_options(labels={"b": "2", "a": "<1>"}))
    upper = Path(engine.place(row.id).file("upper"))
    upper.mkdir(parents=True)
    (upper / "file").write_text("its size is only looked at when it is asked for")
    (line,) = ps("-a", "--format", "json")
    created = time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC", time.gmtime(engine.find("web").created // SECOND))
    assert json.loads(line) == {
        "Command": '"sleep 1000"',
        "CreatedAt": created,
        "ID": "010101010101",
        "Image": "app",
        "Labels": "a=<1>,b=2",
        "LocalVolumes": "0",
        "Mounts": "",
        "Names": "web",
        "Networks": "bridge",
        "Platform": "linux/amd64",
        "Ports": "",
        "RunningFor": "About an hour ago",
        "Size": "0B",
        "State": "created",
        "Status": "Created",
    }
    assert ps("-a", "--format", '{{.Label "a"}} {{.Label "nix"}}.') == ["<1> ."]
    assert ps("-a", "--format", 'table {{.Label "a"}}\t{{.Names}}') == ["a         NAMES", "<1>       web"]


def test_the_raw_format_and_what_quiet_does_to_formats(
    engine: Engine, ps: Ps, capsys: pytest.CaptureFixture[str]
) -> None:
    a_container(engine, "web", options=with_options(labels={"a": "b"}))
    raw = ps("-a", "--format", "raw")
    assert [line.partition(":")[0] for line in raw] == [
        *("container_id", "image", "command", "created_at", "state", "status", "names", "labels", "ports", "")
    ]
    assert raw[-3:] == ["labels: a=b", "ports:", ""]
    assert ps("-aq", "--format", "raw") == ["container_id: 010101010101"]
    assert main(["ps", "-aq", "--format", "{{.Names}}"]) == 0
    said = capsys.readouterr()
    assert said.out == "010101010101\n"
    assert said.err == "WARNING: Ignoring custom format, because both --format and --quiet are set.\n"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "Created"),
        ({"error": "no such program", "exit_code": 127}, "Created"),
        ({"status": "starting", "started": None}, "Created"),
        ({"status": "starting", "exit_code": 2, "finished": 60}, "Exited (2) About a minute ago"),
        ({"status": "running", "started": 3}, "Up 3 seconds"),
        ({"status": "running", "started": 2 * 3600, "health": "healthy"}, "Up 2 hours (healthy)"),
        ({"status": "running", "started": 1, "health": "starting"}, "Up 1 second (health: starting)"),
        ({"status": "running", "started": 0, "health": "unhealthy"}, "Up Less than a second (unhealthy)"),
        ({"status": "paused", "started": 3, "health": "healthy"}, "Up 3 seconds (Paused)"),
        ({"status": "exited", "exit_code": 0, "finished": 240}, "Exited (0) 4 minutes ago"),
        ({"status": "restarting", "exit_code": 1, "finished": 2}, "Restarting (1) 2 seconds ago"),
        ({"status": "removing"}, "Removal In Progress"),
        ({"status": "dead"}, "Dead"),
    ],
)
def test_the_status_says_what_a_container_does_and_since_when(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, columns: dict[str, Any], said: str
) -> None:
    now = time.time_ns()
    for name in {"started", "finished"} & columns.keys():  # seconds ago; None: never
        columns = {**columns, name: 0 if columns[name] is None else now - columns[name] * SECOND}
    if "health" in columns:
        columns = {**columns, "health": jsonfile.dump({"Status": columns["health"], "FailingStreak": 0, "Log": []})}
    row = a_container(engine, "web", **columns)
    monkeypatch.setattr(time, "time_ns", lambda: now)
    assert status(row) == said


def test_health_can_be_asked_for(engine: Engine, ps: Ps) -> None:
    healthy = jsonfile.dump({"Status": "healthy", "FailingStreak": 0, "Log": []})
    a_container(engine, "one", status="running", health=healthy)
    a_container(engine, "two", status="running")
    assert ps("-f", "health=healthy", "--format", "{{.Names}}") == ["one"]
    assert ps("-f", "health=none", "--format", "{{.Names}}") == ["two"]


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("app", "app"),
        ("app:latest", "app:latest"),
        ("docker.io/library/app", "app"),
        ("docker.io/library/app:latest", "app:latest"),
    ],
)
def test_an_image_is_called_what_it_was_asked_for_by(engine: Engine, ps: Ps, asked: str, shown: str) -> None:
    a_container(engine, "web", image=asked, image_id=an_image(engine))
    assert ps("-a", "--format", "{{.Image}}") == [shown]
    assert ps("-a", "--format", "{{.Image}}", "--no-trunc") == [asked]


def test_an_image_whose_name_means_another_one_by_now_is_called_by_its_id(engine: Engine, ps: Ps) -> None:
    first = an_image(engine)
    a_container(engine, "web", image_id=first)
    a_container(engine, "by_id", image=first[7:19], image_id=first)
    an_image(engine)
    assert ps("-a", "--format", "{{.Image}}") == [first[7:19]] * 2
    assert ps("-a", "--format", "{{.Image}}", "--no-trunc") == [first[7:19], first]


# At what cost ---------------------------------------------------------------------------------------------


def test_options_are_read_only_for_what_needs_them(engine: Engine, ps: Ps) -> None:
    """They are most of what is remembered of a container. Such as these, which cannot be read, nobody misses."""
    a_container(engine, "web", status="running")
    with engine.database.change() as change:
        containers.alter(change, "01" * 32, options="{")
    assert len(ps()) == len(ps("-f", "name=web", "-f", "status=running")) == 2
    with pytest.raises(ValueError, match="Expecting"):
        main(["ps", "-f", "label=a"])


def test_a_listing_loads_nothing_slow(engine: Engine) -> None:
    a_container(engine, "web", image_id=an_image(engine))
    script = (
        "import sys; sys.path[:0] = sys.argv[1:3]\n"
        "from minidock.cli.main import main\n"
        "code = main(['ps', '-a', '-f', 'name=web'])\n"
        "print(code, *sys.modules)"
    )
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    command = [sys.executable, "-I", "-S", "-c", script, str(PROJECT), packages]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    _, row, loaded = done.stdout.splitlines()
    assert '"sleep 1000"' in row
    assert SLOW & {*loaded.split()} == set()
