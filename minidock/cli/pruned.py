"""What the `prune` commands have in common: flags, the question, and what they tell in the end."""

from __future__ import annotations

import sys

from minidock.cli import human
from minidock.cli.command import Flag
from minidock.runtime.arguments import MANY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

FORCE = Flag("force", "Do not prompt for confirmation", letter="f")


def filter_flag(example: str) -> Flag:
    return Flag("filter", f'Provide filter values (e.g. "{example}")', takes="filter", kind=MANY)


def tell(title: str, lines: Sequence[str]) -> None:
    """What went, if anything did."""
    if lines:
        sys.stdout.write("".join(f"{line}\n" for line in (title, *lines, "")))


def tell_total(reclaimed: int) -> None:
    sys.stdout.write(f"Total reclaimed space: {human.size(reclaimed)}\n")
