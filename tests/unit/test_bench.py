"""What measurements come to: ratios of the same round, and lines to be read. The measuring itself is no test."""

from __future__ import annotations

import pytest

from bench import __main__ as bench
from bench import many
from bench.rounds import Failed, Times, timed


def noted(what: str, **peers: list[float]) -> Times:
    times = Times()
    for who, values in peers.items():
        for value in values:
            times.note(what, who, value)
    return times


def test_a_ratio_is_of_the_same_round_not_of_medians() -> None:
    times = noted("start", minidock=[10, 40, 30], docker=[100, 80, 30])
    assert times.ratios("start", "minidock", "docker") == [0.1, 0.5, 1.0]


def test_a_report_has_the_spread_of_each_peer_and_beside_it_how_much_of_that_ours_takes() -> None:
    _, what, ours, theirs = noted("start", minidock=[10, 40, 30], docker=[100, 80, 30]).report()
    assert what == "start"
    assert ours.split() == ["minidock", "10.0", "30.0", "40.0"]
    assert theirs.split(maxsplit=4) == ["docker", "30.0", "80.0", "100.0", "0.50 times that (0.10 to 1.00)"]


def test_what_two_things_take_together_is_added_up_by_rounds() -> None:
    times = noted("create", minidock=[1, 2])
    times.note("start", "minidock", 10)
    times.note("start", "minidock", 20)
    times.sums("both", "create", "start")
    assert times.taken["both"] == {"minidock": [11, 22]}


def test_a_peer_that_lacks_a_part_has_no_sum_of_it() -> None:
    times = noted("create", minidock=[1], runc=[2])
    times.note("start", "minidock", 10)
    times.sums("both", "create", "start")
    assert times.taken["both"] == {"minidock": [11]}


def test_the_last_starts_are_compared_with_the_first() -> None:
    first, last = many.compared([10.0] * 10 + [20.0] * 80 + [30.0] * 10)
    assert first.split() == ["the", "first", "10", "10.0", "10.0"]
    assert last.split(maxsplit=7)[-1] == "3.00, 3.00"


def test_a_command_that_fails_is_not_measured_and_says_why() -> None:
    with pytest.raises(Failed, match="exit code 3\nno such thing"):
        timed(["sh", "-c", "echo no such thing >&2; exit 3"])


@pytest.mark.parametrize("words", [["stat"], ["ps", "few"], ["ps", "1", "2"]])
def test_a_part_that_does_not_exist_is_answered_with_those_that_do(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.main(words) == 2
    shown = capsys.readouterr().err
    assert all(f"\n{part} " in shown or f"  {part} " in shown for part in ("start", *bench.PARTS, *bench.OTHERS))
