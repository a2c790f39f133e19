"""minidock network prune: remove the networks that no container is in."""

from __future__ import annotations

from minidock.cli import complaints, human, pruned
from minidock.cli.command import Command
from minidock.cli.confirming import confirmed
from minidock.cli.listings import filters
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments

_WARNING = "This will remove all custom networks not used by at least one container."


def _prune(arguments: Arguments) -> int:
    wanted = filters(arguments)
    if not arguments.flag("force") and not confirmed(_WARNING):
        return 0
    networks = Engine().prune_networks(wanted, moment=human.moment, failed=complaints.warn_of)
    pruned.tell("Deleted Networks:", networks)
    return 0


COMMAND = Command(
    "prune",
    "[OPTIONS]",
    "Remove all unused networks",
    _prune,
    flags=[pruned.filter_flag("until=<timestamp>"), pruned.FORCE],
    most_words=0,
)
