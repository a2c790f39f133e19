"""A client's line to a monitor: nothing that a monitor has said is lost, whatever the client said meanwhile."""

from __future__ import annotations

import socket

from minidock.engine.life import wire
from minidock.engine.life.attaching import Line


def test_the_last_words_of_a_monitor_arrive_though_it_ended_without_reading_ours() -> None:
    monitor, client = socket.socketpair(socket.AF_UNIX, wire.KIND, 0)
    line = Line(client, "/nowhere", "ID")
    monitor.send(wire.OUTPUT + b"done")
    monitor.send(wire.ENDED + b'{"code": 3}')
    line.resize(33, 77)
    monitor.close()
    assert line.receive() == (wire.OUTPUT, b"done")
    assert line.wait() == 3
    assert line.receive() == (b"", b"")
    line.close()
