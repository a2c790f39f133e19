"""Who asks a container's monitor for something (engine/life/asking.py): to execute a program, or to stop.

As long as the program runs there is a link of the container's name to where the monitor listens.
"""

from __future__ import annotations

import _socket
import os

from minidock import jsonfile
from minidock.engine.life import asking, by_name, wire
from minidock.engine.monitor import bearers
from minidock.kernel.watching import READ, wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from minidock.engine.monitor.process import Monitor
    from minidock.jsonfile import Json
    from minidock.kernel.watching import Watched

# What it takes to do what is asked: loaded by a monitor that has time.
NEEDED = (*bearers.NEEDED, "minidock.engine.life.stopping")
_STREAMS = 3
_MOST_WAITING = 64


class Asked:
    """The address, and all who have come to it."""

    def __init__(self, monitor: Monitor) -> None:
        self.bearers = bearers.Bearers(monitor)
        self._monitor = monitor
        self._listener: _socket.socket | None = None
        self._name = ""  # under which this container is found
        self._lines: list[_socket.socket] = []  # over which nothing was asked yet
        self._stopping: list[_socket.socket] = []  # of those who wait for the end that they have asked for

    def listen(self, directory: str) -> None:
        self._listener = wire.listening(directory, asking.SOCKET, _MOST_WAITING)
        self.be_called(self._monitor.row.name)

    def be_called(self, name: str) -> None:
        """It may have another name than before."""
        if self._listener and name != self._name:
            self._forget_name()
            by_name.note(self._monitor.engine.run_root, name, self._monitor.row.id)
            self._name = name

    def stop_listening(self) -> None:
        self._forget_name()
        for line in self._lines:
            line.close()
        self._lines.clear()
        if self._listener:
            self._listener.close()
            self._listener = None

    def dismiss(self) -> None:
        """The end is written down."""
        for line in self._stopping:
            wire.tell(line, wire.ENDED)
            line.close()
        self._stopping.clear()

    def _forget_name(self) -> None:
        if self._name:
            by_name.forget(self._monitor.engine.run_root, self._name, self._monitor.row.id)
            self._name = ""

    def watched(self) -> Iterator[Watched]:
        if self._listener:
            yield self._listener.fileno(), READ, self._accept
        for line in self._lines:
            yield line.fileno(), READ, lambda line=line: self._hear(line)  # type: ignore[misc]
        yield from self.bearers.watched()

    def _accept(self) -> None:
        """What was asked is here by now, most often."""
        if self._listener and (line := wire.accepted(self._listener)):
            self._lines.append(line)
            if wait([(line.fileno(), READ, lambda: None)], 0):
                self._hear(line)

    def _hear(self, line: _socket.socket) -> None:
        """One request over each line. Only root can speak here; but even root can be mistaken."""
        self._lines.remove(line)
        data, descriptors = wire.receive(line)
        try:
            if data and not self._answer(line, jsonfile.parse(data.decode()), descriptors):
                wire.tell(line, asking.MISTAKEN)
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
        ):  # gone, or not to be understood
            pass
        finally:
            for fd in descriptors:
                os.close(fd)
            if line not in self._stopping:
                line.close()

    def _answer(self, line: _socket.socket, asked: Json, descriptors: Sequence[int]) -> bool:
        """Whether it is done, or begun, by the right one."""
        if not self._is_meant(asked):
            return False
        if asked.get("stop") is not None:
            return self._stop(line, str(asked["stop"]))
        if len(descriptors) > _STREAMS:
            self.bearers.fork(line, descriptors, sure=bool(asked["sure"]))
            return True
        return False

    def _is_meant(self, asked: Json) -> bool:
        row = self._monitor.row
        return bool(asked["sure"]) or asked["word"].removeprefix("/") in (row.name, row.id)

    def _stop(self, line: _socket.socket, signal: str) -> bool:
        from minidock.engine.life import stopping
        from minidock.errors import MinidockError

        try:
            seconds = stopping.begin(self._monitor.engine, self._monitor.row, signal=signal)
        except MinidockError:  # the command finds out why, too
            return False
        self._stopping.append(line)
        wire.tell(line, wire.STARTED + b"%d" % seconds)
        return True

    # Handed over to the same process, begun afresh ----------------------------------------------------

    @property
    def descriptors(self) -> list[int]:
        return [self._listener.fileno()] if self._listener else []

    def told(self) -> Json | None:
        """None while somebody is about to ask, or waits."""
        if self._lines or self._stopping:
            return None
        return {"listener": self.descriptors, "name": self._name, "children": self.bearers.told()}

    def restore(self, told: Json) -> None:
        for fd in told["listener"]:
            os.set_inheritable(fd, False)
            self._listener = _socket.socket(fileno=fd)
        self._name = told["name"]
        self.bearers.restore(told["children"])
