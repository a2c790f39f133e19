"""minidock start: start containers that were created, or have ended."""

from __future__ import annotations

from minidock.cli.command import Command, Flag
from minidock.cli.complaints import each_shown
from minidock.cli.presence import DETACH_KEYS, WATCHING, finish, manner, watch
from minidock.engine.engine import Engine
from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _start(arguments: Arguments) -> int:
    engine = Engine()
    if not arguments.flag("attach") and not arguments.flag("interactive"):
        return each_shown(arguments.words, lambda word: engine.start(word, watch(arguments)))
    if len(arguments.words) > 1:
        raise MinidockError("you cannot start and attach multiple containers at once")
    try:
        code = engine.start_attached(
            arguments.words[0], manner(arguments, typing=arguments.flag("interactive")), watch(arguments)
        )
    except MinidockError as error:
        error.code = 1  # not the program's, which never ran
        raise
    return finish(code)


COMMAND = Command(
    "start",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Start one or more stopped containers",
    _start,
    flags=[
        DETACH_KEYS,
        Flag("attach", "Attach STDOUT/STDERR and forward signals", letter="a"),
        Flag("interactive", "Attach container's STDIN", letter="i"),
        *WATCHING,
    ],
    least_words=1,
    completes=("stopped",),
)
