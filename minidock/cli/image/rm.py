"""minidock rmi: remove images, or names of theirs."""

from __future__ import annotations

import sys

from minidock.cli import complaints
from minidock.cli.command import Command, Flag
from minidock.engine.engine import Engine
from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _rm(arguments: Arguments) -> int:
    engine, force, failures = Engine(), arguments.flag("force"), 0
    for word in arguments.words:
        try:
            done = engine.remove_image(word, force=force, prune=not arguments.flag("no-prune"))
        except MinidockError as error:
            complaints.about(error)
            failures += not (force and error.message.startswith("No such image"))
            continue
        sys.stdout.write("".join(f"{what}: {which}\n" for what, which in done.records))
        sys.stdout.flush()
    return 1 if failures else 0


COMMAND = Command(
    "rm",
    "[OPTIONS] IMAGE [IMAGE...]",
    "Remove one or more images",
    _rm,
    flags=[
        Flag("force", "Force removal of the image", letter="f"),
        Flag("no-prune", "Do not delete untagged parents"),
    ],
    least_words=1,
)
