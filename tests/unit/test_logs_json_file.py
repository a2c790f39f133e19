"""The json-file format, compared with lines that dockerd 20.10 wrote for the same bytes."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidock.logs import json_file, reading
from minidock.logs.drivers import open_writer
from minidock.logs.json_file import JsonFile

TIME = 1795241685_811433020  # 2026-11-21T06:14:45.81143302Z
END = '","stream":"stdout","time":"2026-11-21T06:14:45.81143302Z"}\n'
PIECE = 16384


def written(path: Path, *chunks: bytes, attributes: dict[str, str] | None = None) -> list[dict[str, str]]:
    """The objects in a log to which these chunks were written."""
    writer = open_writer("json-file", {}, str(path), attributes)
    for chunk in chunks:
        writer.write("stdout", chunk)
    writer.close()
    return [json.loads(line) for line in path.read_text().splitlines()]


def texts(path: Path, *chunks: bytes) -> list[str]:
    return [entry["log"] for entry in written(path, *chunks)]


@pytest.mark.parametrize(
    ("data", "log"),
    [
        (b"hello\n", r"hello\n"),
        (b"no end", "no end"),
        (b"\n", r"\n"),
        (b'a "b" \\ /\n', r"a \"b\" \\ /\n"),
        (b"\x00\x07\x08\t\x0b\x0c\r\x1b\x7f\n", "\\u0000\\u0007\\u0008\\u0009\\u000b\\u000c\\r\\u001b\x7f\\n"),
        (b'<a href="x">&\n', r"\u003ca href=\"x\"\u003e\u0026\n"),
        ("größer � 😀\n".encode(), "größer � 😀\\n"),
        ("\u2028 \u2029\n".encode(), r"\u2028 \u2029\n"),
        (b"\xe2\x82\n", r"\ufffd\ufffd\n"),
        (b"x\xed\xa0\x80y\xf4\x90\x80\x80z\xc0\xaf\n", r"x\ufffd\ufffd\ufffdy\ufffd\ufffd\ufffd\ufffdz\ufffd\ufffd\n"),
        (b"\xf0\x9f\x98\n", r"\ufffd\ufffd\ufffd\n"),
    ],
)
def test_a_line_is_written_byte_for_byte_as_docker_writes_it(data: bytes, log: str) -> None:
    assert JsonFile().encode("stdout", TIME, data).decode() == '{"log":"' + log + END


def test_many_lines_are_as_many_objects() -> None:
    assert JsonFile().encode("stdout", TIME, b"a\n\nb\n").decode() == "".join(
        '{"log":"' + log + END for log in (r"a\n", r"\n", r"b\n")
    )


def test_attributes_stand_before_the_time_sorted_as_docker_sorts_them() -> None:
    block = JsonFile({"tag": "n2/x", "V": "w\nz", "b": '<x>"é', "a": "1"}).encode("stderr", TIME, b"hi\n")
    assert block.decode() == (
        r'{"log":"hi\n","stream":"stderr","attrs":{"V":"w\nz","a":"1","b":"\u003cx\u003e\"é","tag":"n2/x"},'
        '"time":"2026-11-21T06:14:45.81143302Z"}\n'
    )


def test_a_line_of_16_kib_is_a_piece_and_an_end(tmp_path: Path) -> None:
    assert texts(tmp_path / "log", b"a" * PIECE + b"\n") == ["a" * PIECE, "\n"]
    assert texts(tmp_path / "shorter", b"b" * (PIECE - 1) + b"\n") == ["b" * (PIECE - 1) + "\n"]
    assert texts(tmp_path / "longer", b"c" * 40000 + b"\nd\n") == ["c" * PIECE] * 2 + ["c" * 7232 + "\n", "d\n"]


def test_pieces_of_a_line_have_the_time_of_the_first(tmp_path: Path) -> None:
    entries = written(tmp_path / "log", b"x" * 20000, b"x" * 20000, b"x\nnext\n")
    times = [entry["time"] for entry in entries]
    assert len(entries) == 4
    assert times[0] == times[1] == times[2] < times[3]


def test_an_unfinished_line_is_kept_back_until_its_end_has_come(tmp_path: Path) -> None:
    path = tmp_path / "log"
    writer = open_writer("json-file", {}, str(path))
    writer.write("stdout", b"one\nunfi")
    writer.write("stderr", b"other\n")
    assert path.read_text().count("unfi") == 0
    writer.write("stdout", b"nished\nrest")
    writer.flush()
    writer.write("stdout", b"after")
    writer.close()
    logged = [(entry["log"], entry["stream"]) for entry in map(json.loads, path.read_text().splitlines())]
    assert logged == [
        *[("one\n", "stdout"), ("other\n", "stderr"), ("unfinished\n", "stdout")],
        *[("rest", "stdout"), ("after", "stdout")],
    ]


def test_a_character_is_not_torn_between_two_pieces(tmp_path: Path) -> None:
    line = ("x" + "€" * 20000 + "😀" * 9000 + "\n").encode()
    assert "".join(texts(tmp_path / "log", line)) == line.decode()


def test_bytes_that_are_no_text_do_not_stop_a_line_from_being_cut(tmp_path: Path) -> None:
    assert all(len(text) <= PIECE for text in texts(tmp_path / "log", b"\xff" * 50000, b"\x80" * 50000, b"\n"))


lines = st.lists(st.tuples(st.text(max_size=9), st.integers(1, 9000), st.sampled_from(["", "\n"])), max_size=8)


@settings(max_examples=60, deadline=None)
@given(pieces=lines, cuts=st.lists(st.integers(0, 200000), max_size=9), size=st.sampled_from(["", "1k", "50k"]))
def test_what_is_written_as_utf_8_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[tuple[str, int, str]], cuts: list[int], size: str
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    data = "".join(text * count + end for text, count, end in pieces).encode()
    writer = open_writer("json-file", {"max-size": size, "max-file": "9999"} if size else {}, str(path))
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        writer.write("stdout", data[start:end])
    writer.close()
    assert b"".join(text for _, _, text, _ in reading.read("json-file", str(path))) == data
    assert b"".join(text for _, text in reading.output("json-file", str(path))) == data


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_become_json_that_says_the_same(data: bytes) -> None:
    body = json_file.escaped(data.replace(b"\n", b""))
    text = json.loads(b'"' + body + b'"')
    assert text.replace("�", "") == data.replace(b"\n", b"").decode("utf-8", "ignore").replace("�", "")


HOSTILE = (
    *(b"", b"{", b"null", b"[]", b"7", b'"x"', b"[[" * 100000, b"\xff\xfe", b'{"log":"a"}', b'{"stream":"stdout"}'),
    b'{"log":7,"stream":"stdout","time":"2026-11-21T06:14:45Z"}',
    b'{"log":"no\\n","stream":"stdin","time":"2026-11-21T06:14:45Z"}',
    b'{"log":"no\\n","stream":["stdout"],"time":"2026-11-21T06:14:45Z"}',
    b'{"log":"no\\n","stream":"stdout","time":7}',
    b'{"log":"no\\n","stream":"stdout","time":"2026-99-21T06:14:45Z"}',
    b'{"log":"no\\n","stream":"stdout","attrs":1,"time":"2026-11-21T06:14:45Z"}',
    b'{"log":"half a li',
)


@pytest.mark.parametrize("damage", HOSTILE)
def test_a_line_that_cannot_be_read_is_passed_over(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "log"
    good = JsonFile().encode("stdout", TIME, b"good\n")
    path.write_bytes(good + damage + b"\n" + good + damage)
    assert [entry[2] for entry in reading.read("json-file", str(path))] == [b"good\n"] * 2


@pytest.mark.parametrize("damage", [line for line in HOSTILE if b"no" not in line])
def test_output_passes_over_it_as_well(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "log"
    good = JsonFile().encode("stdout", TIME, b"good\n")
    path.write_bytes(good + damage + b"\n" + good + damage)
    assert b"".join(text for _, text in reading.output("json-file", str(path))) == b"good\ngood\n"


def test_half_a_surrogate_pair_does_not_stop_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(r'{"log":"\ud800\n","stream":"stdout","time":"2026-11-21T06:14:45Z"}' + "\n")
    assert [text for _, text in reading.output("json-file", str(path))] == [b"?\n"]
