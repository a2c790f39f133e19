"""Messages over a stream: however they are cut to pieces, and until the other side is gone or does not listen."""

from __future__ import annotations

import socket
from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidock.kernel.watching import READ, WRITE
from minidock.networks.names.conversations import Conversation, Ended


@pytest.fixture
def pair() -> Generator[tuple[Conversation, socket.socket]]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(10)
    yield Conversation(ours), theirs
    ours.close()
    theirs.close()


@given(st.lists(st.binary(max_size=300), max_size=5), st.lists(st.integers(1, 200)))
def test_messages_are_whole_however_they_arrive(messages: list[bytes], sizes: list[int]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        conversation = Conversation(ours)
        data = b"".join(len(message).to_bytes(2, "big") + message for message in messages)
        heard: list[bytes] = []
        for size in (*sizes, len(data)):
            theirs.sendall(data[:size])
            data = data[size:]
            heard += conversation.hear()
        assert heard == messages


def test_what_has_not_come_is_not_waited_for(pair: tuple[Conversation, socket.socket]) -> None:
    conversation, theirs = pair
    assert conversation.hear() == []
    theirs.sendall(b"\0\5abc")
    assert conversation.hear() == []


def test_the_end_of_the_other_side_is_the_end(pair: tuple[Conversation, socket.socket]) -> None:
    conversation, theirs = pair
    theirs.close()
    with pytest.raises(Ended):
        conversation.hear()
    with pytest.raises(Ended):
        conversation.say(b"too late")


def test_what_cannot_be_sent_now_is_sent_later_and_as_it_was(pair: tuple[Conversation, socket.socket]) -> None:
    conversation, theirs = pair
    said = 0
    while conversation.events == READ:
        conversation.say(bytes([said % 256]) * 5000)
        said += 1
    assert conversation.events == READ | WRITE
    received = b""
    while len(received) < said * 5002:
        received += theirs.recv(1 << 16)
        conversation.flush()
    assert received == b"".join(b"\x13\x88" + bytes([number % 256]) * 5000 for number in range(said))
    assert conversation.events == READ


def test_who_never_reads_is_not_written_to_for_ever(pair: tuple[Conversation, socket.socket]) -> None:
    conversation, _ = pair
    with pytest.raises(Ended):
        for _ in range(10_000):
            conversation.say(b"x" * 60_000)
