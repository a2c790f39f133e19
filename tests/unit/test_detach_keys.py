"""The keys that leave a container: what they are, and what of the typing goes on to the program."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidock.engine.life import detach_keys
from minidock.errors import MinidockError


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("ctrl-p,ctrl-q", b"\x10\x11"),
        ("a,b", b"ab"),
        ("ctrl-@,ctrl-[,ctrl-_", b"\0\x1b\x1f"),
        ("CTRL-X", b"\x18"),
        ("", b""),
    ],
)
def test_how_they_are_written(text: str, keys: bytes) -> None:
    assert detach_keys.parse(text) == keys


@pytest.mark.parametrize("text", ["ctrl-", "ctrl-pp", "nosuch", "a,,b", "ctrl-1", "é"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(MinidockError, match="Invalid detach keys"):
        detach_keys.parse(text)


def passed(pieces: list[bytes], keys: bytes) -> tuple[bytes, bool]:
    watch, out = detach_keys.Watch(keys), b""
    for piece in pieces:
        out += watch.passed(piece)
        if watch.are_pressed:
            break
    return out, watch.are_pressed


def test_a_sequence_in_two_pieces_is_one() -> None:
    assert passed([b"ls\r\x10", b"\x11rest"], b"\x10\x11") == (b"ls\r", True)


def test_the_beginning_of_one_that_is_none_goes_to_the_program() -> None:
    assert passed([b"\x10a\x10", b"\x10b"], b"\x10\x11") == (b"\x10a\x10\x10b", False)


@given(st.lists(st.binary(max_size=6), max_size=6))
def test_without_the_sequence_all_that_is_typed_arrives_but_for_its_possible_beginning(pieces: list[bytes]) -> None:
    typed = b"".join(pieces)
    out, pressed = passed(pieces, b"\x10\x11")
    assert pressed == (b"\x10\x11" in typed)
    before = typed.partition(b"\x10\x11")[0]
    assert out in (before, before.removesuffix(b"\x10"))
