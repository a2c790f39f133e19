"""DNS messages: what is read, what is refused, and that nothing whatever does more than that."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidock.networks.names import message
from minidock.networks.names.message import AAAA, FORMERR, A, Malformed, Query
from tests.dns import question, response_of

RECURSION_DESIRED = 0x0100


def test_a_question_is_read_with_its_name_in_small_letters() -> None:
    query = message.parse(question("Web.MyNet.", AAAA, number=0x1234))
    assert (query.number, query.name, query.kind, query.domain) == (0x1234, b"web.mynet", AAAA, message.IN)
    assert (query.room, query.speaks_edns, query.is_plain) == (512, False, True)


def test_the_root_is_a_name() -> None:
    assert message.parse(question(".", 2)).name == b""


def test_how_much_a_client_takes_is_read_from_its_edns_record() -> None:
    assert message.parse(question("web", edns=1232)).room == 1232
    assert message.parse(question("web", edns=100)).room == 512
    assert message.parse(question("web", edns=65535)).room == 65535


def test_a_dot_within_a_label_is_not_one_between_labels() -> None:
    header = struct.pack(">6H", 1, 0, 1, 0, 0, 0)
    inside = message.parse(header + b"\x03a.b\0" + struct.pack(">2H", A, 1))
    between = message.parse(header + b"\x01a\x01b\0" + struct.pack(">2H", A, 1))
    assert inside.name != between.name == b"a.b"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 11,
        question("web")[:-1],
        question("web")[:16],
        question("web") + b"\0",
        question("web", edns=1232)[:-1],
        struct.pack(">6H", 1, 0x8000, 1, 0, 0, 0) + question("web")[12:],
        struct.pack(">6H", 1, 0, 0, 0, 0, 0),
        struct.pack(">6H", 1, 0, 2, 0, 0, 0) + question("web")[12:] * 2,
        struct.pack(">6H", 1, 0, 1, 0, 0, 0xFFFF) + question("web")[12:],
        struct.pack(">6H", 1, 0, 1, 0, 0, 0) + b"\xc0\x0c" + struct.pack(">2H", A, 1),
        struct.pack(">6H", 1, 0, 1, 0, 0, 0) + b"\x03web\xc0\x0c" + struct.pack(">2H", A, 1),
        struct.pack(">6H", 1, 0, 1, 0, 0, 0) + b"\x40" + b"a" * 64 + b"\0" + struct.pack(">2H", A, 1),
        struct.pack(">6H", 1, 0, 1, 0, 0, 0) + b"\x3f" + b"a" * 63,
        struct.pack(">6H", 1, 0, 1, 0, 0, 0) + (b"\x01a" * 127 + b"\x01") + b"a\0" + struct.pack(">2H", A, 1),
    ],
    ids=[
        "nothing",
        "half a header",
        "half a question",
        "half a name",
        "one byte too many",
        "half a record",
        "an answer",
        "no question",
        "two questions",
        "records that are not there",
        "a name that points to itself",
        "a name that goes on at itself",
        "a label of 64",
        "a name without an end",
        "a name of 257",
    ],
)
def test_what_is_not_exactly_a_question_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        message.parse(data)


def test_the_longest_name_is_read() -> None:
    longest = ".".join(["a" * 63] * 3 + ["a" * 61])
    assert message.parse(question(longest)).name == longest.encode()
    with pytest.raises(Malformed):
        message.parse(question(longest + "a"))


@settings(max_examples=500)
@given(st.binary(max_size=600))
def test_any_bytes_are_a_question_or_malformed(data: bytes) -> None:
    try:
        query = message.parse(data)
    except Malformed:
        return
    assert response_of(message.reply(query)).number == query.number


@settings(max_examples=500)
@given(st.binary(max_size=80), st.integers(0, 79), st.integers(0, 255))
def test_a_question_with_changed_bytes_is_a_question_or_malformed(tail: bytes, at: int, byte: int) -> None:
    data = bytearray(question("a.long.name.with.labels", edns=4096) + tail)
    data[min(at, len(data) - 1)] = byte
    try:
        assert message.parse(bytes(data)).question in data
    except Malformed:
        pass


NAMES = st.lists(st.text("abcxyz0189-_", min_size=1, max_size=63), min_size=1, max_size=8).map(".".join)


@given(NAMES.filter(lambda name: len(name) <= 253), st.integers(0, 0xFFFF), st.sampled_from([A, AAAA, 12, 15, 65]))
def test_what_is_asked_is_what_is_read(name: str, number: int, kind: int) -> None:
    query = message.parse(question(name, kind, number=number))
    assert (query.name, query.kind, query.number) == (name.encode(), kind, number)


@given(st.lists(st.binary(min_size=4, max_size=4), max_size=60), st.sampled_from([0, 512, 1232, 4096]))
def test_an_answer_has_what_there_is_room_for_and_says_when_that_is_not_all(values: list[bytes], room: int) -> None:
    query = message.parse(question("web", edns=room))
    data = message.reply(query, [message.record(A, value) for value in values], room=query.room)
    answer = response_of(data)
    assert len(data) <= query.room
    assert answer.values == values[: len(answer.values)]
    assert answer.truncated == (len(answer.values) < len(values))
    assert answer.additional == (1 if room else 0)
    assert len(data) + 16 > query.room or not answer.truncated


def test_an_answer_repeats_number_and_question_and_offers_recursion() -> None:
    asked = question("wEb", number=77)
    data = message.reply(message.parse(asked), [message.record(A, b"\x0a\0\0\1")])
    assert data[12 : len(asked)] == asked[12:]
    assert struct.unpack_from(">2H", data) == (77, 0x8000 | RECURSION_DESIRED | 0x0080)


def test_what_cannot_be_read_is_refused_by_its_number() -> None:
    assert message.refusal(question("web", number=9)[:14], FORMERR) == struct.pack(">6H", 9, 0x8181, 0, 0, 0, 0)


def test_an_answer_to_another_question_is_none() -> None:
    query: Query = message.parse(question("web.example.org", number=5))
    good = message.reply(query, [message.record(A, b"\x0a\0\0\1")])
    other = message.reply(message.parse(question("web.example.com", number=5)))
    other_type = message.reply(message.parse(question("web.example.org", AAAA, number=5)))
    assert message.answers(good, 5, query.question)
    assert message.answers(good.replace(b"example", b"EXAMPLE"), 5, query.question)
    assert not message.answers(good, 6, query.question)
    assert not any(message.answers(data, 5, query.question) for data in (other, other_type, good[:20], b""))
    assert not message.answers(question("web.example.org", number=5), 5, query.question)


@given(st.binary(max_size=100), st.integers(0, 0xFFFF))
def test_bytes_at_random_answer_nothing(data: bytes, number: int) -> None:
    assert not message.answers(data, number, question("web.example.org")[12:])


def test_names_that_dns_cannot_have_are_refused() -> None:
    assert message.encoded("web.mynet") == b"\x03web\x05mynet\0"
    for name in ("", "a..b", "a" * 64, ".".join(["a" * 63] * 4)):
        with pytest.raises(ValueError, match="cannot be a name"):
            message.encoded(name)
