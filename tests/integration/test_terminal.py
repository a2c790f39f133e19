"""Terminals: that of a foreground run, joined to ours, and one handed over by a socket."""

from __future__ import annotations

import array
import fcntl
import os
import pty
import select
import signal
import socket
import stat
import struct
import subprocess
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.bundles import Bundle
from tests.integration.facts import eventually, inside, mount_at, status
from tests.integration.test_lifecycle import nothing_is_left, refused, running_pid


class Screen:
    """A terminal with somebody before it: what is shown can be waited for, and keys typed."""

    def __init__(self, master: int) -> None:
        self.master = master
        self.shown = ""

    def read(self) -> bool:
        """Take in what is shown; False when nobody has the terminal open any more."""
        if not select.select([self.master], [], [], 0.2)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.shown += data.decode()
        return bool(data)

    def until(self, text: str) -> str:
        eventually(lambda: (self.read(), text in self.shown)[1])
        return self.shown

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))


class Sitting:
    """A command run by somebody at a terminal."""

    def __init__(self, command: list[str]) -> None:
        master, self.slave = pty.openpty()
        self.screen = Screen(master)
        self.screen.resize(30, 100)
        self.settings = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            command, stdin=self.slave, stdout=self.slave, stderr=self.slave, preexec_fn=self._control
        )

    def _control(self) -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def __enter__(self) -> Sitting:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for fd in (self.slave, self.screen.master):
            if fd >= 0:
                os.close(fd)

    def rest(self) -> str:
        """All that was shown. Once nobody but us has the terminal open, and we close it, there comes no more."""
        os.close(self.slave)
        self.slave = -1
        while self.screen.read():
            pass
        return self.screen.shown

    def end(self) -> int:
        eventually(lambda: (self.screen.read(), self.process.poll() is not None)[1])
        return self.process.wait()


@pytest.fixture
def terminal(bundle: Bundle) -> Bundle:
    bundle.process["terminal"] = True
    return bundle


def sit(bundle: Bundle, *words: str) -> Sitting:
    bundle.write()
    return Sitting(bundle.command(*(words or bundle.run_words())))


# In the foreground ---------------------------------------------------------------------------------------


def test_a_program_in_the_foreground_has_a_terminal_of_the_container_s_own(terminal: Bundle) -> None:
    terminal.script("tty; test -t 0 && test -t 1 && test -t 2 && echo all; echo $TERM >/dev/tty; read x; exit 3")
    with sit(terminal) as sitting:
        sitting.screen.until("all\r\n")
        pid = running_pid(terminal)
        console, slave = inside(pid, "/dev/console").stat(), inside(pid, "/dev/pts/0").stat()
        assert console.st_rdev == slave.st_rdev
        assert mount_at(pid, "/dev/console").type == "devpts"
        assert {os.stat(f"/proc/{pid}/fd/{fd}").st_rdev for fd in range(3)} == {slave.st_rdev}
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        assert int(fields[4]) == slave.st_rdev, "it is the controlling terminal"
        assert fields[3] == "0" or int(status(pid)["NSsid"].split()[1]) == 1, "of a session that the program leads"
        sitting.screen.type("\n")
        assert sitting.end() == 3
        assert "/dev/pts/0\r\n" in sitting.screen.shown
        assert termios.tcgetattr(sitting.slave) == sitting.settings, "our terminal is given back as it was"
    assert nothing_is_left(terminal)


def test_the_window_has_the_size_of_ours_and_follows_it(terminal: Bundle) -> None:
    terminal.script(
        "trap 'stty size' WINCH; echo ready; while ! stty size | grep '^30 100'; do :; done; read x; read x"
    )
    with sit(terminal) as sitting:
        sitting.screen.until("30 100")
        sitting.screen.resize(40, 120)
        sitting.screen.until("40 120")
        sitting.screen.type("\n\n")
        sitting.end()


def test_keys_are_felt_in_the_container_and_not_here(terminal: Bundle) -> None:
    """Ctrl-C interrupts the program there; ours sees it as one more byte."""
    terminal.script("trap 'echo interrupted' INT; echo ready; read x; read x; echo got $x; exit 4")
    with sit(terminal) as sitting:
        sitting.screen.until("ready")
        sitting.screen.type("\x03")
        sitting.screen.until("interrupted")
        sitting.screen.type("word\n")
        sitting.screen.type("word\n")
        assert sitting.end() == 4
        assert "got word" in sitting.screen.shown


def test_all_that_a_program_shows_is_shown_even_when_it_ends_at_once(terminal: Bundle) -> None:
    terminal.script("seq 1 20000; exit 5")
    with sit(terminal) as sitting:
        assert sitting.end() == 5
        shown = sitting.rest().split()
        assert (len(shown), shown[-1]) == (20000, "20000")


def test_a_terminal_without_one_of_ours_is_filled_from_a_file_and_shown_in_a_pipe(terminal: Bundle) -> None:
    done = terminal.script("tty; read word; echo got $word").run(stdin=None, input="word\n")
    assert done.returncode == 0
    assert "/dev/pts/0" in done.stdout
    assert "got word" in done.stdout


def test_the_terminal_belongs_to_the_user_of_the_program(terminal: Bundle) -> None:
    terminal.process["user"] = {"uid": 1000, "gid": 1000}
    terminal.script("stat -c '%u %g %a' /dev/pts/0; echo through > /dev/stdout; echo by name > $(tty)")
    with sit(terminal) as sitting:
        assert sitting.end() == 0
        assert sitting.rest().splitlines() == ["1000 5 620", "through", "by name"]


def test_a_terminal_goes_with_an_init(terminal: Bundle) -> None:
    terminal.config["annotations"] = {"minidock.init": "/usr/bin/tini-static"}
    terminal.script("trap 'echo interrupted; exit 6' INT; tty; while :; do sleep 0.05; done")
    with sit(terminal) as sitting:
        sitting.screen.until("/dev/pts/0")
        sitting.screen.type("\x03")
        assert sitting.end() == 6


def test_a_terminal_goes_with_the_host_s_dev(terminal: Bundle) -> None:
    """As docker run --privileged -t -v /dev:/dev, which Docker's users do."""
    dev = terminal.path / "dev"
    for name in ("pts", "shm", "mqueue"):
        (dev / name).mkdir(parents=True)
    for name, number in (("null", (1, 3)), ("tty", (5, 0))):
        os.mknod(dev / name, stat.S_IFCHR | 0o666, os.makedev(*number))
    (dev / "console").touch()
    mount = next(mount for mount in terminal.config["mounts"] if mount["destination"] == "/dev")
    mount.update(type="bind", source=str(dev), options=["rbind"])
    terminal.script("tty; exit 7")
    with sit(terminal) as sitting:
        assert sitting.end() == 7, sitting.screen.shown
        assert "/dev/pts/0" in sitting.rest()


def test_a_terminal_goes_with_a_user_namespace(open_bundle: Bundle) -> None:
    open_bundle.map_users()
    open_bundle.process["terminal"] = True
    open_bundle.script("stat -c '%u %a' $(tty); echo through > /dev/stdout")
    with sit(open_bundle) as sitting:
        assert sitting.end() == 0
        assert sitting.rest().splitlines() == ["0 620", "through"]


# By a socket ---------------------------------------------------------------------------------------------


def with_console_socket(directory: Path, act: Callable[[str], Any]) -> int:
    """What act() sends over the socket whose path it is given: the master of a terminal."""
    path = str(directory / "console.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        done = act(path)
        assert done.returncode == 0, done.stderr
        connection, _ = listener.accept()
        with connection:
            message, ancillary, _, _ = connection.recvmsg(100, socket.CMSG_SPACE(4))
    assert message, "the message names the terminal"
    (_, kind, data) = ancillary[0]
    assert kind == socket.SCM_RIGHTS
    return array.array("i", data)[0]


def test_a_created_container_hands_its_terminal_over_by_a_socket(terminal: Bundle) -> None:
    terminal.process["consoleSize"] = {"height": 33, "width": 77}
    terminal.script("stty size; read word; echo got $word; exec sleep 3600")
    master = with_console_socket(terminal.path, lambda path: terminal.create("--console-socket", path))
    try:
        screen = Screen(master)
        assert os.isatty(master)
        assert terminal.runtime("start", terminal.id).returncode == 0
        screen.until("33 77")
        screen.type("word\n")
        screen.until("got word")
        pid = terminal.inspect()["pid"]
        assert sorted(os.listdir(f"/proc/{pid}/fd")) == ["0", "1", "2"], "the master is not left in the container"
    finally:
        os.close(master)


def test_a_detached_run_hands_its_terminal_over_by_a_socket(terminal: Bundle) -> None:
    terminal.script("echo shown; read x")
    master = with_console_socket(terminal.path, lambda path: terminal.start_detached("--console-socket", path))
    try:
        Screen(master).until("shown")
    finally:
        os.close(master)


def test_a_further_program_hands_its_terminal_over_by_a_socket(bundle: Bundle) -> None:
    bundle.sleeping()
    words = ("--tty", "--detach", bundle.id, "sh", "-c", "tty; read x")
    master = with_console_socket(
        bundle.path, lambda path: bundle.without_pipes("exec", "--console-socket", path, *words)
    )
    try:
        Screen(master).until("/dev/pts/0")
    finally:
        os.close(master)


@pytest.mark.parametrize("verb", ["create", "run"])
def test_a_terminal_that_nobody_could_show_is_refused(terminal: Bundle, verb: str) -> None:
    """Its master would be closed at once, and the program hung up."""
    done = terminal.program("sleep", "3600").create() if verb == "create" else terminal.start_detached()
    refused(done, "console-socket")
    assert nothing_is_left(terminal)


def test_a_socket_that_is_missing_is_named(terminal: Bundle) -> None:
    done = terminal.create("--console-socket", "/no/such/socket")
    refused(done, "/no/such/socket")
    assert nothing_is_left(terminal)


# exec ----------------------------------------------------------------------------------------------------


def test_a_further_program_has_a_terminal_of_its_own(terminal: Bundle) -> None:
    terminal.process["terminal"] = False
    terminal.sleeping()
    script = "tty; stty size; trap 'echo interrupted; exit 8' INT; echo ready; while :; do sleep 0.05; done"
    with sit(terminal, "exec", "--tty", terminal.id, "sh", "-c", script) as sitting:
        sitting.screen.until("ready")
        sitting.screen.resize(41, 121)
        sitting.screen.type("\x03")
        assert sitting.end() == 8
        assert "/dev/pts/0" in sitting.screen.shown
        assert "interrupted" in sitting.screen.shown
        assert termios.tcgetattr(sitting.slave) == sitting.settings


def test_a_further_program_in_a_user_namespace_owns_its_terminal(open_bundle: Bundle) -> None:
    open_bundle.map_users().sleeping()
    script = "stat -c '%u %a' $(tty); echo through > /dev/stdout"
    with sit(open_bundle, "exec", "--tty", open_bundle.id, "sh", "-c", script) as sitting:
        assert sitting.end() == 0, sitting.screen.shown
        assert sitting.rest().splitlines() == ["0 620", "through"]


def test_a_signal_to_a_run_with_a_terminal_reaches_the_program(terminal: Bundle) -> None:
    terminal.script("trap 'echo term; exit 9' TERM; echo ready; while :; do sleep 0.05; done")
    with sit(terminal) as sitting:
        sitting.screen.until("ready")
        sitting.process.send_signal(signal.SIGTERM)
        assert sitting.end() == 9
