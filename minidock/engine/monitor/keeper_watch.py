"""An eye on the network keeper, which has the DNS server inside a container: while the container runs, there is one.

The keeper may be killed like any process. The monitor of each container with names keeps a connection to it, and sees
by its end that the keeper has ended. Then it connects again, which begins another keeper if nobody has yet, and asks
it to be the server in this container. So nobody has to remember which containers there are: each speaks for itself.
"""

from __future__ import annotations

import os
import time

from minidock import jsonfile
from minidock.engine.life import attachments
from minidock.errors import MinidockError
from minidock.kernel import namespaces
from minidock.kernel.watching import READ
from minidock.steps.annotations import NETWORK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.engine.monitor.process import Monitor
    from minidock.jsonfile import Json
    from minidock.kernel.watching import Watched
    from minidock.steps.keeper import Keeper

_SETTLED = 1.0  # seconds of life, before which a start and its own step have seen to it
_STEP = "network.names"  # which may have been left out on purpose
_AGAIN = 5.0  # seconds after which to try again what has failed


class KeeperWatch:
    """What one monitor has to do with the keeper."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._line: Keeper | None = None
        self._due: float | None = monitor.began + _SETTLED  # when to look; None: there is no need

    @classmethod
    def of(cls, monitor: Monitor) -> KeeperWatch | None:
        """None for a container that is in no network, and cannot come into one."""
        wanted = attachments.concern(monitor.options) and _STEP not in monitor.options.without
        return cls(monitor) if wanted else None

    def look(self) -> float | None:
        """See to it, if it is time; the seconds until the next time."""
        if self._due is None:
            return None
        if time.monotonic() >= self._due:
            self._due = None
            self._see_to_it()
        return None if self._due is None else max(0.0, self._due - time.monotonic())

    def look_again(self) -> None:
        """Its networks may be others than before."""
        self._due = time.monotonic()

    def watched(self) -> Iterator[Watched]:
        if self._line:
            yield self._line.fileno(), READ, self._lost

    def stop(self) -> None:
        if self._line:
            self._line.close()
            self._line = None

    def _lost(self) -> None:
        """The keeper never says anything unasked: this is its end."""
        self.stop()
        self.look_again()

    def _see_to_it(self) -> None:
        try:
            told = self._told()
            if told is None or not told["names"]:
                self.stop()
                return
            self._ask(told)
        except (MinidockError, OSError):  # the container may be ending; if not, another time
            self.stop()
            self._due = time.monotonic() + _AGAIN

    def _told(self) -> Json | None:
        """What is written down of its networks."""
        text = jsonfile.read(self._monitor.place.file("config.json"))["annotations"].get(NETWORK)
        return jsonfile.parse(text) if text else None

    def _ask(self, told: Json) -> None:
        from minidock.steps.keeper import Keeper

        self._line = self._line or Keeper(told["root"], told["run"], told["table"])
        namespace = os.open(namespaces.file_of(self._monitor.pid, "network"), os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._line.ask("names", namespace, pid=self._monitor.pid, container=self._monitor.row.id)
        finally:
            os.close(namespace)
