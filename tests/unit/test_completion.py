"""What completion offers: commands, flags and their values, and names out of the stores, which it never touches."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from minidock.cli import candidates, tree
from minidock.cli.command import Command, Flag
from minidock.cli.completion import SCRIPTS
from minidock.cli.main import main
from minidock.runtime.arguments import FLAG, MANY, VALUE
from minidock.state import glance
from minidock.state.database import Database

WEB, WEEK, OLD = "a1" * 32, "a2" * 32, "b3" * 32


def offered(*words: str) -> list[str]:
    return [word for word, _ in candidates.candidates(words)[0]]


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Command:
    """A command with flags of all kinds."""
    command = Command(
        "known",
        "[OPTIONS] IMAGE CONTAINER [CONTAINER...]",
        "Know",
        lambda _: 0,
        flags=[
            Flag("all", "All", letter="a"),
            Flag("restart", "Restart", takes="string", kind=VALUE, completes=("no", "always", "container:")),
            Flag("signal", "Signal", letter="s", takes="string", kind=VALUE, completes="signal"),
            Flag("volume", "Volume", letter="v", takes="list", kind=MANY, completes="volume: file"),
            Flag("name", "Name", takes="string", kind=VALUE),
        ],
    )
    monkeypatch.setattr(tree, "find", lambda words: ("known", 1) if words else ("", 0))
    monkeypatch.setattr(tree, "load", lambda _: command)
    return command


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where nothing is yet."""
    monkeypatch.setenv("MINIDOCK_ROOT", str(tmp_path / "root"))
    return tmp_path / "root"


@pytest.fixture
def state(root: Path) -> Database:
    database = Database(str(root))
    add(database, WEB, "web", "running")
    add(database, WEEK, "week", "exited")
    add(database, OLD, "old", "paused")
    with database.change() as change:
        for name, anonymous in (("data", 0), ("ab" * 32, 1)):
            change.do("INSERT INTO volumes VALUES (?, 'local', 1, '{}', '{}', ?)", name, anonymous)
    return database


def add(database: Database, container_id: str, name: str, status: str) -> None:
    with database.change() as change:
        change.do(
            "INSERT INTO containers (id, name, created, image, image_id, command, options, status) "
            "VALUES (?, ?, 1, 'busybox', '', '[]', '{}', ?)",
            *(container_id, name, status),
        )


def test_networks_are_offered_where_one_may_stand(state: Database) -> None:
    with state.change() as change:
        change.do("INSERT INTO networks VALUES (?, 'mynet', 'macvlan', 1, 0, 0, 0, 0, '{}', '{}', '[]')", "c4" * 32)
    everyones = ["bridge", "host", "none"]
    for line in (
        ["network", "inspect"],
        ["network", "disconnect"],
        ["network", "rm"],
        ["network", "connect", "--ip", "x"],
    ):
        assert offered(*line, "") == [*everyones, "mynet"]
    assert candidates.candidates(["network", "rm", "c"])[0] == [("c4" * 6, "mynet, macvlan")]
    assert candidates.candidates(["network", "inspect", "mynet", "m"])[0] == []
    assert set(offered("network", "connect", "mynet", "")) == {"web", "week", "old"}
    assert set(offered("run", "--network", "")) == {*everyones, "mynet", "container:", "name="}
    assert set(offered("run", "--network=container:we")) == {"--network=container:web", "--network=container:week"}
    assert offered("network", "create", "-d", "mac") == ["macvlan"]
    assert offered("network", "create", "") == []


def test_networks_that_everybody_has_are_offered_before_anybody_asked_for_one(root: Path) -> None:
    assert offered("network", "inspect", "") == ["bridge", "host", "none"]
    assert not root.exists()


# Commands and flags ---------------------------------------------------------------------------------------


def test_every_command_and_group_is_offered_by_its_short_name() -> None:
    assert set(offered("")) == {*tree.plain(), *tree.GROUPS}
    assert offered("versio") == ["version"]
    assert set(offered("-")) == {"--help", "--version", "-v"}
    assert set(offered("help", "")) == set(offered(""))


@pytest.mark.parametrize("group", tree.GROUPS)
def test_a_group_offers_its_commands(group: str) -> None:
    assert offered(group, "") == [path.rpartition(" ")[2] for path in tree.group(group)]


@pytest.mark.parametrize("path", tree.COMMANDS)
def test_every_command_offers_all_its_flags_with_what_they_are_for(path: str) -> None:
    command = tree.load(path)
    for called in tree.names(path):
        rows = dict(candidates.candidates([*called.split(" "), "-"])[0])
        for flag in command.flags:
            assert rows[f"--{flag.name}"] == flag.about
            assert not flag.letter or rows[f"-{flag.letter}"] == flag.about
        assert "--help" in rows


@pytest.mark.parametrize("path", tree.COMMANDS)
def test_what_completes_a_word_is_a_source_that_exists(path: str) -> None:
    command = tree.load(path)
    for completes in (*(flag.completes for flag in command.flags), *command.completes):
        if isinstance(completes, str):
            assert set(completes.split()) <= {*candidates.SOURCES, "file"}
    for flag in command.flags:
        assert not (flag.completes and flag.kind == FLAG), f"--{flag.name} has no value that could be completed"


@pytest.mark.usefixtures("known")
def test_a_flag_that_was_given_is_not_offered_again_unless_it_is_a_list() -> None:
    assert "--all" in offered("known", "--") and "--volume" in offered("known", "--")
    for given in (["--all"], ["-a"], ["-as", "TERM"]):
        assert "--all" not in offered("known", *given, "--")
    assert "--volume" in offered("known", "--volume", "x", "--")


@pytest.mark.usefixtures("known")
def test_the_value_of_a_flag_is_completed_however_the_flag_is_written() -> None:
    assert offered("known", "--restart", "") == ["no", "always", "container:"]
    assert offered("known", "--restart=a") == ["--restart=always"]
    assert offered("known", "--all=") == ["--all=true", "--all=false"]
    for words in (["-s"], ["-as"], ["--all", "--signal"]):
        assert offered("known", *words, "US") == ["USR1", "USR2"]
    assert offered("known", "-s", "SIGTE") == ["SIGTERM"]
    assert offered("known", "--name", "") == []


def test_flags_end_where_the_command_says(known: Command) -> None:
    known.flags_end = 1
    assert offered("known", "--all", "image", "--") == []
    assert "--all" in offered("known", "--name", "image", "--")
    known.flags_end = None
    assert "--name" in offered("known", "image", "--")
    assert offered("known", "--", "--") == []


# Names ----------------------------------------------------------------------------------------------------


def test_a_usage_line_says_what_its_words_are(known: Command, state: Database) -> None:
    assert offered("known", "image", "w") == ["web", "week"]
    assert offered("known", "image", "web", "w") == ["week"], "the last word may be repeated, but not the same name"
    known.usage = "CONTAINER NEW_NAME"
    assert offered("known", "ol") == ["old"]
    assert offered("known", "old", "w") == []
    known.usage = "CONTAINER COMMAND [ARG...]"
    assert offered("known", "web", "sh", "w") == []
    known.completes = ["running"]
    assert offered("known", "w") == ["web"]
    assert offered("known", "web", "w") == [], "what follows is a program's"
    known.usage = "[CONTAINER...]"
    known.completes = []
    assert offered("known", "web", "w") == ["week"]
    state.close()


@pytest.mark.usefixtures("known")
def test_names_are_offered_and_ids_that_have_been_begun(state: Database) -> None:
    assert offered("known", "image", "") == ["web", "week", "old"]
    assert offered("known", "image", "a") == [WEB[:12], WEEK[:12]]
    assert offered("known", "image", WEB[:13]) == [WEB]
    state.close()


def test_a_command_may_want_containers_in_certain_states_only(known: Command, state: Database) -> None:
    for source, names in {
        "running": ["web"],
        "paused": ["old"],
        "alive": ["web", "old"],
        "stopped": ["week"],
        "container:": ["web:", "week:", "old:"],
    }.items():
        known.completes = ["", source]
        assert offered("known", "image", "") == names
    state.close()


@pytest.mark.usefixtures("known")
def test_the_container_whose_namespace_is_shared_is_completed(state: Database) -> None:
    assert offered("known", "--restart", "container:") == [
        "container:",
        "container:web",
        "container:week",
        "container:old",
    ]
    assert offered("known", "--restart=container:wee") == ["--restart=container:week"]
    assert "web" not in offered("known", "--restart", "")
    state.close()


@pytest.mark.usefixtures("known")
def test_volumes_are_offered_with_files_and_anonymous_ones_only_when_begun(state: Database) -> None:
    assert candidates.candidates(["known", "-v", ""]) == ([("data:", "local")], True)
    assert offered("known", "-v", "abab") == ["ab" * 32 + ":"]
    state.close()


@pytest.mark.usefixtures("known")
def test_images_are_offered_as_people_call_them(root: Path) -> None:
    config = {"digest": f"sha256:{'c' * 64}"}
    (root / "blobs/sha256").mkdir(parents=True)
    (root / "blobs/sha256" / ("d" * 64)).write_text(json.dumps({"config": config}))
    name = "org.opencontainers.image.ref.name"
    entries: list[object] = [
        {"digest": f"sha256:{'d' * 64}", "annotations": {name: "docker.io/library/busybox:latest"}},
        {"digest": "../../etc/passwd", "annotations": {name: "evil; touch /tmp/x"}},
        {"annotations": 5},
    ]
    (root / "index.json").write_text(json.dumps({"manifests": entries}))
    assert offered("known", "") == ["busybox:latest"]
    assert offered("known", "cc") == ["c" * 12]


# Safety ---------------------------------------------------------------------------------------------------


def answered(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["__complete", "--", *words]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out


@pytest.mark.usefixtures("known")
def test_names_that_no_name_can_be_are_not_offered(state: Database, capsys: pytest.CaptureFixture[str]) -> None:
    for number, name in enumerate(("x y", "x$(id)", "x`id`", "x\n:files", "x\tz", "x\x1b[2J", "x'", 'x"', "x\\", "xé")):
        add(state, f"{number:064}", name, "running")
    assert answered(capsys, "known", "image", "x") == ""
    with state.change() as change:
        change.do("UPDATE containers SET image = ? WHERE name = 'web'", "\x1b]0;evil\x07\nbusy\tbox" + "x" * 500)
    row = answered(capsys, "known", "image", "web")
    assert row.startswith("web\trunning, ?]0;evil?") and row.endswith("\n")
    assert row.count("\n") == row.count("\t") == 1 and "\x1b" not in row and len(row) < 200
    state.close()


def test_completion_makes_nothing_where_nothing_is(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for source in candidates.SOURCES:
        candidates.SOURCES[source]("a")
    assert answered(capsys, "run", "b") == ""
    assert not root.exists()


@pytest.mark.parametrize("is_open", [False, True])
def test_completion_changes_nothing_where_something_is(state: Database, root: Path, is_open: bool) -> None:
    if not is_open:
        state.close()
    before = {path: path.read_bytes() for path in root.iterdir() if not path.name.endswith("-shm")}
    names = sorted(os.listdir(root))
    assert len(glance.rows(str(root), "SELECT id FROM containers")) == 3
    assert glance.rows(str(root), "DELETE FROM containers") == []
    assert {path: path.read_bytes() for path in root.iterdir() if not path.name.endswith("-shm")} == before
    assert sorted(os.listdir(root)) == names
    state.close()


def test_a_look_at_a_state_that_is_not_there_makes_none(tmp_path: Path) -> None:
    assert glance.rows(str(tmp_path), "SELECT name FROM containers") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("known")
def test_a_change_is_seen_before_it_is_in_the_main_file(state: Database) -> None:
    add(state, "e" * 64, "newest", "running")
    assert offered("known", "image", "newe") == ["newest"]
    state.close()


def test_a_state_in_a_strange_directory_is_found(tmp_path: Path) -> None:
    directory = tmp_path / "a?mode=rwc#b%41"
    database = Database(str(directory))
    add(database, WEB, "web", "running")
    database.close()
    assert glance.rows(str(directory), "SELECT name FROM containers") == [("web",)]


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("content", [b"", b"no database" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_whatever_is_wrong_with_the_state_the_answer_is_empty(
    content: bytes, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root.mkdir()
    (root / "state.db").write_bytes(content)
    (root / "index.json").write_text("{")
    assert answered(capsys, "known", "image", "") == answered(capsys, "known", "") == ""


def test_hopeless_questions_have_empty_answers(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["nosuch", ""], ["container", "nosuch", ""], ["run", "--nosuch="], ["run", "-", "-", ""], ["\udcff"]):
        assert answered(capsys, *words) == ""
    assert main(["__complete"]) == 0


# Scripts --------------------------------------------------------------------------------------------------


def test_there_is_a_script_for_each_shell(capsys: pytest.CaptureFixture[str]) -> None:
    for shell in SCRIPTS:
        assert main(["completion", shell]) == 0
        assert "minidock __complete -- " in capsys.readouterr().out
    assert main(["completion", "powershell"]) != 0
    assert "bash, fish, zsh" in capsys.readouterr().err


@pytest.mark.parametrize("shell", SCRIPTS)
def test_a_script_is_one_that_its_shell_understands(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    main(["completion", shell])
    script = capsys.readouterr().out
    checked = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
