"""Following a log while another process writes, rotates and packs it."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from minidock.logs import reading
from minidock.logs.drivers import form_of, open_writer
from tests.waiting import wait_until

DRIVERS = ("json-file", "local")
LINES = 12000
_PROCESSES = multiprocessing.get_context("fork")


def numbered(count: int, start: int = 0) -> bytes:
    return b"".join(b"%d\n" % number for number in range(start, start + count))


def _write(driver: str, path: Path, options: dict[str, str]) -> None:
    writer = open_writer(driver, options, str(path))
    number, step = 0, 0
    while number < LINES:
        count = min(1 + step * 7 % 40, LINES - number)
        writer.write("stdout", numbered(count, number))
        number, step = number + count, step + 1
        if step % 10 == 0:
            time.sleep(0.0002)
    writer.close()


@contextmanager
def writing(driver: str, path: Path, options: dict[str, str]) -> Iterator[int]:
    """A process that writes, by a descriptor that says when it has ended."""
    process = _PROCESSES.Process(target=_write, args=(driver, path, options))
    process.start()
    pidfd = os.pidfd_open(process.pid or 0)
    try:
        yield pidfd
    finally:
        os.close(pidfd)
        process.kill()
        process.join()


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"max-size": "10k", "max-file": "200", "compress": "false"},  # all that is written is kept
        {"max-size": "20k", "max-file": "100", "compress": "true"},
    ],
)
def test_who_follows_gets_each_line_once_until_the_writer_has_ended(
    tmp_path: Path, driver: str, options: dict[str, str]
) -> None:
    path = tmp_path / "log"
    with writing(driver, path, options) as pidfd:
        followed = b"".join(text for _, text in reading.output(driver, str(path), follow=pidfd))
    assert followed == numbered(LINES)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("compress", ["true", "false"])
def test_who_follows_slowly_misses_only_what_is_gone_and_gets_nothing_twice(
    tmp_path: Path, driver: str, compress: str
) -> None:
    path = tmp_path / "log"
    with writing(driver, path, {"max-size": "4k", "max-file": "3", "compress": compress}) as pidfd:
        numbers: list[int] = []
        for _, text in reading.output(driver, str(path), follow=pidfd):
            numbers += map(int, text.split())
            time.sleep(0.002)
    assert all(before < after for before, after in pairwise(numbers))
    assert numbers[-1] == LINES - 1


@pytest.mark.parametrize("compress", ["true", "false"])
def test_who_is_in_the_middle_of_an_old_file_finds_the_next_wherever_it_has_gone(tmp_path: Path, compress: str) -> None:
    """The reader holds each file in turn, while the writer rotates and packs behind its back."""
    path = tmp_path / "log"
    options = {"max-size": "500", "max-file": "99", "compress": compress}
    writer = open_writer("json-file", options, str(path))
    over: list[bool] = []
    reader = reading.read("json-file", str(path), follow=lambda: bool(over))
    writer.write("stdout", numbered(5))
    got = [next(reader)[2]]
    for start in range(5, 200, 5):
        writer.write("stdout", numbered(5, start))
        got.append(next(reader)[2])
    writer.close()
    over.append(True)
    got += [entry[2] for entry in reader]
    assert b"".join(got) == numbered(200)


def test_following_ends_when_a_function_says_so_and_all_has_been_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    ended = threading.Event()
    followed: list[bytes] = []

    def follow() -> None:
        followed.extend(text for _, text in reading.output("json-file", str(path), follow=ended.is_set))

    thread = threading.Thread(target=follow)
    thread.start()
    writer = open_writer("json-file", {}, str(path))
    writer.write("stdout", b"one\n")
    wait_until(lambda: followed == [b"one\n"], "the first line")
    writer.write("stdout", b"two\n")
    writer.close()
    ended.set()
    thread.join()
    assert b"".join(followed) == b"one\ntwo\n"


def test_a_log_may_be_followed_before_it_exists(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "later"):
        path = directory / "log"
        reader = reading.output("local", str(path), follow=lambda: False)
        thread = threading.Timer(0.05, lambda path=path: _begin(path))
        thread.start()
        assert next(reader) == ("stdout", b"first\n")
        reader.close()  # type: ignore[attr-defined] # it is a generator
        thread.join()


def _begin(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    writer = open_writer("local", {}, str(path))
    writer.write("stdout", b"first\n")
    writer.close()


def test_following_begins_after_the_last_lines_that_were_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "log"
    writer = open_writer("json-file", {}, str(path))
    for tail, expected in ((0, [b"new\n"]), (2, [b"8\n", b"9\n", b"new\n"])):
        path.write_bytes(b"")
        writer.write("stdout", numbered(10))
        over: list[bool] = []
        reader = reading.read("json-file", str(path), tail=tail, follow=lambda over=over: bool(over))
        got = [next(reader)[2] for _ in range(tail)]
        if not tail:
            threading.Timer(0.05, lambda: writer.write("stdout", b"new\n")).start()
        else:
            writer.write("stdout", b"new\n")
        got.append(next(reader)[2])
        over.append(True)
        assert got + [entry[2] for entry in reader] == expected
    writer.close()


def test_following_ends_at_a_time_that_was_given(tmp_path: Path) -> None:
    path = tmp_path / "log"
    form = form_of("json-file")
    now = time.time_ns()
    path.write_bytes(form.encode("stdout", now, b"now\n"))
    entries = list(reading.read("json-file", str(path), until_ns=now + 100_000_000, follow=lambda: False))
    assert [entry[2] for entry in entries] == [b"now\n"]
    path.write_bytes(form.encode("stdout", now, b"now\n") + form.encode("stdout", now + 10**12, b"too late\n"))
    entries = list(reading.read("json-file", str(path), until_ns=now + 10**11, follow=lambda: False))
    assert [entry[2] for entry in entries] == [b"now\n"]


def test_the_kernel_is_asked_to_tell_of_changes(tmp_path: Path) -> None:
    path = tmp_path / "log"
    _begin(path)
    reader = reading.output("local", str(path), follow=lambda: False)
    next(reader)
    watches = [
        line
        for fd in os.listdir("/proc/self/fd")
        if os.path.exists(f"/proc/self/fd/{fd}")
        for line in Path("/proc/self/fdinfo", fd).read_text().splitlines()
        if line.startswith("inotify ")
    ]
    reader.close()  # type: ignore[attr-defined] # it is a generator
    assert any(f"ino:{tmp_path.stat().st_ino:x} " in line for line in watches)


def test_half_a_line_is_not_read_before_its_end_has_come(tmp_path: Path) -> None:
    path = tmp_path / "log"
    block = form_of("json-file").encode("stdout", 1, b"a long line\n")
    over: list[bool] = []
    with path.open("wb", buffering=0) as file:
        file.write(block + block[:20])
        reader = reading.read("json-file", str(path), follow=lambda: bool(over))
        assert next(reader)[2] == b"a long line\n"
        file.write(block[20:])
        assert next(reader)[2] == b"a long line\n"
        file.write(block[:20])
        over.append(True)
        assert list(reader) == []
