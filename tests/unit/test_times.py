from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidock import times

_MOST = 253402300799_999_999_999  # the end of 9999


@given(st.integers(0, _MOST))
def test_a_time_is_read_as_it_was_written(time_ns: int) -> None:
    assert times.parse(times.stamp(time_ns)) == time_ns
    assert times.parse(times.fixed(time_ns)) == time_ns


@given(st.datetimes(datetime.datetime(1970, 1, 1)))
def test_a_time_means_what_the_standard_module_means_by_it(moment: datetime.datetime) -> None:
    utc = moment.replace(tzinfo=datetime.UTC, microsecond=0)
    assert times.parse(utc.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")) == int(utc.timestamp()) * times.SECOND


def test_zeros_at_the_end_are_left_out_of_a_stamp_but_not_of_a_fixed_time() -> None:
    assert times.stamp(1_500_000_000) == "1970-01-01T00:00:01.5Z"
    assert times.stamp(2_000_000_000) == "1970-01-01T00:00:02Z"
    assert times.fixed(1_500_000_000) == "1970-01-01T00:00:01.500000000Z"


@pytest.mark.parametrize(
    "text",
    [
        *("", "Z", "2026-11-21", "2026-11-21T06:14:45", "2026-11-21T06:14:45.Z", "2026-11-21T06:14:45.1234567890Z"),
        *("2026-13-21T06:14:45Z", "2026-11-21 06:14:45Z", "2026-11-21T06:14:45+01:00", "2026-11-21T06:14:4\uff15Z"),
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a time"):
        times.parse(text)
