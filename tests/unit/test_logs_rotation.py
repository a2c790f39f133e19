"""Rotation: names, sizes, packing, and disks that are full."""

from __future__ import annotations

import gzip
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidock.logs import reading
from minidock.logs.drivers import open_writer
from minidock.logs.json_file import JsonFile
from tests.waiting import wait_until

DRIVERS = ("json-file", "local")
_PROCESSES = multiprocessing.get_context("fork")


def numbered(count: int, start: int = 0) -> bytes:
    return b"".join(b"line %d\n" % number for number in range(start, start + count))


def write(driver: str, path: Path, options: dict[str, str], *chunks: bytes) -> None:
    writer = open_writer(driver, options, str(path))
    for chunk in chunks:
        writer.write("stdout", chunk)
    writer.close()
    assert (writer.lost, writer.trouble) == (0, "")


def output(driver: str, path: Path) -> bytes:
    return b"".join(text for _, text in reading.output(driver, str(path)))


def names(path: Path) -> list[str]:
    return sorted(os.listdir(path.parent))


def line_size() -> int:
    return len(JsonFile().encode("stdout", time.time_ns(), b"line 1000\n"))


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_log_without_a_limit_is_one_file(tmp_path: Path, driver: str) -> None:
    path = tmp_path / "log"
    write(driver, path, {}, numbered(5000))
    assert names(path) == ["log"]
    assert output(driver, path) == numbered(5000)


def test_no_file_passes_the_limit_by_more_than_a_line_and_each_ends_with_one(tmp_path: Path) -> None:
    path = tmp_path / "log"
    write("json-file", path, {"max-size": "10k", "max-file": "100"}, *[numbered(777, 777 * n) for n in range(7)])
    sizes = {name: os.path.getsize(tmp_path / name) for name in names(path)}
    full = [size for name, size in sizes.items() if name != "log"]
    assert all(10000 <= size < 10000 + line_size() + 2 for size in full)
    assert sizes["log"] < 10000 + line_size()
    assert len(full) > 10
    assert all((tmp_path / name).read_bytes().endswith(b"}\n") for name in sizes)
    assert output("json-file", path) == b"".join(numbered(777, 777 * n) for n in range(7))


def test_a_line_is_written_where_docker_writes_it_to_the_byte_of_the_limit(tmp_path: Path) -> None:
    """A file takes lines until its size has reached the limit: exactly the limit is full."""
    line = JsonFile().encode("stdout", 1_000_000_001, b"x" * 900 + b"\n")
    path = tmp_path / "log"
    path.write_bytes(line)
    for limit, full in ((len(line), True), (len(line) + 1, False)):
        path.write_bytes(line)
        (tmp_path / "log.1").unlink(missing_ok=True)
        write("json-file", path, {"max-size": str(limit), "max-file": "2"}, b"next\n")
        assert (tmp_path / "log.1").exists() == full


@pytest.mark.parametrize("driver", DRIVERS)
def test_of_the_old_files_the_newest_are_kept(tmp_path: Path, driver: str) -> None:
    path = tmp_path / "log"
    options = {"max-size": "2k", "max-file": "3", "compress": "false"}
    write(driver, path, options, *[numbered(20, 20 * n) for n in range(50)])
    assert names(path) == ["log", "log.1", "log.2"]
    kept = output(driver, path)
    assert numbered(1000).endswith(kept)
    assert kept


def test_with_one_file_only_the_newest_lines_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "log"
    write("json-file", path, {"max-size": "2k"}, numbered(1000))
    assert names(path) == ["log"]
    assert numbered(1000).endswith(output("json-file", path))


def test_rotated_files_are_packed_so_that_gzip_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "log"
    options = {"max-size": "17k", "max-file": "5", "compress": "true"}
    write("json-file", path, options, *[numbered(50, 50 * n) for n in range(20)])
    assert names(path) == ["log", "log.1.gz", "log.2.gz", "log.3.gz", "log.4.gz"]
    with gzip.open(tmp_path / "log.4.gz") as file:
        assert file.read().startswith(b'{"log":"line 0\\n","stream":"stdout","time":"')
    assert output("json-file", path) == numbered(1000)


def test_the_local_driver_packs_unless_told_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "log"
    write("local", path, {"max-size": "2k"}, *[numbered(20, 20 * n) for n in range(50)])
    assert names(path) == ["log", "log.1.gz", "log.2.gz", "log.3.gz", "log.4.gz"]
    assert numbered(1000).endswith(output("local", path))


def test_a_large_file_is_packed_little_by_little(tmp_path: Path) -> None:
    path = tmp_path / "log"
    (tmp_path / "log.1").write_bytes(JsonFile().encode("stdout", 1, numbered(20000)))
    writer = open_writer("json-file", {"max-size": "9m", "max-file": "2", "compress": "true"}, str(path))
    writer.write("stdout", b"x\n")
    assert "log.1" in names(path)
    assert "log.1.gz" not in names(path)
    for _ in range(40):
        writer.write("stdout", b"x\n")
    assert "log.1" not in names(path)
    assert "log.1.gz" in names(path)
    writer.close()
    assert output("json-file", path) == numbered(20000) + b"x\n" * 41


def test_a_packing_that_was_interrupted_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "log"
    (tmp_path / "log.1").write_bytes(JsonFile().encode("stdout", 1, b"old\n"))
    (tmp_path / "log.1.gz.unfinished").write_bytes(b"\x1f\x8b half of a packed file")
    (tmp_path / "log.1.gz").write_bytes(b"\x1f\x8b")  # killed between the last two steps: both are there
    assert output("json-file", path) == b"old\n"
    write("json-file", path, {"max-size": "9m", "max-file": "3", "compress": "true"}, b"new\n")
    assert names(path) == ["log", "log.1.gz"]
    assert output("json-file", path) == b"old\nnew\n"


def test_a_packed_file_is_as_old_as_what_it_was_packed_from(tmp_path: Path) -> None:
    path = tmp_path / "log"
    (tmp_path / "log.1").write_bytes(JsonFile().encode("stdout", 1, b"old\n"))
    os.utime(tmp_path / "log.1", ns=(1_000_000_000, 2_000_000_000))
    write("json-file", path, {"max-size": "9m", "max-file": "3", "compress": "true"}, b"new\n")
    assert os.stat(tmp_path / "log.1.gz").st_mtime_ns == 2_000_000_000


@settings(max_examples=40, deadline=None)
@given(
    driver=st.sampled_from(DRIVERS),
    chunks=st.lists(st.binary(max_size=4000), max_size=12),
    compress=st.booleans(),
    size=st.integers(1, 5000),
)
def test_rotation_neither_loses_nor_changes_a_byte(
    tmp_path_factory: pytest.TempPathFactory, driver: str, chunks: list[bytes], compress: bool, size: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    data = b"".join(chunks) if driver == "local" else b"".join(chunks).decode("latin-1").encode()
    options = {"max-size": str(size), "max-file": "9999", "compress": str(compress).lower()}
    write(driver, path, options, data[:3000], data[3000:])
    assert output(driver, path) == data


# Trouble --------------------------------------------------------------------------------------------------------


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """As good as a full disk: no file may grow beyond this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_a_full_disk_does_not_take_is_counted_and_the_rest_is_whole(tmp_path: Path, driver: str) -> None:
    path = tmp_path / "log"
    writer = open_writer(driver, {}, str(path))
    with largest_file(5000):
        for number in range(100):
            writer.write("stdout", numbered(10, 10 * number))
    assert writer.trouble == "File too large"
    writer.write("stdout", b"room again\n")
    writer.close()
    read = output(driver, path)
    kept = read.removesuffix(b"room again\n")
    assert read.endswith(b"room again\n")
    assert numbered(1000).startswith(kept)
    assert kept
    assert kept.count(b"\n") + writer.lost == 1000


def test_a_directory_that_is_gone_does_not_stop_a_writer(tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    writer = open_writer("json-file", {"max-size": "1k", "max-file": "3"}, str(tmp_path / "away/log"))
    (tmp_path / "away/log").unlink()
    (tmp_path / "away").rmdir()
    writer.write("stdout", numbered(100))
    writer.close()
    assert writer.lost > 80
    assert writer.trouble == f"{tmp_path}/away/log: No such file or directory"


def _write_much(driver: str, path: Path, options: dict[str, str]) -> None:
    writer = open_writer(driver, options, str(path))
    for number in range(50000):  # some seconds: it is killed long before, and never stays behind
        writer.write("stdout", numbered(100, 100 * number))


def _killed_while_writing(driver: str, path: Path, options: dict[str, str], seconds: float) -> None:
    process = _PROCESSES.Process(target=_write_much, args=(driver, path, options))
    process.start()
    try:
        wait_until(lambda: os.listdir(path.parent), "the log")
        time.sleep(seconds)
    finally:
        process.kill()
        process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("options", [{}, {"max-size": "20k", "max-file": "9999", "compress": "true"}])
def test_a_writer_killed_at_any_moment_leaves_a_log_that_can_be_read_and_continued(
    tmp_path: Path, driver: str, options: dict[str, str]
) -> None:
    for attempt in range(4):
        path = tmp_path / str(attempt) / "log"
        path.parent.mkdir()
        _killed_while_writing(driver, path, options, 0.01 * attempt)
        before = output(driver, path)
        write(driver, path, options, b"continued\n")
        count = before.count(b"\n")
        assert before == numbered(count)
        assert output(driver, path) == before + b"continued\n"


@pytest.mark.parametrize("driver", DRIVERS)
def test_half_a_line_at_the_end_is_cut_off_before_the_log_is_continued(tmp_path: Path, driver: str) -> None:
    path = tmp_path / "log"
    write(driver, path, {}, b"one\n")
    first = path.stat().st_size
    write(driver, path, {}, b"two\n")
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        write(driver, path, {}, b"three\n")
        expected = b"one\n" * (cut >= first) + b"three\n"
        assert output(driver, path) == expected
