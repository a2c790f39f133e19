"""Progress: what long work tells, and the one line that a terminal gets of it, after a second."""

from __future__ import annotations

import io
import os
import pty
import tarfile
from collections.abc import Generator
from pathlib import Path

import pytest

from minidock import progress
from minidock.cli import progress as shown
from minidock.images.layout import Layout
from minidock.images.making import Making
from minidock.progress import Work


@pytest.fixture
def told() -> Generator[list[tuple[str, int, int, bool]]]:
    """What is told to a watcher of this process."""
    heard: list[tuple[str, int, int, bool]] = []
    progress.watcher = lambda work: heard.append((work.what, work.done, work.size, work.is_over))
    yield heard
    progress.watcher = None


class Clock:
    """A time that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


class Screen:
    """What is written to a descriptor."""

    def __init__(self) -> None:
        self._read, self.end = os.pipe2(os.O_NONBLOCK)

    def text(self) -> str:
        """What has come since it was asked last."""
        try:
            return os.read(self._read, 65536).decode()
        except BlockingIOError:
            return ""

    def close(self) -> None:
        os.close(self._read)
        os.close(self.end)


@pytest.fixture
def screen() -> Generator[Screen]:
    screen = Screen()
    yield screen
    screen.close()


def test_work_is_told_piece_by_piece_and_at_its_end(told: list[tuple[str, int, int, bool]]) -> None:
    with Work("Reading", 5) as work:
        source = work.reading(io.BytesIO(b"abcde"))
        assert source.read(3) + source.read(3) == b"abcde"
    assert told == [("Reading", 3, 5, False), ("Reading", 5, 5, False), ("Reading", 5, 5, True)]


def test_work_that_fails_is_over_too(told: list[tuple[str, int, int, bool]]) -> None:
    with pytest.raises(OSError, match="no"), Work("Trying"):
        raise OSError("no")
    assert told == [("Trying", 0, 0, True)]


def test_nobody_need_watch() -> None:
    with Work("Alone") as work:
        work.add(3)
    assert work.done == 3 and progress.watcher is None


def test_layers_tell_how_far_they_are(tmp_path: Path, told: list[tuple[str, int, int, bool]]) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("file")
        entry.uid, entry.gid, entry.size = os.geteuid(), os.getegid(), 1 << 20
        tar.addfile(entry, io.BytesIO(b"x" * entry.size))
    size = len(archive.getvalue())
    archive.seek(0)
    with Making(Layout(str(tmp_path))) as making:
        making.add_layer(archive)
    assert {what for what, *_ in told} == {"Adding a layer"}
    assert len({done for _, done, *_ in told}) > 3
    assert told[-1][1] == size and told[-1][3]


def test_a_line_comes_after_a_second_is_drawn_over_itself_and_goes(screen: Screen) -> None:
    clock = Clock()
    line = shown.Line(screen.end, clock)
    work = Work("Unpacking", 4_000_000)
    line.show(work)
    clock.time += 0.9
    line.show(work)
    assert screen.text() == ""
    work.done = 1_000_000
    clock.time += 0.2
    line.show(work)
    assert screen.text() == "\r\x1b[KUnpacking: 1MB of 4MB"
    line.show(work)
    assert screen.text() == "", "not more often than anybody can read"
    work.is_over = True
    line.show(work)
    line.show(work)
    assert screen.text() == "\r\x1b[K"


def test_what_is_done_at_once_is_never_shown(screen: Screen) -> None:
    line = shown.Line(screen.end, Clock())
    work = Work("Unpacking")
    line.show(work)
    work.is_over = True
    line.show(work)
    assert screen.text() == ""


def test_a_line_is_never_wider_than_its_terminal_and_outlives_it() -> None:
    master, slave = pty.openpty()
    clock = Clock()
    line = shown.Line(slave, clock)
    work = Work("x" * 500)
    for _ in range(2):
        line.show(work)
        clock.time += 2
    assert len("\r\x1b[K") < len(os.read(master, 4096)) <= len("\r\x1b[K") + 80
    os.close(master)
    line.show(work)
    os.close(slave)


@pytest.mark.parametrize(("term", "is_shown"), [("xterm", True), ("dumb", False)])
def test_only_a_terminal_that_can_is_drawn_on(term: str, is_shown: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "watcher", None)
    monkeypatch.setenv("TERM", term)
    shown.watch()
    assert progress.watcher is None, "standard error is no terminal here"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    shown.watch()
    assert (progress.watcher is not None) == is_shown
