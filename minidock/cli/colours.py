"""Colours, where a terminal is watched by a person who has not asked to be spared them. https://no-color.org"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

RED, GREEN, YELLOW, BLUE, CYAN, BOLD, FAINT = "31;1", "32", "33", "34", "36", "1", "2"


def painted(stream: TextIO, text: str, colour: str) -> str:
    """The text as it is to be written to this stream."""
    return f"\x1b[{colour}m{text}\x1b[0m" if text and _are_wanted(stream) else text


def _are_wanted(stream: TextIO) -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb":
        return False
    return stream.isatty()
