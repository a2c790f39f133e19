"""An interest list: who is called for which descriptor, and who is not any more."""

from __future__ import annotations

import os
import select
from collections.abc import Generator

import pytest

from minidock.kernel.interest import InterestList
from minidock.kernel.watching import READ, WRITE


@pytest.fixture
def interest() -> Generator[InterestList]:
    made = InterestList()
    yield made
    made.close()


@pytest.fixture
def pipes() -> Generator[list[tuple[int, int]]]:
    made = [os.pipe() for _ in range(3)]
    yield made
    for pair in made:
        for fd in pair:
            try:
                os.close(fd)
            except OSError:  # by the test
                pass


def is_ready(interest: InterestList) -> bool:
    return bool(select.select([interest.fileno()], [], [], 0)[0])


def test_who_is_ready_is_called_and_nobody_else(interest: InterestList, pipes: list[tuple[int, int]]) -> None:
    called: list[int] = []
    for number, (end, _) in enumerate(pipes):
        interest.watch(end, READ, lambda number=number: called.append(number))  # type: ignore[misc]
    assert not is_ready(interest)
    os.write(pipes[1][1], b".")
    assert is_ready(interest)
    interest.serve()
    assert called == [1]


def test_the_last_word_on_a_descriptor_counts(interest: InterestList, pipes: list[tuple[int, int]]) -> None:
    called: list[str] = []
    end = pipes[0][1]
    interest.watch(end, READ, lambda: called.append("to read"))
    assert not is_ready(interest)
    interest.watch(end, WRITE, lambda: called.append("to write"))
    interest.serve()
    assert (called, len(interest)) == (["to write"], 1)


def test_who_is_forgotten_by_the_one_before_is_not_called(interest: InterestList, pipes: list[tuple[int, int]]) -> None:
    called: list[int] = []

    def close_all_others(mine: int) -> None:
        called.append(mine)
        for end, _ in pipes:
            if end != mine:
                interest.forget(end)
                os.close(end)

    for end, writer in pipes:
        interest.watch(end, READ, lambda end=end: close_all_others(end))  # type: ignore[misc]
        os.write(writer, b".")
    interest.serve()
    assert len(called) == len(interest) == 1


def test_to_forget_what_is_not_known_is_no_mistake(interest: InterestList, pipes: list[tuple[int, int]]) -> None:
    interest.forget(pipes[0][0])
    assert len(interest) == 0
