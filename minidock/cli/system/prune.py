"""minidock system prune: remove all that is not in use."""

from __future__ import annotations

from minidock.cli import complaints, human, pruned
from minidock.cli.command import Command, Flag
from minidock.cli.confirming import confirmed
from minidock.cli.listings import filters
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _prune(arguments: Arguments) -> int:
    wanted = filters(arguments)
    everything, volumes = arguments.flag("all"), arguments.flag("volumes")
    if not arguments.flag("force") and not confirmed(_warning(arguments)):
        return 0
    kinds = {"everything": everything, "volumes": volumes}
    done = Engine().prune(wanted, **kinds, moment=human.moment, failed=complaints.warn_of)
    pruned.tell("Deleted Containers:", done.containers)
    pruned.tell("Deleted Networks:", done.networks)
    pruned.tell("Deleted Volumes:", done.volumes)
    pruned.tell("Deleted Images:", [f"{what.lower()}: {which}" for what, which in done.images.records])
    pruned.tell("Deleted build cache objects:", done.builds)
    pruned.tell_total(done.reclaimed)
    return 0


def _warning(arguments: Arguments) -> str:
    goes = ["all stopped containers", "all networks not used by at least one container"]
    if arguments.flag("volumes"):
        goes.append("all anonymous volumes not used by at least one container")
    unused = "all images without at least one container associated to them"
    goes.append(unused if arguments.flag("all") else "all dangling images")
    goes.append("unused build cache")
    text = "This will remove:\n" + "".join(f"  - {line}\n" for line in goes)
    if kept := arguments.values("filter"):
        text += "\n  Items to be pruned will be filtered with:\n" + "".join(f"  - {line}\n" for line in sorted(kept))
    return text


COMMAND = Command(
    "prune",
    "[OPTIONS]",
    "Remove unused data",
    _prune,
    flags=[
        Flag("all", "Remove all unused images not just dangling ones", letter="a"),
        pruned.filter_flag("label=<key>=<value>"),
        pruned.FORCE,
        Flag("volumes", "Prune anonymous volumes"),
    ],
    most_words=0,
)
