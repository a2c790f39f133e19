"""minidock load: the images of an archive."""

from __future__ import annotations

import os
import sys

from minidock import progress
from minidock.cli import inputs
from minidock.cli.command import Command, Flag
from minidock.engine.engine import Engine
from minidock.errors import MinidockError
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.images.loading import Arrival
    from minidock.runtime.arguments import Arguments


def _load(arguments: Arguments) -> int:
    path = arguments.value("input") or "-"
    if path == "-" and os.isatty(0):
        raise MinidockError("requested load from stdin, but stdin is empty", hint="minidock load -i FILE")
    if arguments.flag("quiet"):
        progress.watcher = None
    with inputs.opened(path) as source:
        arrivals = Engine().load_images(source, platform=arguments.value("platform"))
    sys.stdout.write("".join(map(_told, arrivals)))
    return 0


def _told(arrival: Arrival) -> str:
    if not arrival.name:
        return f"Loaded image ID: {arrival.image_id}\n"
    told = f"Loaded image: {arrival.name}\n"
    if not arrival.displaced:
        return told
    old = f"The image {arrival.name} already exists, renaming the old one with ID {arrival.displaced} to empty string\n"
    return old + told


COMMAND = Command(
    "load",
    "[OPTIONS]",
    "Load an image from a tar archive or STDIN",
    _load,
    flags=[
        Flag(
            "input",
            "Read from tar archive file, instead of STDIN",
            letter="i",
            takes="string",
            kind=VALUE,
            completes="file",
        ),
        Flag(
            "platform",
            'Load only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
            takes="string",
            kind=VALUE,
        ),
        Flag("quiet", "Suppress the load output", letter="q"),
    ],
    most_words=0,
    notes="Read are archives of Docker, Podman, Skopeo and BuildKit, in Docker's form or as an OCI image layout;\n"
    "plain, or compressed by gzip, zstd, xz or bzip2.",
)
