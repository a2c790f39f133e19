"""minidock stats: how much of the host containers use, looked at again each second."""

from __future__ import annotations

import io
import os
import sys

from minidock.cli import human, tables
from minidock.cli.command import Command, Flag
from minidock.cli.listings import FORMAT, short_id
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from minidock.engine.looking.measuring import Usage
    from minidock.runtime.arguments import Arguments

_HEADERS = {
    "ID": "CONTAINER ID",
    "Name": "NAME",
    "CPUPerc": "CPU %",
    "MemUsage": "MEM USAGE / LIMIT",
    "MemPerc": "MEM %",
    "NetIO": "NET I/O",
    "BlockIO": "BLOCK I/O",
    "PIDs": "PIDS",
    "Container": "CONTAINER",
}
_LISTING = tables.Listing(_HEADERS, ("ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"))
# console_codes(4)
_CLEAR, _TO_THE_TOP, _FORGET_LINE, _FORGET_BELOW = "\x1b[2J", "\x1b[H", "\x1b[K", "\x1b[J"


def _stats(arguments: Arguments) -> int:
    once, full = arguments.flag("no-stream"), arguments.flag("no-trunc")
    on_screen = not once and os.isatty(1)
    if on_screen:
        sys.stdout.write(_CLEAR)
    for usages in Engine().watch(arguments.words, everything=arguments.flag("all")):
        text = _text([_fields(usage, full) for usage in usages], arguments.value("format"))
        sys.stdout.write(_drawn(text) if on_screen else text)
        sys.stdout.flush()
        if once:
            break
    return 0


def _text(rows: Sequence[tables.Row], form: str) -> str:
    page = io.StringIO()
    tables.show(page, rows, _LISTING, form)
    return page.getvalue()


def _drawn(text: str) -> str:
    """Over what was there before. To clear the screen each time would make it flicker."""
    return _TO_THE_TOP + text.replace("\n", f"{_FORGET_LINE}\n") + _FORGET_BELOW


def _fields(usage: Usage, full: bool) -> Mapping[str, str]:
    return {
        "ID": usage.row.id if full else short_id(usage.row.id),
        "Name": usage.row.name,
        "CPUPerc": f"{usage.cpu:.2f}%",
        "MemUsage": f"{human.memory(usage.memory)} / {human.memory(usage.memory_limit)}",
        "MemPerc": f"{usage.memory_share:.2f}%",
        "NetIO": f"{human.size(usage.received, 3)} / {human.size(usage.sent, 3)}",
        "BlockIO": f"{human.size(usage.read, 3)} / {human.size(usage.written, 3)}",
        "PIDs": str(usage.processes),
        "Container": usage.word,
    }


COMMAND = Command(
    "stats",
    "[OPTIONS] [CONTAINER...]",
    "Display a live stream of container(s) resource usage statistics",
    _stats,
    flags=[
        Flag("all", "Show all containers (default shows just running)", letter="a"),
        FORMAT,
        Flag("no-stream", "Disable streaming stats and only pull the first result"),
        Flag("no-trunc", "Do not truncate output"),
    ],
)
