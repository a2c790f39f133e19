"""Sizes, periods and times as Docker shows them to people, and moments as people type them after `--since`.

Its sizes of files count in thousands (`1.24MB`), those of memory in 1024s (`1.5MiB`). A time is nanoseconds since 1970.
"""

from __future__ import annotations

import time

from minidock import times
from minidock.times import SECOND

_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")
_NEVER = "0001-01-01T00:00:00Z"  # what Go's zero time looks like
_HOUR, _DAY, _WEEK, _MONTH, _YEAR = 1, 24, 24 * 7, 24 * 30, 24 * 365  # in hours
_MIDNIGHT = "0000-00-00T00:00:00"
_ENDS = (10, 13, 16, 19)  # where a time that was typed may end: after the day, the hour, the minute, the second
_ZONE = len("+00:00")
_NANO_DIGITS = 9


# Sizes ----------------------------------------------------------------------------------------------------


def size(count: float, digits: int = 4) -> str:
    """Bytes, as `1.24MB`: four digits in summaries, three in listings."""
    return _scaled(count, 1000, _DECIMAL, digits)


def memory(count: float) -> str:
    """Bytes, as `1.5MiB`."""
    return _scaled(count, 1024, _BINARY, 4)


def _scaled(count: float, step: int, units: tuple[str, ...], digits: int) -> str:
    """A count in the largest unit of which there is at least one."""
    unit = 0  # what rounds up to a thousand, `1e+03kB`, is one of the next unit
    while unit < len(units) - 1 and (count >= step or "e" in f"{count:.{digits}g}"):
        count /= step
        unit += 1
    return f"{count:.{digits}g}{units[unit]}"


# Periods --------------------------------------------------------------------------------------------------


def period(nanoseconds: int) -> str:
    """About how long: `5 seconds`, `About an hour`, `3 weeks`."""
    seconds = max(nanoseconds, 0) // SECOND
    minutes = seconds // 60
    if seconds < 60:
        return "Less than a second" if seconds < 1 else "1 second" if seconds == 1 else f"{seconds} seconds"
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    return _long_period((seconds + 1800) // 3600, seconds // 3600)


def _long_period(hours: int, whole_hours: int) -> str:
    """Docker counts years in whole hours, and all that is shorter in rounded ones."""
    if hours == 1:
        return "About an hour"
    for most, unit, name in ((48, _HOUR, "hours"), (2 * _WEEK, _DAY, "days"), (2 * _MONTH, _WEEK, "weeks")):
        if hours < most:
            return f"{hours // unit} {name}"
    return f"{hours // _MONTH} months" if hours < 2 * _YEAR else f"{whole_hours // _YEAR} years"


def ago(then: int, now: int | None = None) -> str:
    """How long ago a time was: `5 seconds ago`."""
    return period((time.time_ns() if now is None else now) - then) + " ago"


# Times ----------------------------------------------------------------------------------------------------


def timestamp(moment_ns: int) -> str:
    """RFC 3339 in UTC, as `inspect` has it. 0 is a time that never was."""
    return times.stamp(moment_ns) if moment_ns else _NEVER


def local_timestamp(moment_ns: int, *, fraction: bool = True) -> str:
    """RFC 3339 where we are: to the last nanosecond, as `events` has it, or to the second, as `history` does."""
    seconds, rest = divmod(moment_ns, SECOND)
    here = time.localtime(seconds)
    zone = time.strftime("%z", here)
    zone = f"{zone[:3]}:{zone[3:]}" if here.tm_gmtoff else "Z"
    return time.strftime("%Y-%m-%dT%H:%M:%S", here) + (f".{rest:09d}" if fraction else "") + zone


def local_time(moment_ns: int) -> str:
    """`2025-05-30 12:07:14 +0000 UTC` where we are, as `ps` has it."""
    return time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(moment_ns // SECOND))


def local_moment(moment_ns: int) -> str:
    """`2025-05-30 12:07:14.25 +0000 UTC`: the same, to the last nanosecond, as networks have it."""
    seconds, fraction = divmod(moment_ns, SECOND)
    point = f".{fraction:09d}".rstrip("0").rstrip(".")
    return time.strftime(f"%Y-%m-%d %H:%M:%S{point} %z %Z", time.localtime(seconds))


def moment(text: str, now: int | None = None) -> int:
    """What people mean by `10m` (before now), `2025-05-30`, `2025-05-30T12:07:14.5Z`, `1748606834.5`; or ValueError."""
    now = time.time_ns() if now is None else now
    for read in (_before, _seconds, _date):
        found = read(text, now)
        if found is not None:
            return found
    raise ValueError(f'failed to parse value as time or duration: "{text}"')


def _before(text: str, now: int) -> int | None:
    """A period before now. A lone 0 is the beginning of time, though."""
    from minidock.durations import nanoseconds

    try:
        return None if text == "0" else now - nanoseconds(text)
    except ValueError:
        return None


def _seconds(text: str, _: int) -> int | None:
    """Seconds since 1970."""
    whole, point, fraction = text.partition(".")
    if not _is_number(whole) or len(whole) > 12 or (point and not _is_number(fraction)):
        return None
    return int(whole) * SECOND + int(fraction[:_NANO_DIGITS].ljust(_NANO_DIGITS, "0"))


def _date(text: str, now: int) -> int | None:
    """A date, and maybe a time of day, in a time zone or in ours."""
    try:
        if text.endswith("Z"):
            return _utc(text[:-1])
        zone = text[-_ZONE:]
        if len(zone) == _ZONE and zone[0] in "+-" and zone[3] == ":":
            return _utc(text[:-_ZONE]) - _offset(zone)
        return _utc(text) - time.localtime(now // SECOND).tm_gmtoff * SECOND
    except ValueError:
        return None


def _utc(text: str) -> int:
    """A time without its zone, as if it were in UTC. What is missing at its end is zero."""
    plain, point, fraction = text.partition(".")
    if len(plain) not in _ENDS or (point and len(plain) < len(_MIDNIGHT)):
        raise ValueError(f"not a time: {text}")
    found = times.parse(f"{plain}{_MIDNIGHT[len(plain) :]}{point}{fraction}Z")
    if times.stamp(found)[:10] != plain[:10]:  # the 31st of February
        raise ValueError(f"not a date: {text}")
    return found


def _offset(zone: str) -> int:
    """How far a zone like `+02:00` is ahead."""
    hours, minutes = zone[1:3], zone[4:6]
    if not _is_number(hours + minutes):
        raise ValueError(f"not a time zone: {zone}")
    seconds = int(hours) * 3600 + int(minutes) * 60
    return (-seconds if zone[0] == "-" else seconds) * SECOND


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


# Text -----------------------------------------------------------------------------------------------------


def printable(text: str) -> str:
    """Bytes that are no UTF-8 are half characters in Python, and cannot be written: show that there is something."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
