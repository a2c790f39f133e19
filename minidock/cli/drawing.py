"""Pictures made of text: branches on a line, labels beside what there is to say, lines that are full and no longer."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TextIO

WIDTH = 100
LABEL = 20  # the column of names, before what there is to say of them
INDENT = 8  # of what hangs on a branch of a branch
DOT = " · "
_WITHOUT_SCREEN = 80


def screen_width(terminal: TextIO | int) -> int:
    """How many letters a line has there."""
    try:
        descriptor = terminal if isinstance(terminal, int) else terminal.fileno()
        return os.get_terminal_size(descriptor).columns or _WITHOUT_SCREEN
    except (OSError, ValueError):  # no terminal, nor perhaps a file
        return _WITHOUT_SCREEN


def tree(branches: Sequence[Sequence[str]]) -> list[str]:
    """Each branch hangs on a line that ends with the last."""
    lines = []
    for number, branch in enumerate(branches, 1):
        is_last = number == len(branches)
        lines.append(f"{'└' if is_last else '├'}── {branch[0]}")
        lines += [f"{' ' if is_last else '│'}   {line}".rstrip() for line in branch[1:]]
        lines += [] if is_last else ["│"]
    return lines


def labelled(
    label: str, paragraphs: Iterable[Sequence[str]], width: int = WIDTH - INDENT, column: int = LABEL
) -> list[str]:
    """A name, and beside it what there is to say, each paragraph on a line of its own, or more than one."""
    column = max(column, len(label) + 2)
    lines = [line for pieces in paragraphs if pieces for line in wrapped(pieces, width - column)]
    return [f"{'' if number else label:{column}}{line}" for number, line in enumerate(lines or [""])]


def wrapped(pieces: Sequence[str], width: int) -> list[str]:
    """Pieces with dots between them; where the line is full, a new one. What is longer than a line is cut."""
    lines: list[str] = []
    for piece in (text[at : at + width] for text in pieces for at in range(0, len(text), width)):
        if lines and len(lines[-1]) + len(DOT) + len(piece) <= width:
            lines[-1] += DOT + piece
        else:
            lines.append(piece)
    return lines
