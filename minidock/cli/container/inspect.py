"""minidock container inspect: all that is known of containers."""

from __future__ import annotations

from minidock.cli import inspection
from minidock.cli.command import Command, Flag
from minidock.engine.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _inspect(arguments: Arguments) -> int:
    engine, sizes = Engine(), arguments.flag("size")
    return inspection.show(
        arguments.words,
        lambda word: engine.inspect(word, kind="container", sizes=sizes).document,
        arguments.value("format"),
    )


COMMAND = Command(
    "inspect",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Display detailed information on one or more containers",
    _inspect,
    flags=[inspection.FORMAT, Flag("size", "Display total file sizes", letter="s")],
    least_words=1,
)
