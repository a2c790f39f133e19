"""What happens to containers, images and volumes, told as it happens: `events`.

Each change of the state writes down its event in the same transaction (state/database.py), so here is only
reading. The newest few thousand are kept.
"""

from __future__ import annotations

import time

from minidock import jsonfile
from minidock.engine.looking import filters
from minidock.errors import MinidockError
from minidock.state.waiting import Waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from minidock.engine.engine import Engine
    from minidock.engine.looking.filters import Filters

    Fits = Callable[["Event"], bool]

_SECOND = 1_000_000_000
_SCOPE = "local"  # the other one is a swarm's
# Actions that are followed by a colon and a detail, and are found without it.
_WITH_DETAIL = ("exec_create", "exec_start", "health_status")


class Event:
    """Something that has happened."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.number: int = values[0]
        self.time: int = values[1]  # nanoseconds since 1970
        self.kind: str = values[2]  # container, image, volume
        self.action: str = values[3]
        self.actor: str = values[4]  # an id or a name
        self.attributes: dict[str, str] = jsonfile.parse(values[5])


def follow(engine: Engine, *, since: int = 0, until: int = 0, wanted: Filters = filters.NONE) -> Iterator[Event]:
    """The events between two times, in nanoseconds since 1970, as they come.

    Without `until` there is no end; without either of them it begins now.
    """
    if 0 < until < since:
        raise MinidockError(
            f"`since` time ({since // _SECOND}) cannot be after `until` time ({until // _SECOND})",
            hint="a period such as 10m is one before now",
        )
    conditions = _conditions(wanted)
    waiting = Waiting(engine.database)
    try:
        last = 0 if since or until else _newest(engine)
        while True:
            is_over = 0 < until <= time.time_ns()
            for event in _after(engine, last):
                last = event.number
                if since <= event.time and not 0 < until < event.time and all(fits(event) for fits in conditions):
                    yield event
            if is_over:
                return
            waiting.wait((until - time.time_ns()) / _SECOND if until else None)
    finally:
        waiting.close()


def _newest(engine: Engine) -> int:
    return int(engine.database.rows("SELECT coalesce(max(number), 0) FROM events")[0][0])


def _after(engine: Engine, number: int) -> list[Event]:
    sql = "SELECT number, time, kind, action, actor, attributes FROM events WHERE number > ? ORDER BY number"
    return [Event(values) for values in engine.database.rows(sql, number)]


# Filters ------------------------------------------------------------------------------------------------


def _conditions(wanted: Filters) -> list[Fits]:
    filters.check(wanted, _FILTERS)
    return [_FILTERS[name](values) for name, values in wanted.items()]


def _by_type(values: Sequence[str]) -> Fits:
    return lambda event: event.kind in values


def _by_action(values: Sequence[str]) -> Fits:
    def fits(event: Event) -> bool:
        action, _, _ = event.action.partition(":")
        return event.action in values or (action in values and action in _WITH_DETAIL)

    return fits


def _by_actor(kind: str) -> Callable[[Sequence[str]], Fits]:
    """By the beginning of an id or a name."""

    def by(values: Sequence[str]) -> Fits:
        def fits(event: Event) -> bool:
            names = (event.actor, event.attributes.get("name", ""))
            return event.kind == kind and any(name.startswith(value) for name in names for value in values)

        return fits

    return by


def _by_image(values: Sequence[str]) -> Fits:
    """Also the containers that were made from it; with its tag or without."""

    def fits(event: Event) -> bool:
        if event.kind == "image":
            names = [event.actor, event.attributes.get("name", "")]
        else:
            names = [event.attributes.get("image", "")]
        return any(name in values or _without_tag(name) in values for name in names)

    return fits


def _without_tag(name: str) -> str:
    path, colon, tag = name.partition("@")[0].rpartition(":")
    return path if colon and "/" not in tag else name


def _by_label(values: Sequence[str]) -> Fits:
    return lambda event: filters.have(event.attributes, values)


def _by_scope(values: Sequence[str]) -> Fits:
    return lambda _: _SCOPE in values


_FILTERS: dict[str, Callable[[Sequence[str]], Fits]] = {
    "container": _by_actor("container"),
    "event": _by_action,
    "image": _by_image,
    "label": _by_label,
    "network": _by_actor("network"),
    "scope": _by_scope,
    "type": _by_type,
    "volume": _by_actor("volume"),
}
