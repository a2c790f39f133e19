"""A look at the state that can neither change it nor make it, and finds nothing where there is nothing to see.

This is for completion, which happens in the middle of somebody's typing. Whoever reads a database in WAL mode
usually takes part in its bookkeeping: two files beside it, which are made where they are missing. They are
there while anybody has the database open; where they are not, it stands still, and can be read as it is.
https://sqlite.org/wal.html#readonly
"""

from __future__ import annotations

import os

from minidock.state.sqlite import DatabaseError, connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PATIENCE = 0.2  # seconds; nobody is held up for names that come too late


def is_possible(directory: str) -> bool:
    """Whether what is not found is not there: a state that only root may read can hold anything."""
    path = f"{directory}/state.db"
    return os.access(path, os.R_OK) or not os.path.exists(path)


def rows(directory: str, sql: str) -> list[tuple[Any, ...]]:
    """What a query finds in the state that is kept in a directory."""
    path = f"{directory}/state.db"
    is_open = os.path.exists(f"{path}-wal") and os.path.exists(f"{path}-shm")
    address = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    try:
        # mode=ro in any case: else SQLite makes the file where there is none, for all to read.
        how = "mode=ro" if is_open else "mode=ro&immutable=1"
        connection = connect(f"file:{address}?{how}", uri=True, timeout=_PATIENCE)
        found: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
        connection.close()
    except DatabaseError:  # there is none, it is not ours to read, or it is of another version
        return []
    return found
