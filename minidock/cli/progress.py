"""Progress on a terminal: one line that comes after a second, is drawn over itself, and goes when the work is done."""

from __future__ import annotations

import os
import sys
import time

from minidock import progress
from minidock.cli.drawing import screen_width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from minidock.progress import Work

_PATIENCE = 1.0  # what is done sooner needs no explanation
_BETWEEN = 0.1
_ERASE = "\r\x1b[K"  # to the beginning of the line, and clear the rest of it


def watch() -> None:
    """Show from now on what takes long, where there is a terminal to show it on."""
    if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        progress.watcher = Line(sys.stderr.fileno()).show


class Line:
    """The one line; `show` is a watcher."""

    def __init__(self, terminal: int, now: Callable[[], float] = time.monotonic) -> None:
        self._terminal = terminal
        self._now = now
        self._next = 0.0  # when it is drawn next; 0: there was no work yet
        self._is_drawn = False

    def show(self, work: Work) -> None:
        self._next = self._next or self._now() + _PATIENCE
        if work.is_over:
            if self._is_drawn:
                self._write(_ERASE)
                self._is_drawn = False
        elif self._now() >= self._next:
            self._next = self._now() + _BETWEEN
            self._write(_ERASE + _told(work)[: screen_width(self._terminal) - 1])
            self._is_drawn = True

    def _write(self, text: str) -> None:
        try:
            os.write(self._terminal, text.encode(errors="backslashreplace"))
        except OSError:  # the terminal is gone; the work goes on
            pass


def _told(work: Work) -> str:
    """`Unpacking layer 0123456789ab: 12.3MB of 40MB`"""
    from minidock.cli import human

    of_all = f" of {human.size(work.size)}" if work.size >= work.done > 0 else ""
    return f"{work.what}: {human.size(work.done)}{of_all}"
