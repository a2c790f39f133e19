"""Command lines, as people who know runc type them."""

from __future__ import annotations

import pytest

from minidock.errors import MinidockError
from minidock.runtime.arguments import FLAG, MANY, VALUE, Arguments

KNOWN = {"detach": FLAG, "tty": FLAG, "bundle": VALUE, "env": MANY, "count": VALUE}
ALIASES = {"d": "detach", "t": "tty", "b": "bundle", "e": "env"}


def read(*words: str, most_words: int | None = None) -> Arguments:
    arguments = Arguments(KNOWN, ALIASES)
    arguments.read(list(words), most_words=most_words)
    return arguments


@pytest.mark.parametrize(
    "words",
    [("--bundle", "x"), ("--bundle=x",), ("-b", "x"), ("-b=x",), ("--bundle", "y", "-b", "x")],
)
def test_a_value_can_be_given_in_every_usual_way_and_the_last_one_counts(words: tuple[str, ...]) -> None:
    assert read(*words).value("bundle") == "x"


@pytest.mark.parametrize(
    ("words", "expected"),
    [((), False), (("-d",), True), (("--detach",), True), (("--detach=false",), False), (("-d", "--detach=0"), False)],
)
def test_a_flag_is_on_or_off(words: tuple[str, ...], expected: bool) -> None:
    assert read(*words).flag("detach") is expected


def test_what_is_given_many_times_is_kept_in_order() -> None:
    assert read("-e", "A=1", "--env=B=2", "--env", "").values("env") == ["A=1", "B=2", ""]
    assert read().values("env") == []


def test_options_and_words_may_be_mixed() -> None:
    arguments = read("one", "-d", "two", "--bundle", "x", "-")
    assert arguments.words == ["one", "two", "-"]
    assert arguments.flag("detach")


def test_the_command_line_of_a_program_is_left_alone() -> None:
    arguments = read("-d", "id", "sh", "-c", "--bundle", "-x", most_words=2)
    assert arguments.words == ["id", "sh", "-c", "--bundle", "-x"]
    assert arguments.value("bundle") == ""
    assert read("id", "--", "-d", "--", "--fly").words == ["id", "-d", "--", "--fly"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--fly",), "unknown flag: --fly"),
        (("--fly=high",), "unknown flag: --fly"),
        (("-x",), "unknown"),
        (("--bundle",), "flag needs an argument: "),
        (("-b",), "flag needs an argument: "),
    ],
)
def test_what_makes_no_sense_is_named(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(MinidockError, match=message):
        read(*words)


def test_a_number_is_read_or_the_word_is_named() -> None:
    assert read("--count", "-3").integer("count") == -3
    assert read().integer("count", 7) == 7
    with pytest.raises(MinidockError, match='invalid argument "many" for'):
        read("--count", "many").integer("count")
