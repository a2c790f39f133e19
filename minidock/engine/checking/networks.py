"""Networks: whether each container that runs is in those that it should be in, and the firewall as it should be.

What the host has of a network without containers, a bridge and its line in the firewall, may be there or not: it is
put up for the first container that comes. So nothing has to be looked for where none runs.
"""

from __future__ import annotations

from minidock.engine.checking.containers import named
from minidock.engine.checking.finding import Finding
from minidock.engine.directories import Hold
from minidock.engine.life import rewiring
from minidock.errors import MinidockError
from minidock.networks import devices, endpoints
from minidock.state import containers
from minidock.steps.keeper import Keeper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.engine.engine import Engine
    from minidock.state.containers import Row

_RUNNING = (containers.RUNNING, containers.PAUSED)


def check(engine: Engine) -> list[Finding]:
    rows = [row for row in containers.everyone(engine.database) if row.status in _RUNNING and not row.is_abandoned]
    connected = [row for row in rows if endpoints.of(engine.database, row.id)]
    if not connected:
        return []
    keeper = _keeper(engine)
    try:
        cables = [finding for row in connected for finding in _cables(engine, row, keeper)]
        return [*cables, *_firewall(engine, keeper)]
    except (MinidockError, OSError) as error:
        return [Finding(f"networks cannot be looked at: {error}", "see whether `nft list ruleset` works here")]
    finally:
        keeper.close()


def _keeper(engine: Engine) -> Keeper:
    return Keeper(engine.root, engine.run_root, devices.table(engine.root))


# Cables ---------------------------------------------------------------------------------------------------


def _cables(engine: Engine, row: Row, keeper: Keeper) -> Iterator[Finding]:
    """Who changes a container's networks holds it meanwhile."""
    try:
        hold = Hold(engine.place(row.id).path, patient=False)
    except FileNotFoundError:
        return
    with hold as mine:
        now = containers.again(engine.database, row.id)
        if not mine or now is None or now.status not in _RUNNING or now.pid != row.pid:
            return
        if rewiring.agrees(engine, now, engine.options(now), keeper):
            return
    what = f"{named(row)}: it is not connected as it should be"
    yield Finding(what, "connect it anew", lambda: _connect_anew(engine, row))


def _connect_anew(engine: Engine, row: Row) -> None:
    with engine.place(row.id).hold():
        now = containers.again(engine.database, row.id)
        if now and now.status in _RUNNING and now.pid == row.pid:
            rewiring.settle(engine, now, engine.options(now))


# The firewall ---------------------------------------------------------------------------------------------


def _firewall(engine: Engine, keeper: Keeper) -> Iterator[Finding]:
    if faults := keeper.ask("faults"):
        table = devices.table(engine.root)
        what = f"the firewall's table inet {table} is not as it should be: {'; '.join(faults)}"
        yield Finding(what, "make it anew from the state", lambda: _make_anew(engine))

    for chain, commands in keeper.ask("strict").items():
        what = f"the firewall's chain {chain} is another's, and drops what it does not know, so also what is ours"
        yield Finding(what, f"have it accept what comes from their bridges and goes there: {'; '.join(commands)}")


def _make_anew(engine: Engine) -> None:
    keeper = _keeper(engine)
    try:
        keeper.ask("rebuild")
    finally:
        keeper.close()
