"""What the program of a container has written, read from its log, and more of it as it comes."""

from __future__ import annotations

import os

from minidock import times
from minidock.logs import reading
from minidock.state import containers, owners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from minidock.engine.engine import Engine
    from minidock.logs.form import Entry
    from minidock.state.containers import Row


class Excerpt:
    """Which lines are wanted, and with what before each."""

    def __init__(
        self,
        *,
        tail: int | None = None,
        since: int = 0,
        until: int = 0,
        follow: bool = False,
        timestamps: bool = False,
        details: bool = False,
    ) -> None:
        self.tail = tail  # how many of the last ones; None: all
        self.since = since  # nanoseconds since 1970; 0: no limit
        self.until = until
        self.follow = follow  # also what comes from now on, until the container comes to rest
        self.timestamps = timestamps
        self.details = details  # the labels and variables that the log was told to keep


def read(engine: Engine, row: Row, wanted: Excerpt) -> Iterator[tuple[str, bytes]]:
    """Pairs of `stdout` or `stderr` and what was written to it."""
    from minidock.engine.monitor.process import LOG

    driver, path = engine.options(row).log_driver, engine.place(row.id).file(LOG)
    monitor = owners.process(row.owner) if wanted.follow and row.status not in containers.AT_REST else -1
    end = monitor if monitor >= 0 else None
    since, until, tail = wanted.since, wanted.until, wanted.tail
    try:
        if wanted.timestamps or wanted.details:
            for entry in reading.read(driver, path, tail=tail, since_ns=since, until_ns=until, follow=end):
                yield entry[1], _before(wanted, entry) + entry[2]
        else:
            yield from reading.output(driver, path, tail=tail, since_ns=since, until_ns=until, follow=end)
    finally:
        if monitor >= 0:
            os.close(monitor)


def _before(wanted: Excerpt, entry: Entry) -> bytes:
    """A piece of a line too long for one entry has it as well: as in Docker, an entry is what a time belongs to."""
    time = f"{times.fixed(entry[0])} " if wanted.timestamps else ""
    return (time + (f"{_shown(entry[3])} " if wanted.details else "")).encode()


def _shown(attributes: Mapping[str, str]) -> str:
    """As in an address, so that it is one word: `env=prod,team=a+b`."""
    if not attributes:
        return ""
    from urllib.parse import quote_plus

    pairs = sorted(attributes.items())
    return ",".join(f"{quote_plus(name, safe='~')}={quote_plus(value, safe='~')}" for name, value in pairs)
