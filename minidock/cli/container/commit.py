"""minidock commit: a new image of what a container has become."""

from __future__ import annotations

import sys

from minidock.cli.command import Command, Flag
from minidock.engine.engine import Engine
from minidock.runtime.arguments import MANY, VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _commit(arguments: Arguments) -> int:
    image_id = Engine().commit(
        *arguments.words,
        author=arguments.value("author"),
        message=arguments.value("message"),
        changes=arguments.values("change"),
        pause=arguments.flag("pause") if arguments.given("pause") else True,
    )
    sys.stdout.write(f"{image_id}\n")
    return 0


COMMAND = Command(
    "commit",
    "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    "Create a new image from a container's changes",
    _commit,
    flags=[
        Flag(
            "author",
            'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")',
            letter="a",
            takes="string",
            kind=VALUE,
        ),
        Flag("change", "Apply Dockerfile instruction to the created image", letter="c", takes="list", kind=MANY),
        Flag("message", "Commit message", letter="m", takes="string", kind=VALUE),
        Flag("pause", "Pause container during commit (default true)", letter="p"),
    ],
    least_words=1,
    most_words=2,
)
