"""When a program that has ended is begun again, and after how long: Docker's policies."""

from __future__ import annotations

import pytest

from minidock.engine.monitor import restarts


@pytest.mark.parametrize(
    ("policy", "most", "code", "count", "due"),
    [
        ("no", 0, 1, 0, False),
        ("on-failure", 0, 0, 0, False),
        ("on-failure", 0, 1, 1000, True),
        ("on-failure", 3, 1, 2, True),
        ("on-failure", 3, 1, 3, False),
        ("always", 0, 0, 1000, True),
        ("unless-stopped", 0, 137, 5, True),
    ],
)
def test_whether_it_is_due(policy: str, most: int, code: int, count: int, due: bool) -> None:
    assert restarts.is_due(policy, most, code=code, count=count) is due


def test_the_wait_doubles_up_to_a_minute_and_begins_anew_after_ten_seconds_of_life() -> None:
    waits = [0.0]
    for _ in range(12):
        waits.append(restarts.wait_before(waits[-1], lived=0.1))
    assert waits[1:6] == [0.1, 0.2, 0.4, 0.8, 1.6]
    assert waits[-2:] == [60.0, 60.0]
    assert restarts.wait_before(60.0, lived=10.0) == 0.1
