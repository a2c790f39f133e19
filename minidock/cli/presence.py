"""What `run`, `start`, `attach` and `exec` share: how a person is at a container, and what is left of it after."""

from __future__ import annotations

from minidock.cli.command import Flag
from minidock.runtime.arguments import MANY, VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.life.session import Manner
    from minidock.engine.stepping.watch import Watch
    from minidock.runtime.arguments import Arguments

DETACH_KEYS = Flag("detach-keys", "Override the key sequence for detaching a container", takes="string", kind=VALUE)
SIG_PROXY = Flag("sig-proxy", "Proxy received signals to the process (default true)")

WATCHING = (
    Flag("explain", "Show each step as it is done, with its side, time and result"),
    Flag("step", "Wait before each step, to look around: Enter goes on, q undoes everything"),
    Flag("step-at", "Wait before this step only", takes="step", kind=MANY, completes="step"),
)


def watch(arguments: Arguments) -> Watch | None:
    """Whoever wants to see how it is made; what shows it is loaded for them alone."""
    every, names = arguments.flag("step"), arguments.values("step-at")
    if not (every or names or arguments.flag("explain")):
        return None
    from minidock.cli.stepping import Face
    from minidock.engine.stepping.watch import Watch

    return Watch(Face(), None if every else frozenset(names))


def manner(arguments: Arguments, *, typing: bool = True) -> Manner:
    """As the flags want it, those of them that the command has."""
    from minidock.engine.life import detach_keys
    from minidock.engine.life.session import Manner

    proxy = arguments.flag("sig-proxy") if arguments.given("sig-proxy") else True
    return Manner(typing=typing, proxy=proxy, keys=arguments.value("detach-keys") or detach_keys.DEFAULT)


def finish(code: int | None) -> int:
    """The exit code of the program; a person who left it running has done nothing wrong."""
    return 0 if code is None else code
