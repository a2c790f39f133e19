"""`index` and `slice`: parts of lists, maps and strings. Strings count in bytes, as in Go."""

from __future__ import annotations

from minidock.cli.templates.errors import Misuse
from minidock.cli.templates.values import NO_VALUE, Map, Record, is_number, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.cli.templates.values import Value


def as_bytes(text: str) -> bytes:
    return str.__str__(text).encode("utf-8", "surrogatepass")


def as_string(text: bytes) -> str:
    """A character that was cut in two becomes the sign for that."""
    return text.decode("utf-8", "replace")


def has_parts(value: Value) -> bool:
    return isinstance(value, (list, tuple, dict)) and not isinstance(value, Record)


def index(value: Value, *places: Value) -> Value:
    """`index x 1 "a"` is x[1]["a"]."""
    if value is None:
        raise Misuse("index of untyped nil")
    for place in places:
        value = _part(value, place)
    return value


def _part(value: Value, place: Value) -> Value:
    if isinstance(value, str):
        whole = as_bytes(value)
        return whole[_position(place, len(whole) - 1)]
    if value is None:
        raise Misuse("index of nil pointer")
    if not has_parts(value):
        raise Misuse(f"can't index item of type {type_name(value)}")
    if isinstance(value, dict):
        return _entry(value, place)
    return value[_position(place, len(value) - 1)]


def _entry(entries: dict[str, Value], key: Value) -> Value:
    if key is None:
        raise Misuse("value is nil; should be of type string")
    if not isinstance(key, str):
        raise Misuse(f"value has type {type_name(key)}; should be string")
    return entries[key] if key in entries else _missing(entries)


def _missing(entries: dict[str, Value]) -> Value:
    """In Go the type of a map knows. Of a plain dict, its other values tell."""
    if isinstance(entries, Map):
        return entries.missing
    return "" if all(isinstance(value, str) for value in entries.values()) else NO_VALUE


def _position(place: Value, last: int) -> int:
    if place is None:
        raise Misuse("cannot index slice/array with nil")
    if not is_number(place):
        raise Misuse(f"cannot index slice/array with type {type_name(place)}")
    if not 0 <= place <= last:
        raise Misuse(f"index out of range: {int(place)}")
    return int(place)


def slice_of(value: Value, *places: Value) -> Value:
    """`slice x 1 3` is x[1:3]."""
    if value is None:
        raise Misuse("slice of untyped nil")
    if len(places) > 3:
        raise Misuse(f"too many slice indexes: {len(places)}")
    if isinstance(value, str):
        if len(places) == 3:
            raise Misuse("cannot 3-index slice a string")
        whole = as_bytes(value)
        start, end = _bounds(places, len(whole))
        return as_string(whole[start:end])
    if not isinstance(value, (list, tuple)):
        raise Misuse(f"can't slice item of type {type_name(value)}")
    start, end = _bounds(places, len(value))
    return value[start:end]


def _bounds(places: tuple[Value, ...], length: int) -> tuple[int, int]:
    bounds = [_position(place, length) for place in places]
    for place in range(1, len(bounds)):
        if bounds[place - 1] > bounds[place]:
            raise Misuse(f"invalid slice index: {bounds[place - 1]} > {bounds[place]}")
    return (bounds[0] if bounds else 0), (bounds[1] if len(bounds) > 1 else length)
