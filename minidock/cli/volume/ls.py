"""minidock volume ls: which volumes there are."""

from __future__ import annotations

import sys

from minidock.cli import human, tables
from minidock.cli.command import Command, Flag
from minidock.cli.listings import FORMAT, filters, in_order
from minidock.engine import volumes
from minidock.engine.engine import Engine
from minidock.runtime.arguments import MANY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments
    from minidock.volumes.store import Volume

_HEADERS = {
    "Availability": "AVAILABILITY",
    "Driver": "DRIVER",
    "Group": "GROUP",
    "Labels": "LABELS",
    "Links": "LINKS",
    "Mountpoint": "MOUNTPOINT",
    "Name": "VOLUME NAME",
    "Scope": "SCOPE",
    "Size": "SIZE",
    "Status": "STATUS",
}
LISTING = tables.Listing(_HEADERS, ("Driver", "Name"), identity="Name")
_UNKNOWN = "N/A"


def _ls(arguments: Arguments) -> int:
    engine = Engine()
    found = engine.volumes(filters(arguments))
    rows = [row(engine, volume) for volume in sorted(found, key=lambda volume: in_order(volume.name))]
    tables.show(sys.stdout, rows, LISTING, arguments.value("format"), quiet=arguments.flag("quiet"))
    return 0


def row(engine: Engine, volume: Volume) -> tables.Row:
    """A volume as a listing shows it."""
    return {
        **dict.fromkeys(("Availability", "Group", "Status"), _UNKNOWN),
        "Driver": "local",
        "Label": lambda name: volume.labels.get(name, ""),
        "Labels": ",".join(sorted(f"{key}={value}" for key, value in volume.labels.items())),
        "Links": lambda: str(len(volumes.users(engine, volume))),
        "Mountpoint": volumes.mountpoint(engine, volume),
        "Name": volume.name,
        "Scope": "local",
        "Size": lambda: _size(engine, volume),
    }


def _size(engine: Engine, volume: Volume) -> str:
    size = volumes.size(engine, volume)
    return _UNKNOWN if size < 0 else human.size(size)


COMMAND = Command(
    "ls",
    "[OPTIONS]",
    "List volumes",
    _ls,
    flags=[
        Flag("filter", 'Provide filter values (e.g. "dangling=true")', letter="f", takes="filter", kind=MANY),
        FORMAT,
        Flag("quiet", "Only display volume names", letter="q"),
    ],
    most_words=0,
)
