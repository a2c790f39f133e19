"""minidock network ls: which networks there are."""

from __future__ import annotations

import sys

from minidock.cli import human, tables
from minidock.cli.command import Command, Flag
from minidock.cli.listings import FORMAT, filters, in_order, short_id
from minidock.engine.engine import Engine
from minidock.runtime.arguments import MANY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.networks.catalog import Network
    from minidock.runtime.arguments import Arguments

_HEADERS = {
    "CreatedAt": "CREATED AT",
    "Driver": "DRIVER",
    "ID": "NETWORK ID",
    "IPv4": "IPV4",
    "IPv6": "IPV6",
    "Internal": "INTERNAL",
    "Labels": "LABELS",
    "Name": "NAME",
    "Scope": "SCOPE",
}
LISTING = tables.Listing(_HEADERS, ("ID", "Name", "Driver", "Scope"))
_RAW = "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}"
_RAW_QUIET = "network_id: {{.ID}}"


def _ls(arguments: Arguments) -> int:
    found = Engine().networks(filters(arguments))
    full, quiet = arguments.flag("no-trunc"), arguments.flag("quiet")
    rows = [row(network, full=full) for network in sorted(found, key=lambda network: in_order(network.name))]
    form = arguments.value("format")
    if form == "raw":
        form = _RAW_QUIET if quiet else _RAW
    tables.show(sys.stdout, rows, LISTING, form, quiet=quiet)
    return 0


def row(network: Network, *, full: bool = False) -> tables.Row:
    """A network as a listing shows it."""
    return {
        "CreatedAt": lambda: human.local_moment(network.created),
        "Driver": network.driver,
        "ID": network.id if full else short_id(network.id),
        "IPv4": _truth(network.driver not in ("host", "null")),
        "IPv6": _truth(network.ipv6),
        "Internal": _truth(network.internal),
        "Label": lambda name: network.labels.get(name, ""),
        "Labels": ",".join(sorted(f"{key}={value}" for key, value in network.labels.items())),
        "Name": network.name,
        "Scope": network.scope,
    }


def _truth(value: bool) -> str:
    return "true" if value else "false"


COMMAND = Command(
    "ls",
    "[OPTIONS]",
    "List networks",
    _ls,
    flags=[
        Flag("filter", 'Provide filter values (e.g. "driver=bridge")', letter="f", takes="filter", kind=MANY),
        FORMAT,
        Flag("no-trunc", "Do not truncate the output"),
        Flag("quiet", "Only display network IDs", letter="q"),
    ],
    most_words=0,
)
