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
    from minidock.engine.monitor.birth import Newborn
    from minidock.engine.options import Options
    from minidock.engine.stepping.watch import Watch
    from minidock.state.containers import Row


def stay(line: Line, options: Options, manner: Manner, *, typing: bool) -> int | None:
    """Until the program ends, or the person leaves with the detach keys, which gives no code."""
    try:
        return Session(line, manner, typing=typing, terminal=options.terminal).stay()
    finally:
        line.close()


def run(engine: Engine, options: Options, manner: Manner, watch: Watch | None = None) -> int | None:
    """A new container, and be with it from its first word on."""
    typing = options.interactive and "stdin" in options.attach
    check_terminal(terminal=options.terminal, typing=typing)
    with engine.newborn() as monitor, attachments.Foreseen(engine, options):
        row = creating.create(engine, options, monitor.expect)
        line = _started(engine, row, wishes=frozenset(options.attach), monitor=monitor, watch=watch)
    return stay(line, options, manner, typing=typing)


def _started(engine: Engine, row: Row, *, wishes: frozenset[str], monitor: Newborn, watch: Watch | None) -> Line:
    """Whoever leaves while it is made wants no container."""
    try:
        return starting.start(engine, row, wishes=wishes, monitor=monitor, watch=watch)
    except MinidockError:
        now = containers.again(engine.database, row.id) if watch and watch.left else None
        if now and now.status in containers.AT_REST:
            from minidock.engine.life import removing

            removing.remove(engine, now, volumes=True)
        raise


def run_detached(engine: Engine, options: Options, made: Callable[[Row], object], watch: Watch | None = None) -> Row:
    """A new container, left to itself. `made` hears of it before it starts: it is there even if that fails."""
    with engine.newborn() as monitor, attachments.Foreseen(engine, options):
        row = creating.create(engine, options, monitor.expect)
        made(row)
        _started(engine, row, wishes=frozenset(), monitor=monitor, watch=watch).close()
    return row


def start(engine: Engine, row: Row, manner: Manner, watch: Watch | None = None) -> int | None:
    """Start a container again, and be with it."""
    options = engine.options(row)
    typing = manner.typing and options.interactive
    check_terminal(terminal=options.terminal, typing=typing)
    wishes = ALL if typing else ALL - {"stdin"}
    if row.status in containers.ALIVE:
        line = connect(engine, row, wishes)
    else:
        line = starting.start(engine, row, wishes=wishes, watch=watch)
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
