"""Images on their way, as people see them: a bar for each layer on a terminal, a line for each step elsewhere.

    8f94f6bbbd6f: Downloading [==========>                                        ]  1.05MB/5.24MB

A terminal has as many lines as there are layers; each is drawn over itself, at most ten times a second. What is written
is Docker's, so that whoever reads it by a program can read it here.
"""

from __future__ import annotations

import os
import threading
import time

from minidock.cli.drawing import screen_width
from minidock.images.registry.telling import COMPRESSING, DOWNLOADING, EXTRACTING, PUSHING, Listener

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

_MOVING = (DOWNLOADING, EXTRACTING, COMPRESSING, PUSHING)
_BETWEEN = 0.1
_BAR = 50


def listener(output: TextIO, *, quiet: bool = False) -> Listener:
    """What suits where the output goes."""
    if quiet:
        return Listener()
    is_terminal = output.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return Bars(output) if is_terminal else Lines(output)


class Lines(Listener):
    """A line for each step of each layer."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._last: dict[str, str] = {}
        self._lock = threading.Lock()

    def line(self, text: str) -> None:
        with self._lock:
            self._write(f"{text}\n")

    def layer(self, short: str, status: str, done: int = 0, size: int = 0) -> None:  # noqa: ARG002
        with self._lock:
            if status not in _MOVING and self._last.get(short) != status:
                self._last[short] = status
                self._write(f"{short}: {status}\n")

    def _write(self, text: str) -> None:
        self._output.write(text)
        self._output.flush()


class Bars(Listener):
    """A line of the terminal for each layer."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._rows: list[str] = []  # layers, from the top
        self._drawn: dict[str, float] = {}  # when each was drawn last
        self._status: dict[str, str] = {}
        self._lock = threading.Lock()

    def line(self, text: str) -> None:
        with self._lock:
            self._rows.clear()  # what comes from now on is below this
            self._output.write(f"{text}\n")
            self._output.flush()

    def layer(self, short: str, status: str, done: int = 0, size: int = 0) -> None:
        now = time.monotonic()
        with self._lock:
            is_same = self._status.get(short) == status and short in self._rows
            if is_same and (status not in _MOVING or now < self._drawn[short] + _BETWEEN):
                return
            self._status[short], self._drawn[short] = status, now
            self._draw(short, f"{short}: {status}{_bar(done, size) if status in _MOVING else ''}")

    def _draw(self, short: str, text: str) -> None:
        if short not in self._rows:
            self._rows.append(short)
            self._output.write("\n")
        up = len(self._rows) - self._rows.index(short)
        self._output.write(f"\x1b[{up}A\r\x1b[2K{text[: screen_width(self._output) - 1]}\x1b[{up}B\r")
        self._output.flush()


def _bar(done: int, size: int) -> str:
    from minidock.cli import human

    if not size:
        return f" {human.size(done)}"
    full = min(_BAR * done // size, _BAR)
    bar = ("=" * full + ">" if full < _BAR else "=" * _BAR).ljust(_BAR)[:_BAR]
    return f" [{bar}]  {human.size(done)}/{human.size(size)}"
