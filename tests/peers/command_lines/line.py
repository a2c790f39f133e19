"""One command line of the table, and the files that lie beside it."""

from __future__ import annotations

from typing import NamedTuple

FILES = {
    "plain": "plain\n",
    "tree/one": "1\n",
    "tree/below/two": "2\n",
    "env": "A=1\n# no line\n\nB=two words\nFROM_OUTSIDE\nNOWHERE\n",
    "labels": "x=1\n# no line\ny=two words\n",
}


class Line(NamedTuple):
    """One command line, and how its two answers are compared."""

    words: str
    shape: bool = False  # only the columns of its table, or the keys of its JSON
    tty: bool = False  # on a terminal, where standard error is part of what is shown
    typed: str = ""  # what is typed there
    says: str = ""  # both complain in words of their own, which hold these
    unlike: str = ""  # they differ, and this row of docs/differences.md says why
    codes: tuple[int, int] | None = None  # the exit codes where they differ: Docker's and ours
    any_order: bool = False  # of lines


Scene = tuple[str | Line, ...]
