"""minidock container prune: remove all containers that do not run."""

from __future__ import annotations

from minidock.cli import human, pruned
from minidock.cli.command import Command
from minidock.cli.confirming import confirmed
from minidock.cli.listings import filters
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _prune(arguments: Arguments) -> int:
    wanted = filters(arguments)
    if not arguments.flag("force") and not confirmed("This will remove all stopped containers."):
        return 0
    removed, reclaimed = Engine().prune_containers(wanted, moment=human.moment)
    pruned.tell("Deleted Containers:", removed)
    pruned.tell_total(reclaimed)
    return 0


COMMAND = Command(
    "prune",
    "[OPTIONS]",
    "Remove all stopped containers",
    _prune,
    flags=[pruned.filter_flag("until=<timestamp>"), pruned.FORCE],
    most_words=0,
)
