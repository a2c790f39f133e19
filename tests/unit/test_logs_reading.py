"""Reading a log that nobody writes to: the last lines, and those of a time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from minidock.logs import reading
from minidock.logs.drivers import form_of, open_writer
from minidock.logs.files import from_newest
from minidock.logs.local import Local

DRIVERS = ("json-file", "local")
SECOND = 1_000_000_000
OLD = 1_700_000_000 * SECOND


def numbered(count: int, start: int = 0) -> list[bytes]:
    return [b"line %d\n" % number for number in range(start, start + count)]


def lines(driver: str, path: Path, **wanted: int) -> list[bytes]:
    """The lines that are read, both ways."""
    entries = [text for _, _, text, _ in reading.read(driver, str(path), **wanted)]
    assert b"".join(entries) == b"".join(text for _, text in reading.output(driver, str(path), **wanted))
    return entries


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["one file", "rotated", "packed"])
def log(tmp_path: Path, driver: str, request: pytest.FixtureRequest) -> Path:
    """A thousand lines."""
    path = tmp_path / "log"
    rotated = {"max-size": "3k", "max-file": "99", "compress": str(request.param == "packed").lower()}
    writer = open_writer(driver, {} if request.param == "one file" else rotated, str(path))
    for start in range(0, 1000, 100):
        writer.write("stdout", b"".join(numbered(100, start)))
    writer.close()
    assert (len(os.listdir(tmp_path)) > 3) == (request.param != "one file")
    return path


def timed(driver: str, path: Path, *times: int) -> None:
    form = form_of(driver)
    path.write_bytes(b"".join(form.encode("stdout", time_ns, b"%d\n" % time_ns) for time_ns in times))


def test_a_log_that_was_never_written_is_empty(tmp_path: Path, driver: str) -> None:
    assert lines(driver, tmp_path / "log") == []
    assert lines(driver, tmp_path / "absent/log", tail=3) == []


def test_streams_stay_apart_and_in_order(tmp_path: Path, driver: str) -> None:
    path = str(tmp_path / "log")
    writer = open_writer(driver, {}, path)
    for stream, data in (("stdout", b"a\nb\n"), ("stderr", b"c\n"), ("stdout", b"d\n")):
        writer.write(stream, data)
    writer.close()
    assert list(reading.output(driver, path)) == [("stdout", b"a\nb\n"), ("stderr", b"c\n"), ("stdout", b"d\n")]
    entries = list(reading.read(driver, path))
    assert [entry[1:3] for entry in entries] == [
        *[("stdout", b"a\n"), ("stdout", b"b\n"), ("stderr", b"c\n"), ("stdout", b"d\n")]
    ]
    assert sorted(entry[0] for entry in entries) == [entry[0] for entry in entries]


def test_attributes_are_read_with_each_line(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    writer = open_writer("json-file", {}, path, {"tag": "web/1"})
    writer.write("stdout", b"a\nb\n")
    writer.close()
    assert [entry[3] for entry in reading.read("json-file", path)] == [{"tag": "web/1"}] * 2


@pytest.mark.parametrize("tail", [0, 1, 7, 99, 100, 101, 999, 1000, 5000])
def test_the_last_lines_are_counted_across_files(log: Path, driver: str, tail: int) -> None:
    assert lines(driver, log, tail=tail) == numbered(1000)[max(0, 1000 - tail) :]


def test_the_last_lines_may_be_longer_than_a_window(tmp_path: Path, driver: str) -> None:
    path = tmp_path / "log"
    writer = open_writer(driver, {}, str(path))
    writer.write("stdout", (b"\0" * 16000 + b"\n") * 30)
    writer.close()
    for tail in (1, 5, 29, 30, 31):
        assert lines(driver, path, tail=tail) == [b"\0" * 16000 + b"\n"] * min(tail, 30)


def test_the_last_lines_of_a_large_log_are_found_without_reading_it(tmp_path: Path, driver: str) -> None:
    path = tmp_path / "log"
    block = form_of(driver).encode("stdout", OLD, b"".join(numbered(900)))
    path.write_bytes(block * 1000)
    assert path.stat().st_size > 7 << 20

    def bytes_read() -> int:
        return int(Path("/proc/thread-self/io").read_text().split()[1])

    before = bytes_read()
    found = list(reading.read(driver, str(path), tail=10))
    assert bytes_read() - before < 1 << 20
    assert [entry[2] for entry in found] == numbered(10, 890)


def test_times_are_limits_that_are_included(tmp_path: Path, driver: str) -> None:
    path = tmp_path / "log"
    times = [OLD + number * SECOND for number in range(10)]
    timed(driver, path, *times)

    def between(**wanted: int) -> list[int]:
        return [int(line) for line in lines(driver, path, **wanted)]

    assert between(since_ns=times[3]) == times[3:]
    assert between(since_ns=times[3] + 1) == times[4:]
    assert between(until_ns=times[3]) == times[:4]
    assert between(until_ns=times[3] - 1) == times[:3]
    assert between(since_ns=times[2], until_ns=times[5]) == times[2:6]
    assert between(since_ns=times[9] + 1) == between(until_ns=times[0] - 1) == []
    assert between(tail=4, since_ns=times[8]) == times[8:]
    assert between(tail=4, until_ns=times[8]) == times[6:9]


def test_files_that_are_too_old_are_not_read(tmp_path: Path, driver: str) -> None:
    times = [OLD + number * SECOND for number in range(4)]
    for number, time_ns in enumerate(reversed(times)):
        path = tmp_path / (f"log.{number}" if number else "log")
        timed(driver, path, time_ns)
        os.utime(path, ns=(time_ns, time_ns))
    (tmp_path / "log.4").mkdir()  # to read this is an error
    assert [int(line) for line in lines(driver, tmp_path / "log", since_ns=times[3])] == [times[3]]
    with pytest.raises(IsADirectoryError):
        lines(driver, tmp_path / "log")


def test_what_is_written_meanwhile_is_not_read(tmp_path: Path, driver: str) -> None:
    """Whoever writes faster than we read would never let us end."""
    path = tmp_path / "log"
    writer = open_writer(driver, {}, str(path))
    writer.write("stdout", b"one\ntwo\n")
    reader = reading.read(driver, str(path))
    assert next(reader)[2] == b"one\n"
    writer.write("stdout", b"three\n")
    writer.close()
    assert [entry[2] for entry in reader] == [b"two\n"]


@pytest.mark.parametrize("compress", ["true", "false"])
def test_a_file_that_a_rotation_moves_on_is_found_only_once(tmp_path: Path, compress: str) -> None:
    path = tmp_path / "log"
    writer = open_writer("json-file", {"max-size": "1", "max-file": "9", "compress": compress}, str(path))
    writer.write("stdout", b"".join(numbered(3)))
    scan = from_newest(str(path), form_of("json-file"))
    newest = next(scan)
    writer.write("stdout", b"rotated\n")
    writer.close()
    found = [newest, *scan]
    assert [file.block().split(b'"')[3] for file in found] == [rb"line 2\n", rb"line 1\n", rb"line 0\n"]
    for file in found:
        file.close()


def test_who_stops_reading_leaves_no_file_open(log: Path, driver: str) -> None:
    before = os.listdir("/proc/self/fd")
    entries = reading.read(driver, str(log), follow=lambda: False)
    next(entries)
    assert len(os.listdir("/proc/self/fd")) > len(before)
    entries.close()  # type: ignore[attr-defined] # it is a generator
    assert os.listdir("/proc/self/fd") == before


def test_a_damaged_packed_file_is_read_as_far_as_it_goes(tmp_path: Path, driver: str) -> None:
    path = tmp_path / "log"
    writer = open_writer(driver, {"max-size": "2k", "max-file": "9", "compress": "true"}, str(path))
    for start in range(0, 300, 10):
        writer.write("stdout", b"".join(numbered(10, start)))
    writer.close()
    packed = tmp_path / "log.1.gz"
    data = packed.read_bytes()
    for damaged in (data[:-20], data[:30] + b"\xff" * 40 + data[70:], data[:5], b"", b"\0" * 500):
        packed.write_bytes(damaged)
        read = lines(driver, path)
        assert read[-1] == b"line 299\n"
        assert set(read) <= set(numbered(300))
        assert lines(driver, path, tail=2) == numbered(2, 298)


def test_a_damaged_local_log_does_not_stop_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "log"
    form = Local()
    good = form.encode("stdout", OLD, b"good\n")
    for damage in (
        b"\xff" * 100,
        b"\0" * 100,
        good[:-1] + b"\xff",
        b"\0\0\0\5" + good,
        good[:12] + b"\x09" + good[13:],
    ):
        path.write_bytes(good + damage + good)
        assert lines("local", path)[:1] == [b"good\n"]
        assert set(lines("local", path)) == {b"good\n"}
        assert lines("local", path, tail=1) == [b"good\n"]
        assert set(lines("local", path, tail=5)) == {b"good\n"}


def test_the_local_driver_keeps_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "log"
    data = bytes(range(256)) * 200 + b"\n" + bytes(range(255, -1, -1))
    writer = open_writer("local", {}, str(path))
    writer.write("stdout", data)
    writer.close()
    assert b"".join(lines("local", path)) == data
