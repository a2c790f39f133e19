"""minidock builder prune: forget what was built."""

from __future__ import annotations

from minidock import durations
from minidock.cli import pruned
from minidock.cli.command import Command, Flag
from minidock.cli.confirming import confirmed
from minidock.engine.engine import Engine
from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _prune(arguments: Arguments) -> int:
    everything = arguments.flag("all")
    what = "all build cache" if everything else "all dangling build cache"
    if not arguments.flag("force") and not confirmed(f"This will remove {what}."):
        return 0
    gone, freed = Engine().prune_builds(everything=everything, unused_for=_age(arguments.values("filter")))
    pruned.tell("Deleted build cache objects:", gone)
    pruned.tell_total(freed)
    return 0


def _age(filters: list[str]) -> int:
    for text in filters:
        name, _, value = text.partition("=")
        if name not in ("until", "unused-for"):
            raise MinidockError(f"invalid filter '{name}'", hint="--filter until=24h leaves what was used since")
        try:
            return durations.nanoseconds(value)
        except ValueError as error:
            raise MinidockError(str(error)) from None
    return 0


COMMAND = Command(
    "prune",
    "[OPTIONS]",
    "Remove build cache",
    _prune,
    flags=[
        Flag("all", "Remove all unused build cache, not just dangling ones", letter="a"),
        pruned.filter_flag("until=24h"),
        pruned.FORCE,
    ],
    most_words=0,
)
