"""eq, ne, lt, le, gt, ge: only what is of one kind can be compared, as in Go; 1 and 1.0 cannot."""

from __future__ import annotations

from minidock.cli.templates.errors import Misuse
from minidock.cli.templates.printing import as_text
from minidock.cli.templates.values import NullList, NullMap, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.cli.templates.values import Value

_KINDS = (bool, int, float, str)  # in this order, since to Python a bool is an int


def equal(first: Value, *others: Value) -> bool:
    """Whether the first value equals any of the others."""
    if not others:
        raise Misuse("missing argument for comparison")
    return any(_equal(first, other) for other in others)


def not_equal(first: Value, second: Value) -> bool:
    return not _equal(first, second)


def _equal(first: Value, second: Value) -> bool:
    if _is_nil(first) or _is_nil(second):
        return _is_nil(first) == _is_nil(second)
    if _kind(first) is not _kind(second):
        raise Misuse("incompatible types for comparison")
    for value in (first, second):
        if isinstance(value, (list, dict)):
            raise Misuse(f"non-comparable type {as_text(value)}: {type_name(value)}")
    return bool(first == second)


def _is_nil(value: Value) -> bool:
    return value is None or isinstance(value, (NullList, NullMap))


def _kind(value: Value) -> type:
    return next((kind for kind in _KINDS if isinstance(value, kind)), object)


def less(first: Value, second: Value) -> bool:
    kinds = _kind(first), _kind(second)
    if object in kinds or kinds == (bool, bool):
        raise Misuse("invalid type for comparison")
    if kinds[0] is not kinds[1]:
        raise Misuse("incompatible types for comparison")
    return bool(first < second)


def less_or_equal(first: Value, second: Value) -> bool:
    return less(first, second) or _equal(first, second)


def greater(first: Value, second: Value) -> bool:
    return not less_or_equal(first, second)


def greater_or_equal(first: Value, second: Value) -> bool:
    return not less(first, second)
