"""minidock image prune: remove images that nobody needs."""

from __future__ import annotations

import sys

from minidock.cli import human
from minidock.cli.command import Command, Flag
from minidock.cli.confirming import confirmed
from minidock.cli.listings import filters
from minidock.engine.engine import Engine
from minidock.runtime.arguments import MANY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _prune(arguments: Arguments) -> int:
    wanted, everything = filters(arguments), arguments.flag("all")
    which = "images without at least one container associated to them" if everything else "dangling images"
    if not arguments.flag("force") and not confirmed(f"This will remove all {which}."):
        return 0
    done = Engine().prune_images(everything=everything, filters=wanted, moment=human.moment)
    if done.records:
        lines = [f"{what.lower()}: {name}" for what, name in done.records]
        sys.stdout.write("".join(f"{line}\n" for line in ("Deleted Images:", *lines, "")))
    sys.stdout.write(f"Total reclaimed space: {human.size(done.reclaimed)}\n")
    return 0


COMMAND = Command(
    "prune",
    "[OPTIONS]",
    "Remove unused images",
    _prune,
    flags=[
        Flag("all", "Remove all unused images, not just dangling ones", letter="a"),
        Flag("filter", 'Provide filter values (e.g. "until=<timestamp>")', takes="filter", kind=MANY),
        Flag("force", "Do not prompt for confirmation", letter="f"),
    ],
    most_words=0,
)
