"""Help as Docker lays it out, and errors for people. Nothing here needs root."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path

import pytest

from minidock.cli import tree
from minidock.cli.command import Command, Flag
from minidock.cli.help import of_command
from minidock.cli.main import main
from tests import terminals

PROJECT = Path(__file__).parents[2]
LAUNCH = [sys.executable, "-I", "-S", str(PROJECT / "minidock/launch.py"), "minidock.cli.main"]
# Words that stand in for those of a command's usage.
_ENOUGH = ["x"] * 9


def helped(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out


def complaint(capsys: pytest.CaptureFixture[str], *words: str, code: int = 125) -> str:
    assert main(list(words)) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("minidock: ")
    return said.err.removeprefix("minidock: ")


def on_terminal(*words: str, columns: int = 80, environment: Mapping[str, str] = {}) -> str:
    """What a command says to a terminal that is so many columns wide, standard error included."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    inherited = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    command = [*LAUNCH, *words]
    with subprocess.Popen(command, stdout=slave, stderr=slave, env={**inherited, "TERM": "xterm", **environment}):
        os.close(slave)
        said = terminals.all_of(master)
    os.close(master)
    return said.decode().replace("\r\n", "\n")


def widest(text: str) -> int:
    """The longest line; usage lines stay as they are, and so does a word that no line is long enough for."""
    lines = [line for line in text.splitlines() if "minidock " not in line and len(line.split()) > 1]
    return max(map(len, lines), default=0)


# Help -----------------------------------------------------------------------------------------------------


def test_help_is_laid_out_as_dockers(capsys: pytest.CaptureFixture[str]) -> None:
    lines = helped(capsys, "run", "--help").splitlines()
    assert lines[:9] == [
        *("Usage:  minidock run [OPTIONS] IMAGE [COMMAND] [ARG...]", ""),
        *("Create and run a new container from an image", ""),
        *("Aliases:", "  minidock container run, minidock run", ""),
        *("Options:", lines[8]),
    ]
    assert any(line.startswith("  -e, --env list  ") for line in lines)
    assert any(line.startswith("      --read-only  ") for line in lines)
    flags = lines[8 : lines.index("", 8)]
    names = [line[6:].split()[0] for line in flags if line[4:8].startswith("  --") or line[2:3] == "-"]
    assert names == sorted(names)


def test_all_ways_to_ask_for_help_give_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--help"], ["-h"], ["help"]):
        assert helped(capsys, *words) == helped(capsys)
    for words in (["container", "--help"], ["container", "-h"], ["container", "help"], ["help", "container"]):
        assert helped(capsys, *words) == helped(capsys, "container")
    for words in (["version", "-h"], ["help", "version"], ["version", "x", "--help"]):
        assert helped(capsys, *words) == helped(capsys, "version", "--help")


def test_minus_h_is_a_host_name_where_docker_has_it_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint(capsys, "run", "-h") == (
        "flag needs an argument: 'h' in -h\nRun 'minidock run --help' for more information\n"
    )
    assert "\n      --help  " in helped(capsys, "run", "--help")
    assert "--help" not in helped(capsys, "version", "--help")


def test_help_of_all_lists_every_command_once_with_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    shown = " ".join(helped(capsys).split())
    for name, path in tree.plain().items():
        assert shown.count(f" {name} {tree.load(path).about}") == 1
    for name, about in tree.GROUPS.items():
        assert shown.count(f" {name} {about}") == 1
    assert shown.index("Common Commands:") < shown.index(" run Create") < shown.index("Management Commands:")
    assert shown.endswith("Run 'minidock COMMAND --help' for more information on a command.")


@pytest.mark.parametrize("name", tree.GROUPS)
def test_help_of_a_group_lists_its_commands(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = " ".join(helped(capsys, name).split())
    assert shown.startswith(f"Usage: minidock {name} COMMAND {tree.GROUPS[name]} Commands: ")
    assert tree.group(name), "a group without commands is no group"
    for path in tree.group(name):
        assert f" {path.rpartition(' ')[2]} {tree.load(path).about}" in shown


@pytest.mark.parametrize("path", tree.COMMANDS)
def test_every_command_has_help_that_says_all_about_it(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = tree.load(path)
    for called in tree.names(path):
        shown = helped(capsys, *called.split(" "), "--help")
        assert shown.startswith(f"Usage:  minidock {called} {(command.usage.splitlines() or [''])[0]}".rstrip() + "\n")
        words = " ".join(shown.split())
        assert " ".join(command.about.split()) in words
        for flag in command.flags:
            assert f"--{flag.name} {flag.takes}".rstrip() + f" {' '.join(flag.about.split())}" in words
        assert widest(shown) <= 80


@pytest.mark.parametrize("path", tree.COMMANDS)
def test_every_command_is_described_as_its_flags_are(path: str) -> None:
    command = tree.load(path)
    assert command.name == path.rpartition(" ")[2]
    assert ("[OPTIONS]" in command.usage) == bool(command.flags)
    for text in (command.about, *(flag.about for flag in command.flags)):
        assert text[0].isupper() or not text[0].isalpha()
        assert text.rstrip() == text and not text.endswith(".")
    for taken in ([flag.name for flag in command.flags], [flag.letter for flag in command.flags if flag.letter]):
        assert len(set(taken)) == len(taken)
    for flag in command.flags:
        assert bool(flag.takes) == (flag.kind != "flag"), f"--{flag.name}: what has a value says which"


def test_every_short_form_leads_to_a_command() -> None:
    assert set(tree.ALIASES.values()) <= set(tree.COMMANDS)
    assert not set(tree.ALIASES) & {*tree.COMMANDS, *tree.GROUPS}
    assert {path.split(" ")[0] for path in tree.COMMANDS if " " in path} == set(tree.GROUPS)


def test_a_command_that_may_be_called_in_two_ways_shows_both_and_keeps_its_line_ends() -> None:
    flag = Flag("format", "Format it:\n'table':   in columns\n'json':    as JSON", takes="string")
    shown = of_command(Command("cp", "A B\nB A", "Copy", lambda _: 0, flags=[flag]), "cp")
    assert shown.startswith("Usage:  minidock cp A B\n        minidock cp B A\n\nCopy\n")
    assert "--format string   Format it:\n                        'table':   in columns\n" in shown


def test_help_fills_the_terminal_and_no_more() -> None:
    wide, narrow = on_terminal("run", "--help", columns=200), on_terminal("run", "--help", columns=70)
    assert 100 < widest(wide) <= 200
    assert widest(narrow) <= 70
    assert wide.split() == narrow.split()


# Errors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "message", "more"),
    [
        ("frobnicate", 1, "unknown command: minidock frobnicate", "minidock"),
        ("container frobnicate x", 1, "unknown command: minidock container frobnicate", "minidock container"),
        ("help frobnicate", 1, "unknown help topic: frobnicate", "minidock"),
        ("help run x", 1, "unknown help topic: run x", "minidock"),
        ("--foo=1", 125, "unknown flag: --foo", "minidock"),
        ("-D run", 125, "unknown shorthand flag: 'D' in -D", "minidock"),
        ("container --foo", 125, "unknown flag: --foo", "minidock container"),
        ("run --foo busybox", 125, "unknown flag: --foo", "minidock run"),
        ("run -ixt busybox", 125, "unknown shorthand flag: 'x' in -ixt", "minidock run"),
        ("container run -m", 125, "flag needs an argument: 'm' in -m", "minidock container run"),
        ("run --memory", 125, "flag needs an argument: --memory", "minidock run"),
        ("run --net", 125, "flag needs an argument: --net", "minidock run"),
        ("run", 1, "'minidock run' requires at least 1 argument", "minidock run"),
        ("version x", 1, "'minidock version' accepts no arguments", "minidock version"),
    ],
)
def test_a_usage_error_says_what_in_dockers_words_and_where_help_is(
    words: str, code: int, message: str, more: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = complaint(capsys, *words.split(" "), code=code)
    assert said == f"{message}\nRun '{more} --help' for more information\n"


@pytest.mark.parametrize("path", tree.COMMANDS)
def test_every_command_refuses_a_flag_that_it_does_not_have(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = complaint(capsys, *path.split(" "), "--no-such-flag", *_ENOUGH)
    assert said == f"unknown flag: --no-such-flag\nRun 'minidock {path} --help' for more information\n"


@pytest.mark.parametrize("path", tree.COMMANDS)
def test_every_command_counts_its_words(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = tree.load(path)
    if command.least_words:
        assert "requires " in complaint(capsys, *path.split(" "), *_ENOUGH[: command.least_words - 1], code=1)
    if command.most_words is not None:
        words = ["--", *["x"] * (command.most_words + 1)]
        assert f"'minidock {path}' " in complaint(capsys, *path.split(" "), *words, code=1)


def test_a_bad_value_names_the_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint(capsys, "run", "-m", "1q", "busybox") == (
        'invalid argument "1q" for "-m, --memory" flag: invalid size: \'1q\'\n'
        "Run 'minidock run --help' for more information\n"
    )


def test_an_image_that_is_not_there_is_an_error_with_a_hint(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MINIDOCK_ROOT", str(tmp_path))
    said = complaint(capsys, "plan", "nosuch", "true")
    assert said.splitlines()[0] == "Unable to find image 'nosuch:latest' locally"
    assert "hint: " in said


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert helped(capsys, "--version").startswith("minidock version ")
    assert helped(capsys, "-v") == helped(capsys, "--version")
    assert os.uname().release in helped(capsys, "version")


def test_nobody_reading_the_output_is_no_reason_for_a_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*LAUNCH, "run", "--help"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (125, "")


# Colours --------------------------------------------------------------------------------------------------


def test_an_error_is_coloured_on_a_terminal() -> None:
    said = on_terminal("frobnicate")
    assert said.startswith("\x1b[31;1mminidock:\x1b[0m unknown command: minidock frobnicate\n")


@pytest.mark.parametrize("spared", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_who_wants_no_colours_gets_none(spared: dict[str, str]) -> None:
    assert on_terminal("frobnicate", environment=spared).startswith("minidock: unknown command: minidock frobnicate\n")


def test_an_empty_wish_for_no_colours_is_none() -> None:
    assert on_terminal("frobnicate", environment={"NO_COLOR": ""}).startswith("\x1b[")


def test_what_no_terminal_shows_is_never_coloured() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"}
    done = subprocess.run([*LAUNCH, "frobnicate"], capture_output=True, env=environment, check=False)
    assert done.stderr.startswith(b"minidock: unknown command: minidock frobnicate\n")
