"""minidock export: a container's files as a tar archive."""

from __future__ import annotations

import os

from minidock.cli.command import Command, Flag
from minidock.cli.outputs import Output
from minidock.engine.engine import Engine
from minidock.errors import MinidockError
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _export(arguments: Arguments) -> int:
    engine, path = Engine(), arguments.value("output")
    container = engine.find(arguments.words[0]).id
    if not path and os.isatty(1):
        raise MinidockError("cowardly refusing to save to a terminal. Use the -o flag or redirect")
    with Output(path, "failed to export container") as output:
        engine.export(container, output.write)
    return 0


COMMAND = Command(
    "export",
    "[OPTIONS] CONTAINER",
    "Export a container's filesystem as a tar archive",
    _export,
    flags=[
        Flag("output", "Write to a file, instead of STDOUT", letter="o", takes="string", kind=VALUE, completes="file")
    ],
    least_words=1,
    most_words=1,
)
