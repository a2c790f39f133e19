"""What `top`, `port`, `stats` and `inspect` make of what they find, without anything that runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from minidock.cli import inspection, listings
from minidock.cli.main import main
from minidock.engine.engine import Engine
from minidock.engine.looking import ports, top
from minidock.engine.looking.measuring import Usage
from minidock.errors import MinidockError
from tests.unit.rows import a_container, an_image


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("MINIDOCK_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("MINIDOCK_RUN", str(tmp_path / "run"))
    return Engine()


# top ------------------------------------------------------------------------------------------------------

PS = """\
UID          PID    PPID  C STIME TTY          TIME CMD
root           1       0  0 06:16 ?        00:00:00 init of the host
root          10       1  0 06:16 ?        00:00:00 sh -c  sleep 1000;\u2028 true
root         100      10  0 06:16 ?        00:00:01 sleep 1000
"""
THREADS = """\
  PID   LWP CMD
   10     - web
    -    10 -
    -    11 -
   20     - other
    -    20 -
"""


def test_only_the_containers_processes_are_shown() -> None:
    titles, lines = top.chosen(PS, [10, 100])
    assert titles == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    assert [line[1] for line in lines] == ["10", "100"]
    assert lines[0][-1] == "sh -c sleep 1000;\u2028 true"


def test_threads_belong_to_the_process_above_them() -> None:
    _, lines = top.chosen(THREADS, [10])
    assert [line[1] for line in lines] == ["-", "10", "11"]


@pytest.mark.parametrize("output", ["", "USER CMD\nroot sh\n"])
def test_without_a_column_of_pids_nothing_can_be_told(output: str) -> None:
    with pytest.raises(MinidockError, match="Couldn't find PID field in ps output"):
        top.chosen(output, [1])


@pytest.mark.parametrize("line", ["sh -c true 12", "sh"])
def test_a_column_that_holds_something_else_is_no_pid(line: str) -> None:
    with pytest.raises(MinidockError, match="Unexpected pid"):
        top.chosen(f"CMD PID\n{line}\n", [12])


def test_only_what_runs_has_processes(engine: Engine) -> None:
    a_container(engine, "web")
    a_container(engine, "again", status="restarting")
    with pytest.raises(MinidockError, match=f"Container {'01' * 32} is not running"):
        engine.top("web")
    with pytest.raises(MinidockError, match=f"Container {'02' * 32} is restarting, wait until"):
        engine.top("again")


# port -----------------------------------------------------------------------------------------------------


def test_a_container_without_published_ports_has_nothing_to_tell(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    a_container(engine, "web")
    assert main(["port", "web"]) == 0
    for words, message in (
        (("web", "80/tcp"), "No public port '80/tcp' published for web"),
        (("web", "x"), "invalid port (x)"),
        (("nix",), "No such container: nix"),
    ):
        assert main(["port", *words]) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert message in said.err


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("80", [(80, "tcp")]),
        ("53/udp", [(53, "udp")]),
        ("8000-8002/tcp", [(8000, "tcp"), (8001, "tcp"), (8002, "tcp")]),
        ("9-8", []),
    ],
)
def test_a_filter_may_mean_several_ports(text: str, found: list[tuple[int, str]]) -> None:
    assert [*ports.span("expose", text)] == found


# stats ----------------------------------------------------------------------------------------------------


def usage(engine: Engine, *, moment: int, cpu_time: int) -> Usage:
    found = Usage(engine.find("web"), "web")
    found.moment, found.cpu_time = moment, cpu_time
    return found


def test_the_use_of_processors_is_what_was_used_between_two_looks(engine: Engine) -> None:
    a_container(engine, "web")
    now = usage(engine, moment=3_000_000, cpu_time=5_500_000)
    now.compare(usage(engine, moment=2_000_000, cpu_time=4_000_000))
    assert now.cpu == 150.0  # one and a half processors
    first = usage(engine, moment=3_000_000, cpu_time=5_500_000)
    first.compare(usage(engine, moment=0, cpu_time=0))  # it did not run then
    assert first.cpu == 0.0


def test_a_container_that_was_started_again_is_not_compared_with_its_last_life(engine: Engine) -> None:
    a_container(engine, "web")
    now = usage(engine, moment=3_000_000, cpu_time=5_500_000)
    now.row.started = 1
    now.compare(usage(engine, moment=2_000_000, cpu_time=1_000_000))
    assert now.cpu == 0.0


def test_what_does_not_run_uses_nothing(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    a_container(engine, "web")
    assert main(["stats", "--no-stream", "web"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O   BLOCK I/O   PIDS",
        "010101010101   web       0.00%     0B / 0B             0.00%     0B / 0B   0B / 0B     0",
    ]
    assert main(["stats", "--no-stream", "--format", "json", "-a"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "BlockIO": "0B / 0B",
        "CPUPerc": "0.00%",
        "Container": "01" * 32,
        "ID": "010101010101",
        "MemPerc": "0.00%",
        "MemUsage": "0B / 0B",
        "Name": "web",
        "NetIO": "0B / 0B",
        "PIDs": "0",
    }
    assert main(["stats", "--no-stream", "nix"]) == 1


# inspect --------------------------------------------------------------------------------------------------


def look(word: str) -> Any:
    if word == "nix":
        raise MinidockError(f"No such object: {word}")
    return {"Name": word, "Tags": ["<é>"], "Config": {"Labels": {}}}


def test_what_exists_is_shown_even_if_something_else_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert inspection.show(["a", "nix", "b"], look) == 1
    said = capsys.readouterr()
    assert [found["Name"] for found in json.loads(said.out)] == ["a", "b"]
    assert said.out.startswith('[\n    {\n        "Name": "a",\n        "Tags": [\n            "<é>"\n')
    assert said.err == "minidock: No such object: nix\n"
    assert inspection.show(["nix"], look) == 1
    assert capsys.readouterr().out == "[]\n"


def test_a_format_is_one_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert inspection.show(["a", "b"], look, "{{.Name}} {{json .Config}}") == 0
    assert capsys.readouterr().out == 'a {"Labels":{}}\nb {"Labels":{}}\n'
    assert inspection.show(["a"], look, "json") == 0
    assert capsys.readouterr().out == '[{"Name":"a","Tags":["<é>"],"Config":{"Labels":{}}}]\n'
    assert inspection.show(["nix"], look, "{{.Name}}") == 1
    assert capsys.readouterr().out == "\n"


def test_a_format_that_does_not_fit_is_an_error_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert inspection.show(["a", "b"], look, "{{.Nope}}") == 1
    said = capsys.readouterr()
    assert said.out == "\n"
    assert said.err.count('map has no entry for key "Nope"') == 2
    with pytest.raises(MinidockError) as caught:
        inspection.show(["a"], look, "{{.Name")
    assert caught.value.code == 64


def test_a_name_is_looked_for_among_containers_then_images_then_volumes(engine: Engine) -> None:
    image = an_image(engine, "both")
    engine.create_volume("both")
    engine.create_volume("Volumes_may_be_called_so")
    assert engine.inspect("both").kind == "image"
    assert engine.inspect(image[7:13]).document["Id"] == image
    assert engine.inspect("both", kind="volume").document["Name"] == "both"
    assert engine.inspect("Volumes_may_be_called_so").kind == "volume"
    row = a_container(engine, "both", id="ab" * 32)
    directory = Path(engine.place(row.id).path)
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps({"annotations": {"minidock.layers": "[]"}}))
    (directory / "upper").mkdir()
    (directory / "upper/file").write_text("12345")
    assert engine.inspect("both", sizes=True).document["SizeRw"] == 5
    assert engine.inspect("abab").document["Name"] == "/both"
    assert "SizeRw" not in engine.inspect("both").document


@pytest.mark.parametrize(
    ("word", "kind", "message"),
    [
        ("nix", "", "No such object: nix"),
        ("nix", "container", "No such container: nix"),
        ("nix", "image", "No such image: nix"),
        ("nix", "volume", "No such volume: nix"),
        ("NOT/an image", "", "No such object: NOT/an image"),
        ("", "", "invalid name or ID: value is empty"),
        ("nix", "foo", 'unknown type: "foo": must be one of "container", "image", "network", "volume"'),
    ],
)
def test_what_is_not_there_cannot_be_inspected(engine: Engine, word: str, kind: str, message: str) -> None:
    with pytest.raises(MinidockError) as caught:
        engine.inspect(word, kind=kind)
    assert caught.value.message == message


def test_the_beginning_of_several_ids_is_not_enough(engine: Engine) -> None:
    a_container(engine, "one", id="ab" * 32)
    a_container(engine, "two", id="ac" * 32)
    with pytest.raises(MinidockError, match="multiple IDs found with provided prefix: a"):
        engine.inspect("a")


# Long texts -----------------------------------------------------------------------------------------------


def test_long_texts_are_cut() -> None:
    assert listings.ellipsis("twelve chars", 12) == "twelve chars"
    assert listings.ellipsis("twelve chars!", 12) == "twelve char…"
    assert listings.short_id(f"sha256:{'ab' * 32}") == "ab" * 6
