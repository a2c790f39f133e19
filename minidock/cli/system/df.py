"""minidock system df: what takes how much of the disk."""

from __future__ import annotations

import sys

from minidock.cli import human, tables
from minidock.cli.command import Command, Flag
from minidock.cli.container import ls as containers
from minidock.cli.image import ls as images
from minidock.cli.listings import FORMAT
from minidock.cli.volume import ls as volumes
from minidock.engine.engine import Engine
from minidock.engine.images import listing as image_listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.looking.disk_usage import DiskUsage, Sum
    from minidock.images.catalog import Listed
    from minidock.runtime.arguments import Arguments

_HEADERS = {
    "Type": "TYPE",
    "TotalCount": "TOTAL",
    "Active": "ACTIVE",
    "Size": "SIZE",
    "Reclaimable": "RECLAIMABLE",
}
_LISTING = tables.Listing(_HEADERS, tuple(_HEADERS))
_IMAGES = images.LISTING.with_columns(
    "Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers"
)
_CONTAINERS = containers.LISTING.with_columns(
    "ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names"
)
_BUILD_HEADERS = {
    "ID": "CACHE ID",
    "CacheType": "CACHE TYPE",
    "Size": "SIZE",
    "CreatedSince": "CREATED",
    "LastUsedSince": "LAST USED",
    "UsageCount": "USAGE",
    "Shared": "SHARED",
}
_BUILDS = tables.Listing(_BUILD_HEADERS, tuple(_BUILD_HEADERS))
_VOLUMES = volumes.LISTING.with_columns("Name", "Links", "Size")


def _df(arguments: Arguments) -> int:
    engine, form = Engine(), arguments.value("format")
    usage = engine.disk_usage()
    if not arguments.flag("verbose"):
        tables.show(sys.stdout, map(_row, usage.sums()), _LISTING, form)
    elif form in ("", tables.TABLE):
        _show_tables(engine, usage)
    else:
        _show_document(engine, usage, form)
    return 0


def _row(kind: Sum) -> tables.Row:
    share = f" ({kind.share}%)" if kind.size else ""
    return {
        "Type": kind.name,
        "TotalCount": str(kind.total),
        "Active": str(kind.active),
        "Size": human.size(kind.size),
        "Reclaimable": f"{human.size(kind.reclaimable)}{share}",
    }


# In detail ------------------------------------------------------------------------------------------------


def _show_tables(engine: Engine, usage: DiskUsage) -> None:
    sys.stdout.write("Images space usage:\n\n")
    tables.show(sys.stdout, _images(usage), _IMAGES)
    sys.stdout.write("\nContainers space usage:\n\n")
    tables.show(sys.stdout, _containers(engine, usage), _CONTAINERS)
    sys.stdout.write("\nLocal Volumes space usage:\n\n")
    tables.show(sys.stdout, _volumes(engine, usage), _VOLUMES)
    size = next(kind.size for kind in usage.sums() if kind.name == "Build Cache")
    sys.stdout.write(f"\nBuild cache usage: {human.size(size)}\n\n")
    tables.show(sys.stdout, _builds(usage), _BUILDS)


def _show_document(engine: Engine, usage: DiskUsage, form: str) -> None:
    """All tables as one object, for templates and as JSON."""
    from minidock.cli.templates import values

    kinds = (
        ("Images", _images(usage, full=True), images.LISTING),
        ("Containers", _containers(engine, usage, full=True), containers.LISTING),
        ("Volumes", _volumes(engine, usage), volumes.LISTING),
    )
    rows = {name: [values.Row(row, [*listing.headers]) for row in found] for name, found, listing in kinds}
    tables.show(sys.stdout, [values.Record(rows)], _LISTING, form)


def _images(usage: DiskUsage, *, full: bool = False) -> list[tables.Row]:
    lines = image_listing.lines(usage.images.everyone, {}, digests=False)
    return [{**images.row(usage.images, line, full=full), **_shares(usage, line.image)} for line in lines]


def _shares(usage: DiskUsage, image: Listed) -> tables.Row:
    """In a summary, to the fourth digit."""
    size, shared = usage.images.size(image), usage.images.shared_size(image)
    shares = {"SharedSize": shared, "UniqueSize": size - shared, "VirtualSize": size}
    return {name: human.size(count) for name, count in shares.items()}


def _containers(engine: Engine, usage: DiskUsage, *, full: bool = False) -> list[tables.Row]:
    lines = containers.Lines(engine, full=full, sized=False)
    return [{**lines.fields(row), "Size": human.size(size, 3)} for row, size in usage.containers]


def _builds(usage: DiskUsage) -> list[tables.Row]:
    return [
        {
            "ID": step.key[:12],
            "CacheType": "regular",
            "Size": human.size(step.size),
            "CreatedSince": human.ago(step.created),
            "LastUsedSince": human.ago(step.used),
            "UsageCount": "1",
            "Shared": "false",
        }
        for step in usage.builds
    ]


def _volumes(engine: Engine, usage: DiskUsage) -> list[tables.Row]:
    return [
        {
            **volumes.row(engine, volume),
            "Links": str(users),
            "Size": "N/A" if size < 0 else human.size(size),
        }
        for volume, size, users in usage.volumes
    ]


COMMAND = Command(
    "df",
    "[OPTIONS]",
    "Show minidock disk usage",
    _df,
    flags=[FORMAT, Flag("verbose", "Show detailed information on space usage", letter="v")],
    most_words=0,
)
