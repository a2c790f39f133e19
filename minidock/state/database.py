"""The state database: SQLite in WAL mode, so that readers never wait, and never see half a change.

Every change is one transaction in a `with database.change()` block: all of it happens, or, whatever goes
wrong, nothing. Two commands that want to change the same thing come one after the other, and the second sees
what the first has done. A kill at any moment, even of the machine, leaves the state before or after a change.
https://sqlite.org/wal.html
"""

from __future__ import annotations

import errno
import os
import time
from _thread import get_ident

from minidock import jsonfile
from minidock.errors import MinidockError, reason
from minidock.state.schema import CHANGES
from minidock.state.sqlite import DatabaseError, OperationalError, complete_statement, connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from sqlite3 import Connection
    from typing import Any, Self

    Value = str | int | float | bytes | None

# Frames of the write-ahead log, after which it is written to the database. Whoever opens that when nobody has it
# open reads the whole log: 2 ms for a thousand frames, which is SQLite's own measure. Most commands write ten.
_LONGEST_LOG = 200
# What SQLite says where the kernel said this.
_SQLITE_WORDS = {"is full": errno.ENOSPC, "unable to open": errno.EACCES, "readonly": errno.EROFS}
_PATIENCE = 30.0  # seconds to wait for another command's change, each of which takes a millisecond


class Database:
    """The database of one directory, opened when it is first needed, and again after it was closed. Each thread
    gets a connection of its own, as a transaction belongs to a connection.
    """

    def __init__(self, directory: str) -> None:
        self.path = f"{directory}/state.db"
        self._directory = directory
        self._held: dict[int, Connection] = {}  # by thread

    @property
    def _connection(self) -> Connection:
        held = self._held.get(get_ident())
        if held is None:
            try:
                os.makedirs(self._directory, mode=0o711, exist_ok=True)
                held = self._held[get_ident()] = _connection(self.path)
            except (DatabaseError, OSError) as error:
                raise _unusable(self.path, error) from None
            _open.add(self)
            _bring_up_to_date(self)
        return held

    def open(self) -> None:
        """Now, for who has the time now."""
        assert self._connection

    def rows(self, sql: str, *values: Value) -> list[tuple[Any, ...]]:
        """What a query finds, in one look at an unchanging state."""
        try:
            return self._connection.execute(sql, values).fetchall()
        except DatabaseError as error:
            raise _unusable(self.path, error) from None

    def version(self) -> int:
        """A number that is another one after any change that another process made."""
        return int(self.rows("PRAGMA data_version")[0][0])

    def keep_a_log(self) -> None:
        """Let readers and a writer not wait for each other, from now on. With this one switch SQLite is not patient: of
        several that begin with a new database at once, it refuses all but one.
        """
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except DatabaseError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise _unusable(self.path, error) from None
                time.sleep(0.005)

    def change(self) -> Change:
        """A transaction, to be used in a `with` block."""
        return Change(self.path, self._connection)

    def close(self) -> None:
        """Close the connections of all threads: of those that ended, too."""
        while self._held:
            self._held.popitem()[1].close()
        _open.discard(self)


_open: set[Database] = set()  # in this process


def close_all() -> None:
    """To be called before a fork. SQLite's locks are its process's own, and so is what it notes about them: a
    child that opened a database which its parent had open would believe in locks that nobody holds.
    https://sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_
    """
    for database in list(_open):
        database.close()


class Change:
    """One transaction. The write lock is taken at its beginning, so what it reads stays true until its end."""

    def __init__(self, path: str, connection: Connection) -> None:
        self._path = path
        self._connection = connection

    def __enter__(self) -> Self:
        self.do("BEGIN IMMEDIATE")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            try:
                self.do("COMMIT")
                return
            except MinidockError:
                self._roll_back()
                raise
        self._roll_back()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:  # a full disk may have ended it already
            self._connection.execute("ROLLBACK")

    def do(self, sql: str, *values: Value) -> int:
        """One statement; how many rows it touched."""
        try:
            return int(self._connection.execute(sql, values).rowcount)
        except DatabaseError as error:
            raise _unusable(self._path, error) from None

    def rows(self, sql: str, *values: Value) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except DatabaseError as error:
            raise _unusable(self._path, error) from None

    def event(self, kind: str, action: str, actor: str, attributes: dict[str, str]) -> None:
        """Tell those who follow events. It is part of the change: nobody hears of what did not happen."""
        self.do(
            "INSERT INTO events (time, kind, action, actor, attributes) VALUES (?, ?, ?, ?, ?)",
            *(time.time_ns(), kind, action, actor, jsonfile.dump(attributes)),
        )


def _connection(path: str) -> Connection:
    _make_file(path)
    # Each connection serves one thread; but the one that forks closes them all.
    connection: Connection = connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    # The WAL is written at each change, and to the disk itself only now and then: a power cut may take the last
    # changes back, and never damages what was there before.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_LONGEST_LOG}")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _make_file(path: str) -> None:
    """For root alone: options may hold secrets. A file that is there is not opened: to close it would let go of every
    lock that another connection of this process has on it, and others would delete the log that it writes to. fcntl(2)
    https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        pass


def _bring_up_to_date(database: Database) -> None:
    """Run the changes that this database has not had. Most often there are none, and one read tells."""
    if _version(database.rows("PRAGMA user_version"), database.path) == len(CHANGES):
        return
    database.keep_a_log()
    with database.change() as change:  # only now is it sure that no other process does the same
        for number in range(_version(change.rows("PRAGMA user_version"), database.path), len(CHANGES)):
            for statement in statements(CHANGES[number]):
                change.do(statement)
            change.do(f"PRAGMA user_version = {number + 1}")


def _version(rows: list[tuple[Any, ...]], path: str) -> int:
    version = int(rows[0][0])
    if version > len(CHANGES):
        raise MinidockError(
            f"{path} was written by a newer minidock: it has version {version}, this one knows {len(CHANGES)}",
            hint="use the newer minidock again, or another MINIDOCK_ROOT",
        )
    return version


def statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one: SQLite's own way to run scripts would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if complete_statement(statement):
            yield statement
            statement = ""


def _unusable(path: str, error: Exception) -> MinidockError:
    from minidock.diagnosis import diagnosing

    if isinstance(error, OSError):
        return diagnosing.failed(f"the state cannot be opened: {reason(error)}", error, place=path)
    number = next((number for words, number in _SQLITE_WORDS.items() if words in str(error)), 0)
    if number:
        facts = {"errno": number, "path": path}
        return diagnosing.explain(MinidockError(f"the state in {path} cannot be used: {error}", facts=facts))
    hint = ""
    if isinstance(error, OperationalError) and "locked" in str(error):
        hint = f"another command has been changing it for more than {_PATIENCE:.0f} seconds"
    return MinidockError(f"the state in {path} cannot be used: {error}", hint=hint)
