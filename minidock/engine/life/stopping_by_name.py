"""Stopping a container by asking its monitor, which writes the wish down itself: so the command needs no database."""

from __future__ import annotations

from minidock.engine.life import asking, wire
from minidock.kernel.watching import READ, wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

    from minidock.engine.engine import Engine


_SOON = 2.0  # seconds, in which a monitor answers: it does nothing that takes long


def stop(engine: Engine, word: str, *, timeout: int | None, signal: str) -> bool:
    """Whether it rests now. If not, whoever was asked was not the right one, or has ended; the state says more."""
    line = asking.by_word(engine.run_root, word)
    if line is None:
        return False
    try:
        asking.ask(line, {"word": word, "sure": False, "stop": signal})
        begun = wire.receive(line)[0] if _speaks(line, _SOON) else b""
        if begun[:1] != wire.STARTED:
            return False
        seconds = int(begun[1:]) if timeout is None else timeout
        if not _speaks(line, None if seconds < 0 else float(seconds)):
            from minidock.engine.life import stopping

            stopping.end_at_last(engine, engine.find(word))
        return wire.receive(line)[0] == wire.ENDED
    finally:
        line.close()


def _speaks(line: _socket.socket, seconds: float | None) -> bool:
    return wait([(line.fileno(), READ, lambda: None)], seconds)
