"""Filters, as listings take them: `label=a=b`, `name=web`. Of several values of one filter any will do, but of labels
all must be there. Names of filters are checked, so that a mistyped one is not simply ignored.
"""

from __future__ import annotations

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Filters = Mapping[str, Sequence[str]]  # the name of each, and all its values

NONE: Filters = {}
_TRUE, _FALSE = ("1", "t", "true", "True", "TRUE", "T"), ("0", "f", "false", "False", "FALSE", "F")
_SPECIAL = frozenset(".^$*+?{}[]()|\\")


def check(filters: Filters, known: Iterable[str]) -> None:
    for name in filters:
        if name not in known:
            raise MinidockError(f"invalid filter '{name}'", hint=f"known are {', '.join(sorted(known))}")


def truth(name: str, value: str) -> bool:
    if value not in _TRUE + _FALSE:
        raise MinidockError(f"invalid filter '{name}=[{value}]'", hint="it is true or false")
    return value in _TRUE


def have(labels: Mapping[str, str], wanted: Iterable[str]) -> bool:
    """Whether all of some labels are there: `key`, whatever its value, or `key=value`."""
    for label in wanted:
        key, equals, value = label.partition("=")
        if key not in labels or (equals and labels[key] != value):
            return False
    return True


def pattern(values: Iterable[str]) -> Callable[[str], bool]:
    """Whether a text has one of these regular expressions anywhere in it. As in Docker, none fits a malformed one."""
    plain = [value for value in values if not _SPECIAL.intersection(value)]
    others = [value for value in values if _SPECIAL.intersection(value)]
    if not others:  # re takes as long to load as all else that a listing does
        return lambda text: any(value in text for value in plain)
    found = [expression for value in others for expression in _compiled(value)]
    return lambda text: any(value in text for value in plain) or any(one.search(text) for one in found)


def _compiled(value: str) -> list[Pattern[str]]:
    import re

    try:
        return [re.compile(value)]
    except re.error:
        return []


if TYPE_CHECKING:
    from re import Pattern
