"""minidock ps: the containers there are, one a line."""

from __future__ import annotations

import sys

from minidock.cli import human, port_texts, tables
from minidock.cli.command import Command, Flag
from minidock.cli.listings import FILTER, FORMAT, ellipsis, filters, short_id
from minidock.engine.engine import Engine
from minidock.engine.looking import listing, ports
from minidock.engine.looking.origins import Origins
from minidock.runtime.arguments import VALUE
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from minidock.runtime.arguments import Arguments
    from minidock.state.containers import Row

_HEADERS = {
    "ID": "CONTAINER ID",
    "Image": "IMAGE",
    "Command": "COMMAND",
    "CreatedAt": "CREATED AT",
    "RunningFor": "CREATED",
    "Ports": "PORTS",
    "State": "STATE",
    "Status": "STATUS",
    "Names": "NAMES",
    "Size": "SIZE",
    "Labels": "LABELS",
    "Mounts": "MOUNTS",
    "LocalVolumes": "LOCAL VOLUMES",
    "Networks": "NETWORKS",
    "Platform": "PLATFORM",
}
LISTING = tables.Listing(_HEADERS, ("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"))
_WITH_SIZE = LISTING.with_columns(*LISTING.columns, "Size")
_RAW = """container_id: {{.ID}}
image: {{.Image}}
command: {{.Command}}
created_at: {{.CreatedAt}}
state: {{.State}}
status: {{.Status}}
names: {{.Names}}
labels:{{pad .Labels 1 0}}
ports:{{pad .Ports 1 0}}
"""
_LONGEST_COMMAND, _LONGEST_MOUNT = 20, 15


def _ls(arguments: Arguments) -> int:
    newest = arguments.integer("last", -1)
    if arguments.flag("latest") and newest == -1:
        newest = 1
    engine, quiet = Engine(), arguments.flag("quiet")
    rows = engine.containers(everything=arguments.flag("all"), newest=newest, filters=filters(arguments))
    lines = Lines(engine, full=arguments.flag("no-trunc"), sized=_is_sized(arguments))
    listed = _WITH_SIZE if arguments.flag("size") else LISTING
    tables.show(sys.stdout, map(lines.fields, rows), listed, _format(arguments), quiet=quiet)
    return 0


def _is_sized(arguments: Arguments) -> bool:
    """To add up what a container has written takes time: it is done on demand, or where a template shows it."""
    if arguments.given("size"):
        return arguments.flag("size")
    return arguments.value("format") != tables.JSON


def _format(arguments: Arguments) -> str:
    form, quiet = arguments.value("format"), arguments.flag("quiet")
    if form and quiet:
        sys.stderr.write("WARNING: Ignoring custom format, because both --format and --quiet are set.\n")
    if form == "raw":
        return "container_id: {{.ID}}" if quiet else _RAW + ("size: {{.Size}}\n" if arguments.flag("size") else "")
    return "" if quiet else form


class Lines:
    """From containers to what is shown of them."""

    def __init__(self, engine: Engine, *, full: bool, sized: bool) -> None:
        self._engine = engine
        self._full = full
        self._sized = sized
        self._origins = Origins(engine)
        self._familiar: dict[str, str] = {}
        self._known_ports: ports.Ports | None = None
        self._known_networks: listing.Networks | None = None

    @property
    def _ports(self) -> ports.Ports:
        self._known_ports = self._known_ports or ports.Ports(self._engine)
        return self._known_ports

    @property
    def _networks(self) -> listing.Networks:
        self._known_networks = self._known_networks or listing.Networks(self._engine)
        return self._known_networks

    def fields(self, row: Row) -> Mapping[str, str | Callable[..., Any]]:
        return {
            "ID": row.id if self._full else short_id(row.id),
            "Image": lambda: self._image(row),
            "Command": lambda: self._command(row),
            "CreatedAt": lambda: human.local_time(row.created),
            "RunningFor": lambda: human.ago(row.created),
            "Ports": lambda: port_texts.summary(self._ports.of(row)),
            "State": listing.state(row),
            "Status": lambda: status(row),
            "Names": row.name,
            "Size": lambda: self._size(row),
            "Labels": lambda: ",".join(f"{name}={value}" for name, value in sorted(self._labels(row).items())),
            "Label": lambda name: self._labels(row).get(name, ""),
            "Mounts": lambda: ",".join(self._mounts(row)),
            "LocalVolumes": lambda: str(self._count_volumes(row)),
            "Networks": lambda: ",".join(sorted(name for name, _ in self._networks.of(row))),
            "Platform": lambda: self._origins.platform(row),
        }

    def _image(self, row: Row) -> str:
        name = self._origins.name(row)
        if self._full:
            return name
        if short_id(name) == short_id(row.image_id):
            return short_id(name)
        if name not in self._familiar:
            self._familiar[name] = _familiar(name)
        return self._familiar[name]

    def _command(self, row: Row) -> str:
        command = listing.command(row)
        return _quoted(command if self._full else ellipsis(command, _LONGEST_COMMAND))

    def _size(self, row: Row) -> str:
        if not self._sized:
            return "0B"
        own, whole = self._origins.sizes(row)
        return f"{human.size(own, 3)} (virtual {human.size(whole, 3)})" if whole else human.size(own, 3)

    def _labels(self, row: Row) -> Mapping[str, str]:
        found: Mapping[str, str] = row.wishes.get("labels", {})
        return found

    def _mounts(self, row: Row) -> list[str]:
        names = [point.name or point.source for point in self._engine.options(row).mount_points]
        return names if self._full else [ellipsis(name, _LONGEST_MOUNT) for name in names]

    def _count_volumes(self, row: Row) -> int:
        return sum(point.kind == "volume" for point in self._engine.options(row).mount_points)


def status(row: Row) -> str:
    """What it is doing, and since when: `Up 5 minutes (healthy)`, `Exited (0) 4 minutes ago`."""
    state = listing.state(row)
    if state in (containers.RUNNING, containers.PAUSED):
        return f"Up {human.ago(row.started).removesuffix(' ago')}{_health(row, state)}"
    if state == containers.RESTARTING:
        return f"Restarting ({row.exit_code}) {human.ago(row.finished)}"
    if state == containers.EXITED:
        return f"Exited ({row.exit_code}) {human.ago(row.finished)}"
    return {containers.REMOVING: "Removal In Progress", containers.DEAD: "Dead"}.get(state, "Created")


def _health(row: Row, state: str) -> str:
    if state == containers.PAUSED:
        return " (Paused)"
    health = listing.health(row)
    if health == listing.NO_CHECK:
        return ""
    return " (health: starting)" if health == "starting" else f" ({health})"


def _familiar(name: str) -> str:
    """As people type it, without a digest."""
    from minidock.images import references

    named = name.partition("@")[0]
    reference = references.parse(named)
    return reference.familiar() if ":" in named.rpartition("/")[2] else reference.familiar_name


def _quoted(text: str) -> str:
    """In Go's quotes. Most texts have nothing in them that needs more."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    from minidock.cli.templates.quoting import quote

    return quote(text)


COMMAND = Command(
    "ls",
    "[OPTIONS]",
    "List containers",
    _ls,
    flags=[
        Flag("all", "Show all containers (default shows just running)", letter="a"),
        FILTER,
        FORMAT,
        Flag(
            "last",
            "Show n last created containers (includes all states) (default -1)",
            letter="n",
            takes="int",
            kind=VALUE,
        ),
        Flag("latest", "Show the latest created container (includes all states)", letter="l"),
        Flag("no-trunc", "Don't truncate output"),
        Flag("quiet", "Only display container IDs", letter="q"),
        Flag("size", "Display total file sizes", letter="s"),
    ],
    most_words=0,
)
