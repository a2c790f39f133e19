"""The table of containers: found by id, name, or the beginning of an id; changed only from a state that fits.

    created ──▶ starting ──▶ running ◀──▶ paused          (restarting: waits to be started again)
       ▲            │           │
       └────────────┘           ▼
                    ◀──────  exited ──▶ removing ──▶ gone

`claim` is the heart: one UPDATE that says from which states, so that of two commands at once one is the winner.
"""

from __future__ import annotations

import time

from minidock import jsonfile
from minidock.errors import MinidockError
from minidock.state import owners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from minidock.jsonfile import Json
    from minidock.state.database import Change, Database, Value

CREATED, STARTING, RUNNING, PAUSED = "created", "starting", "running", "paused"
RESTARTING, REMOVING, EXITED, DEAD = "restarting", "removing", "exited", "dead"
AT_REST = (CREATED, EXITED, DEAD)
TO_STOP, TO_RESTART, TO_COME_BACK, TO_END = 1, 2, 3, 4  # what was asked for: stop_asked
ALIVE = (RUNNING, PAUSED, RESTARTING)  # what Docker calls running
ACTIVE = (STARTING, *ALIVE)  # these have what the host lends them: mounted volumes, addresses
IS_ACTIVE = f"status IN ({', '.join(map(repr, ACTIVE))})"  # in SQL

_COLUMNS: tuple[str, ...] = (
    "id",
    "name",
    "created",
    "image",
    "image_id",
    "command",
    "options",
    "status",
    "owner",
    "pid",
)
_COLUMNS += ("exit_code", "error", "oom_killed", "started", "finished", "restarts", "stop_asked", "health")
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM containers"


class Row:
    """One container as it was written down last; the attributes are the columns of state/schema.py."""

    id: str
    name: str
    created: int
    image: str
    image_id: str
    command: str
    options: str
    status: str
    owner: str
    pid: int
    exit_code: int
    error: str
    oom_killed: int
    started: int
    finished: int
    restarts: int
    stop_asked: int
    health: str

    def __init__(self, values: Sequence[Any]) -> None:
        for column, value in zip(_COLUMNS, values, strict=True):
            setattr(self, column, value)

    @property
    def is_abandoned(self) -> bool:
        """Whether the process that answered for it ended without bringing it to rest."""
        return self.status not in AT_REST and not owners.lives(self.owner)

    @property
    def arguments(self) -> list[str]:
        words: list[str] = jsonfile.parse(self.command)
        return words

    @property
    def wishes(self) -> Json:
        """All that was asked for, as engine/options.py reads it."""
        return jsonfile.parse(self.options)


def everyone(database: Database) -> list[Row]:
    """All of them, the newest first."""
    return [Row(values) for values in database.rows(f"{_SELECT} ORDER BY created DESC")]


class NoSuchContainer(MinidockError):
    """It is gone, or never was."""


def find(database: Database, word: str) -> Row:
    found = search(database, word)
    if found is None:
        raise NoSuchContainer(f"No such container: {word}", hint="minidock ps -a lists all containers")
    return found


def search(database: Database, word: str) -> Row | None:
    """By full id, else by name, else by the beginning of an id: Docker's order."""
    exact = f"{_SELECT} WHERE id = ?1 OR name = ?2 ORDER BY id = ?1 DESC LIMIT 1"
    found = database.rows(exact, word, word.removeprefix("/"))
    if not found and word and not word.strip("0123456789abcdef"):
        found = database.rows(f"{_SELECT} WHERE id >= ?1 AND id < ?1 || 'g' LIMIT 2", word)
    if len(found) > 1:
        raise MinidockError(f"multiple IDs found with provided prefix: {word}", hint="give more of it")
    return Row(found[0]) if found else None


def again(database: Database | Change, container_id: str) -> Row | None:
    """The same container as it is now; None if it is gone."""
    found = database.rows(f"{_SELECT} WHERE id = ?", container_id)
    return Row(found[0]) if found else None


def add(change: Change, fields: dict[str, Value]) -> None:
    """A new container. Its name must be nobody's."""
    must_be_free(change, str(fields["name"]))
    marks = ", ".join("?" * len(fields))
    change.do(f"INSERT INTO containers ({', '.join(fields)}) VALUES ({marks})", *fields.values())


def must_be_free(change: Database | Change, name: str) -> None:
    taken = change.rows("SELECT id FROM containers WHERE name = ?", name)
    if taken:
        raise MinidockError(
            f'Conflict. The container name "/{name}" is already in use by container "{taken[0][0]}".',
            hint="remove or rename that container, or choose another name",
        )


def alter(change: Change, container_id: str, **fields: Value) -> None:
    settings = ", ".join(f"{name} = ?" for name in fields)
    change.do(f"UPDATE containers SET {settings} WHERE id = ?", *fields.values(), container_id)


def claim(change: Change, container_id: str, states: Sequence[str], status: str, *, owner: str) -> bool:
    """Take a container from one of these states to another, to answer for it; False if it is in none of them."""
    marks = ", ".join("?" * len(states))
    sql = f"UPDATE containers SET status = ?, owner = ? WHERE id = ? AND status IN ({marks})"
    return change.do(sql, status, owner, container_id, *states) == 1


def ask(change: Change, container_id: str, what: int) -> None:
    """Write down that it is to stop. Who ends it at once takes nothing back of what others have asked for before."""
    sql = "UPDATE containers SET stop_asked = ?1 WHERE id = ?2 AND (?1 <> ?3 OR stop_asked = 0)"
    change.do(sql, what, container_id, TO_END)


def forget(change: Change, container_id: str) -> None:
    change.do("DELETE FROM containers WHERE id = ?", container_id)


def event(change: Change, row: Row, action: str, **more: str) -> None:
    """Tell what happened to a container, with what Docker tells: its image, its name, its labels."""
    attributes = {**row.wishes.get("labels", {}), "image": row.image, "name": row.name, **more}
    change.event("container", action, row.id, attributes)


def now() -> int:
    return time.time_ns()
