"""A person at a new or a running container: `run`, `start -a`, `attach`. What comes out is the exit code."""

from __future__ import annotations

from minidock.engine.life import attachments, creating, starting
from minidock.engine.life.attaching import ALL, Line, connect
from minidock.engine.life.session import Manner, Session, check_terminal
from minidock.errors import MinidockError
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from minidock.engine.engine import Engine
    from minidock.engine.options import Options
    from minidock.state.containers import Row


def stay(line: Line, options: Options, manner: Manner, *, typing: bool) -> int | None:
    """Until the program ends, or the person leaves with the detach keys, which gives no code."""
    try:
        return Session(line, manner, typing=typing, terminal=options.terminal).stay()
    finally:
        line.close()


def run(engine: Engine, options: Options, manner: Manner) -> int | None:
    """A new container, and be with it from its first word on."""
    typing = options.interactive and "stdin" in options.attach
    check_terminal(terminal=options.terminal, typing=typing)
    with engine.newborn() as monitor, attachments.Foreseen(engine, options):
        row = creating.create(engine, options)
        line = starting.start(engine, row, wishes=frozenset(options.attach), monitor=monitor)
    return stay(line, options, manner, typing=typing)


def run_detached(engine: Engine, options: Options, made: Callable[[Row], object]) -> Row:
    """A new container, left to itself. `made` hears of it before it starts: it is there even if that fails."""
    with engine.newborn() as monitor, attachments.Foreseen(engine, options):
        row = creating.create(engine, options)
        made(row)
        starting.start(engine, row, monitor=monitor).close()
    return row


def start(engine: Engine, row: Row, manner: Manner) -> int | None:
    """Start a container again, and be with it."""
    options = engine.options(row)
    typing = manner.typing and options.interactive
    check_terminal(terminal=options.terminal, typing=typing)
    wishes = ALL if typing else ALL - {"stdin"}
    if row.status in containers.ALIVE:
        line = connect(engine, row, wishes)
    else:
        line = starting.start(engine, row, wishes=wishes)
    return stay(line, options, manner, typing=typing)


def attach(engine: Engine, row: Row, manner: Manner) -> int | None:
    """Be with a container that runs already."""
    if row.status == containers.PAUSED:
        raise MinidockError("You cannot attach to a paused container, unpause it first")
    if row.status == containers.RESTARTING:
        raise MinidockError("You cannot attach to a restarting container, wait until it is running")
    if row.status != containers.RUNNING:
        raise MinidockError(
            "You cannot attach to a stopped container, start it first", hint=f"minidock start -a {row.name}"
        )
    options = engine.options(row)
    typing = manner.typing and options.interactive
    check_terminal(terminal=options.terminal, typing=typing)
    line = connect(engine, row, ALL if typing else ALL - {"stdin"}, once=options.stdin_once and typing)
    with engine.database.change() as change:
        containers.event(change, row, "attach")
    return stay(line, options, manner, typing=typing)
