"""Sizes and times as the page has them."""

from __future__ import annotations

import time

SECOND = 1_000_000_000
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def size(count: float) -> str:
    """Bytes as `1.9 MiB`."""
    unit = 0
    while count >= 1024 and unit < len(_UNITS) - 1:
        count, unit = count / 1024, unit + 1
    return f"{count:.3g} {_UNITS[unit]}"


def duration(seconds: float) -> str:
    """How long a step took: `85 µs`, `4.32 ms`."""
    if seconds < 0.001:
        return f"{1_000_000 * seconds:.0f} µs"
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def clock(nanoseconds: int) -> str:
    """The time of day where the host is."""
    return time.strftime("%H:%M:%S", time.localtime(nanoseconds // SECOND))


def day(nanoseconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(nanoseconds // SECOND))


def many(count: int, one: str, more: str = "") -> str:
    """`1 process`, `3 processes`."""
    return f"{count} {one if count == 1 else more or one + 's'}"


def fitting(text: str, width: float, size: float = 13, *, ratio: float = 0.6) -> str:
    """What of a text has room in so many pixels of a drawing, where nothing wraps or is cut by itself."""
    most = max(1, int(width / (size * ratio)))
    return text if len(text) <= most else f"{text[: most - 1]}…"
