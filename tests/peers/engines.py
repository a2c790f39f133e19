"""Two engines that answer to the name of `docker`, and what each of them says to the same command line.

A command line is a line of shell. Each engine has a directory of its own, in which the line runs, with the files
that the table asks for; and one in front of PATH, in which `docker` is that engine.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path
from typing import NamedTuple

from tests.integration.minidocks import LAUNCH
from tests.peers.command_lines.line import FILES, Line
from tests.peers.spaces import Space

_PATIENCE = 30.0  # with a command line; one that takes longer is ended
_QUIET_LIKE_A_USER = 0.3  # how long a terminal says nothing before somebody types
_NEVER_ENDED = -1
_NAME = "{{.Repository}}:{{.Tag}}"


class Answer(NamedTuple):
    code: int
    out: str
    err: str


class Engine:
    """One of the two."""

    def __init__(self, place: Path, root: Path, command: list[str], environment: dict[str, str]) -> None:
        self.root = root  # where it keeps all it has
        self.here = place / "here"
        programs = place / "bin"
        programs.mkdir(parents=True)
        script = programs / "docker"
        script.write_text('#!/bin/sh\nexec {} "$@"\n'.format(" ".join(command)))
        script.chmod(0o755)
        self.environment = {
            "PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(place),
            "LC_ALL": "C.UTF-8",
            "TERM": "dumb",
            "FROM_OUTSIDE": "outer",
            **environment,
        }

    def prepare(self) -> None:
        """Fresh files for a scene."""
        shutil.rmtree(self.here, ignore_errors=True)
        self.here.mkdir()
        for name, text in FILES.items():
            path = self.here / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            os.utime(path, (1_000_000_000, 1_000_000_000))

    def clear(self, *, images: bool = True) -> None:
        """Remove all containers, networks, volumes and images but the one that each scene starts with."""
        self.shell("docker ps -aq | xargs -r docker rm -f -v")
        self.shell("docker network ls -q -f type=custom | xargs -r docker network rm")
        self.shell("docker volume ls -q | xargs -r docker volume rm -f")
        if images:
            self.shell(f"docker images --format '{_NAME}' | grep -v busybox:latest | xargs -r docker rmi -f")
            self.shell("docker image prune -f")

    def end(self) -> None:
        """Remove everything; nothing of any container may stay."""
        self.clear()
        assert self.shell("docker ps -aq").out == ""
        assert list((self.root / "containers").iterdir()) == []

    def shell(self, line: str) -> Answer:
        with subprocess.Popen(
            ["/bin/sh", "-c", line],
            cwd=self.here,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                out, err = process.communicate()
                return Answer(_NEVER_ENDED, self._text(out), self._text(err))
        return Answer(process.returncode, self._text(out), self._text(err))

    def answer(self, line: Line) -> Answer:
        return self._typed(line) if line.tty else self.shell(line.words)

    def _typed(self, line: Line) -> Answer:
        """What a terminal shows; `typed` is typed once it has something to show."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        with subprocess.Popen(
            ["/bin/sh", "-c", line.words],
            cwd=self.here,
            env=self.environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        ) as process:
            os.close(theirs)
            shown, ended = _converse(ours, line.typed.encode())
            if not ended:
                os.killpg(process.pid, signal.SIGKILL)
            os.close(ours)
            return Answer(process.wait() if ended else _NEVER_ENDED, self._text(shown), "")

    def _text(self, data: bytes) -> str:
        return self.without_paths(data.decode(errors="backslashreplace"))

    def without_paths(self, text: str) -> str:
        """A text without the paths that are this engine's own."""
        return text.replace(str(self.here), "<HERE>").replace(str(self.root), "<ROOT>")


def _converse(terminal: int, typed: bytes) -> tuple[bytes, bool]:
    """What was shown, and whether those who showed it have ended."""
    shown, deadline = b"", time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], _QUIET_LIKE_A_USER)[0]:
            try:
                shown += os.read(terminal, 65536)
            except OSError:  # EIO: nobody has it open any more
                return shown, True
        elif shown and typed:
            os.write(terminal, typed)
            typed = b""
    return shown, False


def minidock(place: Path, space: Space) -> Engine:
    """minidock from this checkout."""
    command = [*space.inside, *LAUNCH, "minidock.cli.main"]
    return Engine(place, place / "root", command, {"MINIDOCK_ROOT": f"{place}/root", "MINIDOCK_RUN": f"{place}/run"})


def docker(place: Path, root: Path, socket: str, client: Path) -> Engine:
    return Engine(place, root, [str(client)], {"DOCKER_HOST": socket, "DOCKER_CONFIG": f"{place}/config"})
