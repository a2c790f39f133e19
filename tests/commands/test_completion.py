"""Completion in real shells: what they ask minidock when Tab is hit, and what they make of the answer.

A stand-in for minidock answers where the script is what is tested; the real one where the answer is.
"""

from __future__ import annotations

import json
import os
import pty
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from minidock.state.database import Database
from tests.waiting import wait_until

PROJECT = Path(__file__).parents[2]
SHELLS = PROJECT / "minidock/cli/shells"
MINIDOCK = f'#!/bin/sh\nexec {sys.executable} -I -S {PROJECT}/minidock/launch.py minidock.cli.main "$@"\n'
# Writes down what it was asked, and says what it was told to.
STAND_IN = f"""#!{sys.executable} -S
import json, sys
json.dump(sys.argv[1:], open("asked", "w"))
sys.stdout.write(open("answer").read())
"""
_TAB, _CLEAR = "\t", "\x15"
_ALL, _TELL = "\x1b*", "\x18e"  # Escape *: insert all candidates; Ctrl-X e: write the line down
_BASH = f"""
PS1='' ; bind 'set completion-query-items 0' ; bind 'set bell-style none' ; bind 'set enable-bracketed-paste off'
bind -x '"\\C-xe": printf %s "$READLINE_LINE" >told.new; mv told.new told'
source {SHELLS}/minidock.bash
touch ready
"""
_ZSH = f"""
PS1='' ; unsetopt beep ; fpath=({SHELLS} $fpath) ; autoload -Uz compinit ; compinit -u -D
zstyle ':completion:all:*' completer _all_matches _complete
zstyle ':completion:all:*' insert true
zle -C all complete-word _generic ; bindkey '^[*' all
tell() {{ print -rn -- "$BUFFER" >told.new; mv told.new told }} ; zle -N tell ; bindkey '^Xe' tell
bindkey '^I' complete-word # not expand-or-complete, which by itself expands $(…)
zle-line-init() {{ touch ready }} ; zle -N zle-line-init
"""


class Shell:
    """A shell at a terminal of its own, in a directory of its own, with one `minidock` in its PATH."""

    def __init__(self, name: str, directory: Path, minidock: str) -> None:
        self.name = name
        self.directory = directory
        self.pid, self.terminal, self.screen = 0, -1, ""
        (directory / "bin").mkdir()
        program = directory / "bin/minidock"
        program.write_text(minidock)
        program.chmod(0o755)
        self.root = directory / "root"
        self.environment = {
            "PATH": f"{program.parent}:/usr/bin:/bin",
            "HOME": str(directory),
            "ZDOTDIR": str(directory),
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
            "HISTFILE": "/dev/null",
            "MINIDOCK_ROOT": str(self.root),
        }

    def asks(self, line: str, answer: str = "") -> list[str]:
        """What a stand-in for minidock is asked when Tab is hit at the end of the line."""
        (self.directory / "answer").write_text(answer)
        self.after(line, _TAB)
        asked: list[str] = json.loads((self.directory / "asked").read_text())
        assert asked[:2] == ["__complete", "--"]
        return asked[2:]

    def offers(self, line: str) -> list[str]:
        """All words that the last one of the line may become."""
        if self.name == "fish":
            return [line.split("\t")[0] for line in self._fish(line).splitlines()]
        found = self.after(line, _ALL)
        return shlex.split(found[len(line) - len(line.split(" ")[-1]) :])

    def after(self, line: str, *keys: str) -> str:
        """The line as it is after these keys."""
        if self.name == "fish":
            return self._fish(line)
        if not self.pid:
            self._begin()
        told = self.directory / "told"
        told.unlink(missing_ok=True)
        self.screen = ""
        for key in (_CLEAR, line, *keys, _TELL):
            os.write(self.terminal, key.encode())
        wait_until(lambda: told.exists() or self._look())
        self._look()
        return told.read_text()

    def _begin(self) -> None:
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(self.directory)
            os.execvpe(self.name, self._start(), self.environment)
        os.set_blocking(self.terminal, False)
        wait_until((self.directory / "ready").exists)

    def _look(self) -> bool:
        """What is on the screen now. A shell whose terminal nobody reads would wait for us."""
        try:
            while True:
                self.screen += os.read(self.terminal, 65536).decode(errors="replace")
        except BlockingIOError:
            return False

    def end(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self.terminal)

    def _start(self) -> list[str]:
        if self.name == "bash":
            (self.directory / "start").write_text(_BASH)
            return ["bash", "--noprofile", "--rcfile", "start", "-i"]
        (self.directory / ".zshrc").write_text(_ZSH)
        return ["zsh", "--no-globalrcs", "-i"]

    def _fish(self, line: str) -> str:
        """Fish tells without a terminal what it would offer, with a description after a tab."""
        script = f"source {SHELLS}/minidock.fish; complete --do-complete {shlex.quote(line)}"
        command = ["fish", "--no-config", "--command", script]
        return subprocess.check_output(command, cwd=self.directory, env=self.environment, text=True)


# Fish tells without a terminal what it would offer, but not what it would insert.
at_terminals = pytest.mark.parametrize("shell_name", ["bash", "zsh"], indirect=True)


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


@pytest.fixture
def shell(shell_name: str, tmp_path: Path) -> Generator[Shell]:
    """One that asks a stand-in."""
    shell = Shell(shell_name, tmp_path, STAND_IN)
    yield shell
    shell.end()


@pytest.fixture
def real(shell_name: str, tmp_path: Path) -> Generator[Shell]:
    """One that asks minidock itself, which knows two containers."""
    shell = Shell(shell_name, tmp_path, MINIDOCK)
    database = Database(str(shell.root))
    with database.change() as change:
        for digit, name, status in (("a", "web", "running"), ("b", "week", "exited")):
            change.do(
                "INSERT INTO containers (id, name, created, image, image_id, command, options, status) "
                "VALUES (?, ?, 1, 'busybox', '', '[]', '{}', ?)",
                *(digit * 64, name, status),
            )
    yield shell
    shell.end()
    database.close()


# What is asked --------------------------------------------------------------------------------------------


def test_the_words_up_to_the_cursor_are_asked_about(shell: Shell) -> None:
    for line, words in {
        "minidock ": [""],
        "minidock ru": ["ru"],
        "minidock  run   --rm  ": ["run", "--rm", ""],
        "minidock run --network=": ["run", "--network="],
        "minidock run --network=no": ["run", "--network=no"],
        "minidock run -v a:b busybox:la": ["run", "-v", "a:b", "busybox:la"],
        "minidock run -e 'a b' --name=x bu": ["run", "-e", "a b", "--name=x", "bu"],
        'minidock rm "we': ["rm", "we"],
        "minidock rm a@b:c=d": ["rm", "a@b:c=d"],
        "true; minidock rm we": ["rm", "we"],
    }.items():
        assert shell.asks(line) == words


def test_what_is_typed_is_never_evaluated(shell: Shell) -> None:
    for word in ("$(touch evil)", "`touch evil`", '"$(touch evil)', "${x:=$(touch evil)}", "$[$(touch evil)]"):
        shell.after(f"minidock rm {word}", _TAB)
        shell.after(f"minidock rm {word} we", _TAB)
        assert not (shell.directory / "evil").exists(), word


# What becomes of the answer -------------------------------------------------------------------------------


def test_what_is_answered_is_offered(shell: Shell) -> None:
    (shell.directory / "answer").write_text("web\trunning, busybox\nweek\t\nweb:5000/x@y\ta: b's [c] 100%\n")
    assert sorted(shell.offers("minidock rm we")) == ["web", "web:5000/x@y", "week"]


def test_after_an_equals_sign_only_the_value_is_completed(shell: Shell) -> None:
    (shell.directory / "answer").write_text("--network=host\t\n--network=none\t\n")
    assert set(shell.offers("minidock run --network=")) <= {"--network=host", "--network=none", "host", "none"}


def test_an_answer_is_never_evaluated(shell: Shell) -> None:
    (shell.directory / "answer").write_text("we$(touch evil)\t$(touch evil)\nwe`touch evil`\t%F{red}`touch evil`\n")
    shell.after("minidock rm we", _TAB, _TAB)
    shell.offers("minidock rm we")
    assert not (shell.directory / "evil").exists()


@at_terminals
def test_the_one_answer_is_inserted(shell: Shell) -> None:
    (shell.directory / "answer").write_text("busybox:latest\timage\n")
    assert shell.after("minidock run busybox:la", _TAB) == "minidock run busybox:latest "
    (shell.directory / "answer").write_text("--network=none\t\n")
    assert shell.after("minidock run --network=n", _TAB) == "minidock run --network=none "
    (shell.directory / "answer").write_text("web:\trunning\n")
    assert shell.after("minidock cp we", _TAB) == "minidock cp web:"


@at_terminals
def test_a_list_says_what_each_word_is_for(shell: Shell) -> None:
    (shell.directory / "answer").write_text("web\trunning, busybox\nweek\texited, busybox\n")
    assert shell.after("minidock rm w", _TAB, _TAB, _TAB).startswith("minidock rm we")
    assert "running, busybox" in shell.screen
    assert "exited, busybox" in shell.screen


def test_files_are_offered_where_they_may_stand(shell: Shell) -> None:
    (shell.directory / "week 1").write_text("")
    (shell.directory / "answer").write_text("web:\t\n:files\n")
    assert set(shell.offers("minidock cp we")) in ({"web:", "week 1"}, {"web:", "week", "1"})
    (shell.directory / "answer").write_text(":files\n")
    (shell.directory / "settings").write_text("")
    assert shell.offers("minidock run --env-file=sett")[0].endswith("settings")
    (shell.directory / "answer").write_text("")
    assert shell.after("minidock run sett", _TAB) in ("minidock run sett", "")


def test_a_minidock_that_fails_is_not_heard_of(shell: Shell) -> None:
    (shell.directory / "bin/minidock").write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    assert shell.after("minidock rm we", _TAB) in ("minidock rm we", "")


# With minidock itself -------------------------------------------------------------------------------------


def test_commands_and_flags_complete(real: Shell) -> None:
    assert real.offers("minidock versi") == ["version"]
    assert real.offers("minidock container ru") == ["run"]
    assert sorted(real.offers("minidock run --cap-")) == ["--cap-add", "--cap-drop"]
    assert sorted(real.offers("minidock completion ")) == ["bash", "fish", "zsh"]


def test_names_and_ids_of_containers_complete(real: Shell) -> None:
    assert sorted(real.offers("minidock rm we")) == ["web", "week"]
    assert real.offers("minidock rm web wee") == ["week"]
    assert real.offers("minidock rm aa") == ["a" * 12]
