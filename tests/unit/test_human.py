"""Sizes, periods and times: as the docker client (28.2) showed them, and as it understood what was typed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidock.cli import human

SECOND = 1_000_000_000
NOW = 1795242403 * SECOND


@pytest.fixture
def zone(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


UTC = pytest.mark.parametrize("zone", ["UTC"], indirect=True)
EAST = pytest.mark.parametrize("zone", ["CET-2"], indirect=True)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        *((0, "0B"), (1, "1B"), (999, "999B"), (1000, "1kB"), (1023, "1.02kB"), (1234, "1.23kB"), (12345, "12.3kB")),
        *(
            (123456, "123kB"),
            (1234567, "1.23MB"),
            (999499, "999kB"),
            (10**9, "1GB"),
            (10**15, "1PB"),
            (5 * 10**18, "5EB"),
        ),
    ],
)
def test_sizes_in_listings_have_three_digits(count: int, text: str) -> None:
    assert human.size(count, 3) == text


@pytest.mark.parametrize(
    ("count", "text"), [(1234567, "1.235MB"), (12345678, "12.35MB"), (999_999, "1000kB"), (0, "0B")]
)
def test_sizes_in_summaries_have_four_digits(count: int, text: str) -> None:
    assert human.size(count) == text


@pytest.mark.parametrize(("count", "text"), [(999_500, "1MB"), (999_999, "1MB"), (999_940_000_000, "1TB")])
def test_a_size_that_rounds_up_to_a_thousand_is_one_of_the_next_unit(count: int, text: str) -> None:
    assert human.size(count, 3) == text  # Docker's 1e+03kB is read by nobody


@pytest.mark.parametrize(
    ("count", "text"),
    [
        *((0, "0B"), (1023, "1023B"), (1024, "1KiB"), (1536, "1.5KiB"), (1572864, "1.5MiB"), (67108864, "64MiB")),
        *((8 << 30, "8GiB"), (1023 << 10, "1023KiB"), (12345678, "11.77MiB")),
    ],
)
def test_memory_counts_in_1024s(count: int, text: str) -> None:
    assert human.memory(count) == text


DAY = 86400
PERIODS = [
    *((0, "Less than a second"), (1, "1 second"), (2, "2 seconds"), (59, "59 seconds"), (60, "About a minute")),
    *(
        (119, "About a minute"),
        (120, "2 minutes"),
        (3599, "59 minutes"),
        (3600, "About an hour"),
        (5399, "About an hour"),
    ),
    *((5400, "2 hours"), (170999, "47 hours"), (171001, "2 days"), (13 * DAY, "13 days"), (14 * DAY - 1801, "13 days")),
    *((14 * DAY, "2 weeks"), (59 * DAY, "8 weeks"), (60 * DAY, "2 months"), (365 * DAY, "12 months")),
    *((729 * DAY, "24 months"), (730 * DAY, "2 years"), (1094 * DAY, "2 years"), (1095 * DAY, "3 years")),
]


@pytest.mark.parametrize(("seconds", "text"), PERIODS)
def test_a_period_is_said_as_docker_says_it(seconds: int, text: str) -> None:
    assert human.period(seconds * SECOND) == text
    assert human.ago(NOW - seconds * SECOND, NOW) == f"{text} ago"


def test_a_time_that_is_still_to_come_was_just_now() -> None:
    assert human.ago(NOW + SECOND, NOW) == "Less than a second ago"


def test_a_timestamp_is_in_utc_and_has_no_zeros_at_its_end() -> None:
    assert human.timestamp(1748606834_123456789) == "2025-05-30T12:07:14.123456789Z"
    assert human.timestamp(1748606834_500000000) == "2025-05-30T12:07:14.5Z"
    assert human.timestamp(1748606834_000000000) == "2025-05-30T12:07:14Z"


def test_a_time_that_never_was_is_the_zero_time_of_go() -> None:
    assert human.timestamp(0) == "0001-01-01T00:00:00Z"


@UTC
@pytest.mark.usefixtures("zone")
def test_local_times_in_utc() -> None:
    assert human.local_timestamp(1748606834_500000000) == "2025-05-30T12:07:14.500000000Z"
    assert human.local_time(1748606834_500000000) == "2025-05-30 12:07:14 +0000 UTC"


@EAST
@pytest.mark.usefixtures("zone")
def test_local_times_east_of_it() -> None:
    assert human.local_timestamp(1748606834_500000000) == "2025-05-30T14:07:14.500000000+02:00"
    assert human.local_time(1748606834_500000000) == "2025-05-30 14:07:14 +0200 CET"


MOMENTS = [
    *(
        ("10m", "1795241803"),
        ("1h30m", "1795237003"),
        ("1.5s", "1795242401.5"),
        ("-10m", "1795243003"),
        ("0s", "1795242403"),
    ),
    *(
        ("0", "0"),
        ("5", "5"),
        ("1.5", "1.5"),
        ("0.0", "0"),
        ("1748606834", "1748606834"),
        ("1748606834.5", "1748606834.5"),
    ),
    ("1748606834.123456789", "1748606834.123456789"),
    *(("2025-05-30", "1748563200"), ("2025-05-30T12", "1748606400"), ("2025-05-30T12:07", "1748606820")),
    *(("2025-05-30T12:07:14", "1748606834"), ("2025-05-30T12:07:14.5", "1748606834.5")),
    *(("2025-05-30Z", "1748563200"), ("2025-05-30T12:07Z", "1748606820"), ("2025-05-30T12:07:14Z", "1748606834")),
    *(("2025-05-30T12:07:14.123456789Z", "1748606834.123456789"), ("2025-05-30+02:00", "1748556000")),
    *(("2025-05-30-07:00", "1748588400"), ("2025-05-30T12:07:14-07:00", "1748632034")),
    *(("2025-05-30T12:07:14.5+05:30", "1748587034.5"), ("2024-02-29", "1709164800"), ("1970-01-01", "0")),
    *(("9999-12-31", "253402214400"), ("1969-12-31", "-86400")),
]


def nanoseconds(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole) * SECOND + int(fraction.ljust(9, "0"))


@UTC
@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize(("text", "seconds"), MOMENTS)
def test_a_moment_that_is_typed_is_understood_as_docker_does(text: str, seconds: str) -> None:
    assert human.moment(text, NOW) == nanoseconds(seconds)


@EAST
@pytest.mark.usefixtures("zone")
def test_a_date_without_a_zone_is_one_of_ours() -> None:
    assert human.moment("2025-05-30T14:07:14", NOW) == 1748606834 * SECOND
    assert human.moment("2025-05-30T12:07:14Z", NOW) == 1748606834 * SECOND
    assert human.moment("2025-05-30", NOW) == (1748563200 - 7200) * SECOND


def test_a_moment_is_before_the_present_one_if_no_other_is_given() -> None:
    before = time.time_ns()
    assert before - 3600 * SECOND <= human.moment("1h") <= time.time_ns() - 3600 * SECOND


NO_MOMENTS = """
abc 12:00 . .5 1e3 1748606834. 5x --5m 999999999999999999999999999999 \uff11
2025-02-31 2025-02-29 2025-13-01 2025-00-01 2025-5-30 2025-05-30T 2025-05-30T25 2025-05-30T1:2 2025-05-30T12:07.
2025-05-30T12.5 2025-05-30T12:07:14.5.5 2025-05-30T12:07:14+0200 2025-05-30T12:07:14+ab:cd 2025-05-30T12:07:14z
"""


@pytest.mark.parametrize("text", ["", "2025-05-30 12:00", *NO_MOMENTS.split()])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="failed to parse value as time or duration"):
        human.moment(text, NOW)


@given(st.one_of(st.text(max_size=30), st.text("0123456789-+T:.Zhms", max_size=30)))
def test_whatever_is_typed_is_a_moment_or_refused(text: str) -> None:
    try:
        assert isinstance(human.moment(text, NOW), int)
    except ValueError as error:
        assert text in str(error)


@given(st.integers(0, 253402300799 * SECOND))
def test_a_timestamp_is_understood_as_the_moment_that_it_was_made_of(moment: int) -> None:
    if moment:
        assert human.moment(human.timestamp(moment), NOW) == moment
    assert human.moment(human.local_timestamp(moment), NOW) == moment


def test_half_characters_are_made_printable() -> None:
    assert human.printable("abc") == "abc"
    assert human.printable("é\udcff\ud800x") == "é\ufffd\ufffdx"
    assert human.printable("\U0001f600") == "\U0001f600"
