"""Times as logs, images and records hold them: RFC 3339 in UTC, to the nanosecond.

A time here is nanoseconds since 1970.

The standard module knows no nanoseconds, and costs more to load than all of this package.
"""

from __future__ import annotations

import time

SECOND = 1_000_000_000
_DIGITS = 9
# The last second that was written, the last that was read, and the last time: the next line has most often the same.
_written: dict[int, str] = {}
_read: dict[str, int] = {}
_latest: dict[str, int] = {}
_FIELDS = ((0, 4, ""), (5, 7, "-"), (8, 10, "-"), (11, 13, "T"), (14, 16, ":"), (17, 19, ":"))
_LONGEST = (9999, 12, 31, 23, 59, 60)


def now() -> str:
    return stamp(time.time_ns())


def stamp(time_ns: int) -> str:
    """As in a json-file log: `2026-11-21T05:44:14.123456789Z`, without zeros at the end of the fraction."""
    second, fraction = divmod(time_ns, SECOND)
    digits = f"{fraction:09d}".rstrip("0")
    return f"{_second(second)}.{digits}Z" if digits else f"{_second(second)}Z"


def fixed(time_ns: int) -> str:
    """As `logs --timestamps` shows it: always nine digits, so that lines are aligned."""
    second, fraction = divmod(time_ns, SECOND)
    return f"{_second(second)}.{fraction:09d}Z"


def _second(second: int) -> str:
    known = _written.get(second)
    if known is None:
        known = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        _written.clear()
        _written[second] = known
    return known


def parse(text: str) -> int:
    """The time that `stamp` or `fixed` wrote; ValueError for anything else."""
    known = _latest.get(text)
    if known is None:
        known = _parse(text)
        _latest.clear()
        _latest[text] = known
    return known


def _parse(text: str) -> int:
    second, fraction = text[:19], text[19:]
    known = _read.get(second)
    if known is None:
        known = _parse_second(second)
        _read.clear()
        _read[second] = known
    if fraction == "Z":
        return known * SECOND
    digits = fraction[1:-1]
    if fraction[:1] != "." or fraction[-1:] != "Z" or not 0 < len(digits) <= _DIGITS or not _is_number(digits):
        raise ValueError(f"not a time: {text!r}")
    return known * SECOND + int(digits.ljust(_DIGITS, "0"))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _parse_second(text: str) -> int:
    values = []
    for (start, end, before), most in zip(_FIELDS, _LONGEST, strict=True):
        if text[start - len(before) : start] != before or len(text) != 19 or not _is_number(text[start:end]):
            raise ValueError(f"not a time: {text!r}")
        values.append(int(text[start:end]))
        if values[-1] > most:
            raise ValueError(f"not a time: {text!r}")
    year, month, day, hour, minute, second = values
    return ((_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01. Years are counted from March on, so that the odd day of a leap year is the last."""
    if month <= 2:
        year, month = year - 1, month + 12
    before_month = (153 * (month - 3) + 2) // 5
    return 365 * year + year // 4 - year // 100 + year // 400 + before_month + day - 719469
