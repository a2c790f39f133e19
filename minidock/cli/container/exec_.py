"""minidock exec: one more program in a running container."""

from __future__ import annotations

from minidock.cli.command import Command, Flag
from minidock.cli.presence import DETACH_KEYS, finish, manner
from minidock.engine.engine import Engine
from minidock.engine.life.executing import Request
from minidock.runtime.arguments import MANY, VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.runtime.arguments import Arguments


def _exec(arguments: Arguments) -> int:
    request = _request(arguments)
    name = arguments.words[0]
    if arguments.flag("detach"):
        Engine().execute_detached(name, request)
        return 0
    return finish(Engine().execute(name, request, manner(arguments)))


def _request(arguments: Arguments) -> Request:
    request = Request(arguments.words[1:])
    if arguments.given("env") or arguments.given("env-file"):
        request.environment = _environment(arguments)
    request.user = arguments.value("user")
    request.workdir = arguments.value("workdir")
    request.terminal = arguments.flag("tty")
    request.interactive = arguments.flag("interactive")
    request.privileged = arguments.flag("privileged")
    return request


def _environment(arguments: Arguments) -> list[str]:
    from minidock.cli import pair_files, values

    found: list[str] = []
    for path in arguments.values("env-file"):
        found += pair_files.read(path, from_environment=True)
    return found + [values.environment(text) for text in arguments.values("env")]


COMMAND = Command(
    "exec",
    "[OPTIONS] CONTAINER COMMAND [ARG...]",
    "Execute a command in a running container",
    _exec,
    flags=[
        Flag("detach", "Detached mode: run command in the background", letter="d"),
        DETACH_KEYS,
        Flag("env", "Set environment variables", letter="e", takes="list", kind=MANY, completes="environment"),
        Flag("env-file", "Read in a file of environment variables", takes="list", kind=MANY, completes="file"),
        Flag("interactive", "Keep STDIN open even if not attached", letter="i"),
        Flag("privileged", "Give extended privileges to the command"),
        Flag("tty", "Allocate a pseudo-TTY", letter="t"),
        Flag("user", "Username or UID (format: <name|uid>[:<group|gid>])", letter="u", takes="string", kind=VALUE),
        Flag("workdir", "Working directory inside the container", letter="w", takes="string", kind=VALUE),
    ],
    least_words=2,
    flags_end=1,
    completes=("running",),
)
