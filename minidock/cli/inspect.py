"""minidock inspect: all that is known of containers, images, networks and volumes, whatever a name means."""

from __future__ import annotations

import sys

from minidock.cli import inspection
from minidock.cli.command import Command, Flag
from minidock.engine.engine import Engine
from minidock.engine.looking.objects import KINDS, check_kind
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.jsonfile import Json
    from minidock.runtime.arguments import Arguments


def _inspect(arguments: Arguments) -> int:
    engine, kind, sizes = Engine(), arguments.value("type"), arguments.flag("size")
    check_kind(kind)

    def look(word: str) -> Json:
        found = engine.inspect(word, kind=kind, sizes=sizes)
        if sizes and found.kind != "container":
            sys.stderr.write(f"WARNING: --size ignored for {found.kind}\n")
        return found.document

    return inspection.show(arguments.words, look, arguments.value("format"))


COMMAND = Command(
    "inspect",
    "[OPTIONS] NAME|ID [NAME|ID...]",
    "Return low-level information on minidock objects",
    _inspect,
    flags=[
        inspection.FORMAT,
        Flag("size", "Display total file sizes if the type is container", letter="s"),
        Flag("type", "Only inspect objects of the given type", takes="string", kind=VALUE, completes=KINDS),
    ],
    least_words=1,
    completes=("container image network volume",),
)
