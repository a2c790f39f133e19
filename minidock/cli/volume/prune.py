"""minidock volume prune: remove the volumes that no container has."""

from __future__ import annotations

from minidock.cli import pruned
from minidock.cli.command import Command, Flag
from minidock.cli.confirming import confirmed
from minidock.cli.listings import filters
from minidock.engine.engine import Engine
from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _prune(arguments: Arguments) -> int:
    wanted = filters(arguments)
    if arguments.flag("all"):
        if "all" in wanted:
            raise MinidockError("conflicting options: cannot specify both --all and --filter all=1")
        wanted["all"] = ["true"]
    which = "all" if "all" in wanted else "anonymous"
    warning = f"This will remove {which} local volumes not used by at least one container."
    if not arguments.flag("force") and not confirmed(warning):
        return 0
    names, freed = Engine().prune_volumes(wanted)
    pruned.tell("Deleted Volumes:", names)
    pruned.tell_total(freed)
    return 0


COMMAND = Command(
    "prune",
    "[OPTIONS]",
    "Remove unused local volumes",
    _prune,
    flags=[
        Flag("all", "Remove all unused volumes, not just anonymous ones", letter="a"),
        pruned.filter_flag("label=<label>"),
        pruned.FORCE,
    ],
    most_words=0,
)
