"""A container that somebody runs himself, without a monitor, to see what it leaves behind: a step of a build.

It has a row in the state like any other, owned by this process. If that is killed, whoever looks at the row next
ends what runs, and removes it, as with --rm.
"""

from __future__ import annotations

import os
import time

from minidock.engine.life import attachments, creating, removing
from minidock.engine.monitor import notes
from minidock.engine.monitor.streams import Streams
from minidock.kernel import processes
from minidock.kernel.watching import READ, wait
from minidock.runtime import deleting, making

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from minidock.engine.engine import Engine
    from minidock.engine.options import Options
    from minidock.images.image import Image
    from minidock.runtime.container import Container
    from minidock.state.containers import Row

    Says = Callable[[bytes], object]

_LAST_WORDS = 2.0  # seconds for what was written before the end, if others still hold the pipe


def run(engine: Engine, image: Image, options: Options, says: Says, take: Callable[[str], object]) -> int:
    """Run it to its end; its exit code. `take` may have its upper directory, once nothing runs any more."""
    row = creating.passing(engine, image, options)
    try:
        _connect(engine, row, options)
        code = _run(engine, row, says)
        take(engine.place(row.id).file("upper"))
        return code
    finally:
        removing.finish(engine, row, volumes=True)


def _connect(engine: Engine, row: Row, options: Options) -> None:
    """Its addresses, and what the steps need to know of them."""
    claimed = attachments.ask_for_addresses(engine, row, options)
    with engine.database.change() as change:
        given = attachments.give_out(change, row, options, claimed)
    attachments.configure(engine, row, options, given)


def _run(engine: Engine, row: Row, says: Says) -> int:
    streams = Streams(lambda _, data: says(data), terminal=False, interactive=False)
    streams.lend()
    try:
        container = making.create(engine.run_root, row.id, engine.place(row.id).path)
    finally:
        streams.take_back()
    try:
        making.start(container)
        notes.start(engine, row, container.record.pid)
        return _stay(container, streams)
    finally:
        deleting.delete(container, force=True)
        _drain(streams)
        streams.close()


def _stay(container: Container, streams: Streams) -> int:
    pidfd = os.pidfd_open(container.record.pid)
    ended: list[bool] = []
    try:
        while not ended:
            wait([(pidfd, READ, lambda: ended.append(True)), *streams.watched_outputs()], None)
    finally:
        os.close(pidfd)
    return processes.wait(container.record.pid)


def _drain(streams: Streams) -> None:
    deadline = time.monotonic() + _LAST_WORDS
    while not streams.is_drained and time.monotonic() < deadline:
        wait([*streams.watched_outputs()], deadline - time.monotonic())
