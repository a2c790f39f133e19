"""Durations as people write them, and Go prints them: `1m30s`, `500ms`, `1.5h`. Here they are nanoseconds."""

from __future__ import annotations

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60 * 1_000_000_000,
    "h": 3600 * 1_000_000_000,
}
_MOST = 1 << 63


def nanoseconds(text: str) -> int:
    """ValueError, in Go's words, for what is no duration. A plain 0 needs no unit."""
    rest = text.lstrip("+-") if text[:2] not in ("+-", "-+", "++", "--") else ""
    if rest == "0":
        return 0
    total = 0
    complaint = ValueError(f'time: invalid duration "{text}"')
    if not rest:
        raise complaint
    while rest:
        number = rest[: len(rest) - len(rest.lstrip("0123456789."))]
        rest = rest[len(number) :]
        unit = rest[: next((at for at, letter in enumerate(rest) if letter in "0123456789."), len(rest))]
        rest = rest[len(unit) :]
        if not number.replace(".", "", 1).isdecimal() or len(number) > 30:
            raise complaint
        if unit not in _UNITS:
            missing = "missing unit in duration" if not unit else f'unknown unit "{unit}" in duration'
            raise ValueError(f'time: {missing} "{text}"')
        whole, _, part = number.partition(".")
        total += int(whole or "0") * _UNITS[unit] + int(part or "0") * _UNITS[unit] // 10 ** len(part)
    if total >= _MOST:
        raise complaint
    return -total if text.startswith("-") else total
