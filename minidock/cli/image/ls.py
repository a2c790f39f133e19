"""minidock images: which images there are."""

from __future__ import annotations

import sys

from minidock.cli import human, tables
from minidock.cli.command import Command, Flag
from minidock.cli.listings import FILTER, FORMAT, filters, short_id
from minidock.engine.engine import Engine
from minidock.engine.images import listing as image_listing
from minidock.engine.images.listing import Images, Line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments

_HEADERS = {
    "ID": "IMAGE ID",
    "Repository": "REPOSITORY",
    "Tag": "TAG",
    "Digest": "DIGEST",
    "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT",
    "Size": "SIZE",
    "Containers": "CONTAINERS",
    "VirtualSize": "SIZE",
    "SharedSize": "SHARED SIZE",
    "UniqueSize": "UNIQUE SIZE",
}
LISTING = tables.Listing(_HEADERS, ("Repository", "Tag", "ID", "CreatedSince", "Size"))
_WITH_DIGESTS = LISTING.with_columns("Repository", "Tag", "Digest", "ID", "CreatedSince", "Size")
_NO_TIME = "N/A"


def _ls(arguments: Arguments) -> int:
    wanted = filters(arguments)
    if arguments.words:
        wanted.setdefault("reference", []).append(arguments.words[0])
    images, quiet = Engine().images(), arguments.flag("quiet")
    form = "" if quiet else arguments.value("format")
    digests = arguments.flag("digests") or "{{.Digest}}" in form
    found = images.chosen(wanted, everything=arguments.flag("all"), moment=human.moment)
    rows = [
        row(images, line, full=arguments.flag("no-trunc"))
        for line in image_listing.lines(found, wanted, digests=digests)
    ]
    tables.show(sys.stdout, rows, _WITH_DIGESTS if digests else LISTING, form, quiet=quiet)
    return 0


def row(images: Images, line: Line, *, full: bool = False) -> tables.Row:
    """One line of the listing, for tables and templates."""
    image = line.image
    return {
        "ID": image.id if full else short_id(image.id),
        "Repository": line.repository,
        "Tag": line.tag,
        "Digest": line.digest,
        "CreatedSince": lambda: human.ago(image.created) if image.created else _NO_TIME,
        "CreatedAt": lambda: human.local_time(image.created) if image.created else _NO_TIME,
        "Size": lambda: human.size(images.size(image), 3),
        "Containers": lambda: str(images.users(image)),
        "VirtualSize": lambda: human.size(images.size(image), 3),
        "SharedSize": lambda: human.size(images.shared_size(image), 3),
        "UniqueSize": lambda: human.size(images.size(image) - images.shared_size(image), 3),
    }


COMMAND = Command(
    "ls",
    "[OPTIONS] [REPOSITORY[:TAG]]",
    "List images",
    _ls,
    flags=[
        Flag("all", "Show all images (default hides intermediate images)", letter="a"),
        Flag("digests", "Show digests"),
        FILTER,
        FORMAT,
        Flag("no-trunc", "Don't truncate output"),
        Flag("quiet", "Only show image IDs", letter="q"),
    ],
    most_words=1,
)
