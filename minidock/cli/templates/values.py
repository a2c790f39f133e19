"""What templates work on: the values of JSON, told apart as finely as Docker's Go types are.

A dict is a Go map: what it lacks is `<no value>`. A Record is a struct: what it lacks is an error. The small classes
below print differently from what they are in JSON, as do some of Docker's: an interval prints as 1m30s, and
is a number of nanoseconds in JSON.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    Value = Any  # str, int, float, bool, None, list, dict, or one of the classes below

_UNITS = ((3_600_000_000_000, "h"), (60_000_000_000, "m"))
_SMALL_UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns"))


class NoValue:
    """What a map gives for a key that it lacks."""

    def __bool__(self) -> bool:
        return False


NO_VALUE = NoValue()


class Record(dict[str, "Value"]):
    """An object with a fixed set of fields, in the order of its type."""

    kind = "object"  # what errors call it
    optional: Mapping[str, Value] = {}  # fields that are left out of the JSON when they have these values


class Row(Record):
    """One line of a listing. A field may be a function, called with the arguments that the template gives it.

    `names` are the fields that are shown when the whole row is.
    """

    def __init__(self, fields: Mapping[str, Value], names: Sequence[str] = (), kind: str = "row") -> None:
        super().__init__(fields)
        self.names = names or [name for name, value in fields.items() if not callable(value)]
        self.kind = kind

    def shown(self) -> dict[str, Value]:
        return {name: value() if callable(value := self[name]) else value for name in self.names if name in self}


class Map(dict[str, "Value"]):
    """A map whose missing values are, when asked for by `index`, the zero of their type."""

    def __init__(self, items: Mapping[str, Value], missing: Value) -> None:
        super().__init__(items)
        self.missing = missing


class NullList(list["Value"]):
    """A list that is null in JSON."""


class NullMap(Map):
    """A map that is null in JSON."""


class Duration(int):
    """Nanoseconds that print as `1m30s`."""

    def __str__(self) -> str:
        rest = abs(int(self))
        text = "-" if self < 0 else ""
        if rest < _SMALL_UNITS[0][0]:
            size, unit = next((known for known in _SMALL_UNITS if rest >= known[0]), _SMALL_UNITS[0])
            return f"{text}{_decimal(rest, size)}{unit}"
        for size, unit in _UNITS:
            if rest >= size or text.strip("-"):
                text += f"{rest // size}{unit}"
                rest %= size
        return f"{text}{_decimal(rest, _SMALL_UNITS[0][0])}s"


class Moment(str):
    """A time that is RFC 3339 in JSON, and prints as `2025-05-30 12:07:14.5 +0000 UTC`."""

    def __str__(self) -> str:
        plain = str.__str__(self)
        return plain[:-1].replace("T", " ") + " +0000 UTC" if plain.endswith("Z") else plain


def _decimal(number: int, unit: int) -> str:
    """number/unit, exactly."""
    whole, rest = divmod(number, unit)
    digits = f"{rest + unit}"[1:].rstrip("0")
    return f"{whole}.{digits}" if digits else f"{whole}"


def plain(value: Value) -> Value:
    """What is missing is nothing, where a function gets it."""
    return None if isinstance(value, NoValue) else value


def truth(value: Value) -> bool:
    """What `if`, `and` and `not` take for true: what is there and neither empty nor zero. Structs always are."""
    return isinstance(value, Record) or bool(value)


def type_name(value: Value) -> str:
    """The name that Go has for a value's type."""
    if isinstance(value, Record):
        return value.kind
    if isinstance(value, Duration):
        return "time.Duration"
    names = {bool: "bool", int: "int", float: "float64", str: "string", type(None): "nil"}
    for kind, name in names.items():
        if isinstance(value, kind):
            return name
    if isinstance(value, dict):
        return f"map[string]{_common_type(value.values())}"
    if isinstance(value, (list, tuple)):
        return f"[]{_common_type(value)}"
    return "func"


def _common_type(values: Any) -> str:
    return "string" if all(isinstance(value, str) for value in values) else "interface {}"


def is_number(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
