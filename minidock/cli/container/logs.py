"""minidock logs: what the program of a container has written, each stream to ours of that name."""

from __future__ import annotations

from minidock.cli import human
from minidock.cli.command import Command, Flag
from minidock.engine.engine import Engine
from minidock.engine.life.session import write_all
from minidock.engine.looking.output import Excerpt
from minidock.errors import MinidockError
from minidock.runtime.arguments import VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments

_STREAMS = {"stdout": 1, "stderr": 2}
_WHEN = 'a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'


def _logs(arguments: Arguments) -> int:
    excerpt = Excerpt(
        tail=_tail(arguments.value("tail", "all")),
        since=_moment(arguments, "since"),
        until=_moment(arguments, "until"),
        follow=arguments.flag("follow"),
        timestamps=arguments.flag("timestamps"),
        details=arguments.flag("details"),
    )
    for stream, text in Engine().logs(arguments.words[0], excerpt):
        write_all(_STREAMS[stream], text)
    return 0


def _tail(text: str) -> int | None:
    """As in Docker, all that is no number means all."""
    return int(text) if text.isascii() and text.isdecimal() else None


def _moment(arguments: Arguments, name: str) -> int:
    text = arguments.value(name)
    try:
        return human.moment(text) if text else 0
    except ValueError as error:
        raise MinidockError(f'invalid value for "{name}": {error}') from None


COMMAND = Command(
    "logs",
    "[OPTIONS] CONTAINER",
    "Fetch the logs of a container",
    _logs,
    flags=[
        Flag("details", "Show extra details provided to logs"),
        Flag("follow", "Follow log output", letter="f"),
        Flag("since", f"Show logs since {_WHEN}", takes="string", kind=VALUE),
        Flag(
            "tail",
            'Number of lines to show from the end of the logs (default "all")',
            letter="n",
            takes="string",
            kind=VALUE,
        ),
        Flag("timestamps", "Show timestamps", letter="t"),
        Flag("until", f"Show logs before {_WHEN}", takes="string", kind=VALUE),
    ],
    least_words=1,
    most_words=1,
)
