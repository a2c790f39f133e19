"""How Go prints values: what `{{.Field}}` and `print` put out."""

from __future__ import annotations

from minidock.cli.templates.values import NoValue, Record, Row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minidock.cli.templates.values import Value

MOST_TEXT = 1 << 24  # characters that one value may have; a hostile template could ask for any number
_LONGEST_WHOLE = 6  # digits before the point; larger numbers are shown with an exponent


def show(value: Value) -> str:
    """A value as an action prints it."""
    return "<no value>" if isinstance(value, NoValue) else as_text(value)


def as_text(value: Value) -> str:
    """A value as `%v`: true, <nil>, [a b], map[k:v], {a b}."""
    return nested(value, _plain)


def _plain(value: Value) -> str:
    if value is None or isinstance(value, NoValue):
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return shortest(value)
    return "<func>" if callable(value) else str(value)


def nested(value: Value, each: Callable[[Value], str], *, names: bool = False) -> str:
    """What a list, a map or a struct holds, each value in its own form, in Go's brackets."""
    if isinstance(value, Row):
        value = value.shown()
    if isinstance(value, Record):
        items = value.items()
        return (
            "{" + " ".join((f"{key}:" if names else "") + nested(item, each, names=names) for key, item in items) + "}"
        )
    if isinstance(value, dict):
        return "map[" + " ".join(f"{each(key)}:{nested(value[key], each, names=names)}" for key in sorted(value)) + "]"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(nested(item, each, names=names) for item in value) + "]"
    return each(value)


def joined(values: Sequence[Value]) -> str:
    """As `print` does: a space between two values of which neither is a string."""
    text = ""
    before: Value = ""
    for value in values:
        text += " " if text and not isinstance(value, str) and not isinstance(before, str) else ""
        text += as_text(value)
        before = value
    return text


def decimal(value: float) -> tuple[str, str, int]:
    """The sign, the digits, and the place of the point in them, of the shortest number that means this one."""
    mantissa, _, exponent = f"{value!r}".partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, part = mantissa.lstrip("-").partition(".")
    digits = (whole + part).lstrip("0")
    point = len(digits) - len(part) + int(exponent or 0)
    digits = digits.rstrip("0")
    return sign, digits or "0", point if digits else 1


def shortest(value: float) -> str:
    """As Go's %g."""
    if value != value or value in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[f"{value}"]
    sign, digits, point = decimal(value)
    if -4 < point <= _LONGEST_WHOLE:
        return sign + without_exponent(digits, point)
    return sign + with_exponent(digits, point)


def without_exponent(digits: str, point: int) -> str:
    if point <= 0:
        return "0." + "0" * -point + digits
    whole = digits[:point].ljust(point, "0")
    return f"{whole}.{digits[point:]}" if digits[point:] else whole


def with_exponent(digits: str, point: int) -> str:
    part = f".{digits[1:]}" if digits[1:] else ""
    return f"{digits[0]}{part}e{point - 1:+03d}"
