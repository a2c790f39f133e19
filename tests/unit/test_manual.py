"""The manual pages: one for each command, that says all that its help says, in a form that man can read."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from minidock.cli import manual, tree
from minidock.cli.command import Command, Flag

_PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All pages, as they are installed."""
    directory = tmp_path_factory.mktemp("share") / "man1"
    assert manual.main([str(directory)]) == 0
    return directory


def plain(page: str) -> str:
    """The text of a page, without troff's instructions."""
    for escape, meant in {"\\-": "-", "\\e": "\\", "\\(aq": "'", "\\(ga": "`", "\\(ha": "^", "\\(ti": "~"}.items():
        page = page.replace(escape, meant)
    page = re.sub(r"\\f[BIR]|\\&|\\ ", "", page)
    page = re.sub(r"^\.(BR?|SH|br|TP|PP|nf|fi)\b ?", "", page, flags=re.MULTILINE)
    return " ".join(page.split())


def sections(page: str) -> dict[str, str]:
    """What stands under each heading."""
    parts = re.split(r'^\.SH "?(.*?)"?\n', page, flags=re.MULTILINE)
    return {name: plain(text) for name, text in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.mark.parametrize("path", tree.COMMANDS)
def test_every_command_has_a_page_that_says_what_its_help_says(path: str, directory: Path) -> None:
    command = tree.load(path)
    names = [f"minidock-{name.replace(' ', '-')}" for name in tree.names(path)]
    pages = {(directory / f"{name}.1").read_text() for name in names}
    assert len(pages) == 1, "all names of a command lead to the same page"
    found = sections(pages.pop())
    assert found["NAME"] == f"{', '.join(names)} - {command.about}"
    for usage in command.usage.split("\n"):
        assert " ".join(usage.split()) in found["SYNOPSIS"]
    assert " ".join(command.notes.split()) in found["DESCRIPTION"]
    for flag in command.flags:
        letter = f"-{flag.letter}, " if flag.letter else ""
        shown = f"{letter}--{flag.name} {flag.takes}".rstrip() + f" {' '.join(flag.about.split())}"
        assert shown in found["OPTIONS"]
    assert "minidock (1)" in found["SEE ALSO"]


@pytest.mark.parametrize("name", tree.GROUPS)
def test_every_group_has_a_page_that_names_its_commands(name: str, directory: Path) -> None:
    found = sections((directory / f"minidock-{name}.1").read_text())
    for path in tree.group(name):
        assert f"minidock-{path.replace(' ', '-')} (1) {tree.load(path).about}" in found["COMMANDS"]


def test_the_page_of_minidock_names_commands_exit_codes_variables_and_files(directory: Path) -> None:
    found = sections((directory / "minidock.1").read_text())
    for name in {*tree.plain(), *tree.GROUPS}:
        assert f"minidock-{name.replace(' ', '-')} (1)" in found["COMMANDS"] + found["GROUPS"]
    assert all(f" {code} " in f" {found['EXIT STATUS']}" for code in ("0", "1", "125", "126", "127"))
    assert all(name in found["ENVIRONMENT"] for name in ("MINIDOCK_ROOT", "MINIDOCK_RUN", "NO_COLOR"))
    assert "/var/lib/minidock/state.db" in found["FILES"] and "/run/minidock/" in found["FILES"]


def test_a_page_that_is_referred_to_exists(directory: Path) -> None:
    for page in directory.iterdir():
        for name in re.findall(r"^\.BR (\S+) \(1\)", page.read_text(), re.MULTILINE):
            assert (directory / f"{name}.1".replace("\\-", "-")).exists(), f"{page.name} refers to {name}"


def test_what_troff_would_take_for_an_instruction_stays_text(monkeypatch: pytest.MonkeyPatch) -> None:
    about = ".so /etc/passwd\n'\\fBx\\\n-é^~`"
    command = Command("x", ".TH A\n'so B", "Do", lambda _: 0, flags=[Flag("f", about, takes=".x")], notes=about)
    monkeypatch.setattr(tree, "load", lambda _: command)
    page = manual.pages()["minidock-version.1"]
    instructions = set(re.findall(r"^[.'](\S+)", page, re.MULTILINE))
    assert instructions <= {'\\"', "TH", "SH", "B", "BR", "TP", "PP", "br"}
    assert "\\&.so /etc/passwd\n.br\n\\(aq\\efBx\\e\n.br\n\\-\\[u00E9]\\(ha\\(ti\\(ga" in page


def test_no_page_makes_mandoc_or_groff_complain(directory: Path) -> None:
    checkers = [checker for checker in ("mandoc", "groff") if shutil.which(checker)]
    if not checkers:
        pytest.skip("neither mandoc nor groff is installed")
    for checker in checkers:
        options = ["-T", "lint", "-W", "warning"] if checker == "mandoc" else ["-ww", "-man", "-Tutf8", "-z"]
        checked = subprocess.run(
            [checker, *options, *sorted(directory.iterdir())], capture_output=True, text=True, check=False
        )
        assert checked.stdout + checked.stderr == ""


def test_pages_are_the_same_when_made_again_and_those_of_no_command_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    manual.main([str(tmp_path)])
    first = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert '1 "1970-01-02"' in first["minidock.1"]
    (tmp_path / "minidock-frobnicate.1").write_text(first["minidock-version.1"])
    (tmp_path / "minidock-frob.1").symlink_to("minidock-frobnicate.1")
    (tmp_path / "minidock-compose.1").write_text("somebody's own\n")
    manual.main([str(tmp_path)])
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        **first,
        "minidock-compose.1": "somebody's own\n",
    }


# Installation ---------------------------------------------------------------------------------------------


def install(prefix: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PREFIX": str(prefix)}
    script = _PROJECT / "provision/documents"
    return subprocess.run([script], env=environment, capture_output=True, text=True, check=False)


def test_pages_and_completion_are_put_where_man_and_the_shells_look(tmp_path: Path) -> None:
    assert install(tmp_path).returncode == 0
    shells = _PROJECT / "minidock/cli/shells"
    for place, script in {
        "bash-completion/completions/minidock": "minidock.bash",
        "zsh/site-functions/_minidock": "_minidock",
        "fish/vendor_completions.d/minidock.fish": "minidock.fish",
    }.items():
        assert (tmp_path / "share" / place).read_text() == (shells / script).read_text()
    assert (tmp_path / "share/man/man1/minidock-run.1").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {"share"}


def test_they_are_written_once_and_again_when_one_is_gone(tmp_path: Path) -> None:
    install(tmp_path)
    page = tmp_path / "share/man/man1/minidock.1"
    first = page.stat().st_ino, page.stat().st_mtime_ns
    assert install(tmp_path).returncode == 0
    assert (page.stat().st_ino, page.stat().st_mtime_ns) == first
    page.unlink()
    assert install(tmp_path).returncode == 0
    assert page.exists()


def test_a_completion_that_is_not_minidocks_is_left_alone(tmp_path: Path) -> None:
    theirs = tmp_path / "share/zsh/site-functions/_minidock"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("#compdef minidock\n")
    refused = install(tmp_path)
    assert refused.returncode != 0
    assert "exists and is not minidock's" in refused.stderr
    assert theirs.read_text() == "#compdef minidock\n"
