"""The state database: whole changes or none, versions, claims, and who answers for a container."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from minidock.errors import MinidockError
from minidock.state import containers, database, owners, schema
from minidock.state.database import Database

A, B = "a" * 64, "ab" * 32
LATER = "CREATE TABLE later (x TEXT);\nINSERT INTO later VALUES (';');\n"


def add(state: Database, container_id: str, name: str) -> None:
    texts = {"image": "app", "image_id": "sha256:0", "command": "[]", "options": "{}", "status": containers.CREATED}
    with state.change() as change:
        containers.add(change, {"id": container_id, "name": name, "created": 1, **texts})


def tables(directory: Path) -> set[str]:
    with sqlite3.connect(directory / "state.db") as connection:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def version(directory: Path) -> int:
    with sqlite3.connect(directory / "state.db") as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_a_new_database_has_every_change_and_keeps_a_log_beside_it(tmp_path: Path) -> None:
    state = Database(str(tmp_path))
    assert state.rows("PRAGMA journal_mode") == [("wal",)]
    assert {"containers", "volumes", "uses", "events"} <= tables(tmp_path)
    assert version(tmp_path) == len(schema.CHANGES)
    assert (tmp_path / "state.db").stat().st_mode & 0o777 == 0o600


def test_of_many_that_begin_with_a_new_state_at_once_all_can(tmp_path: Path) -> None:
    code = "import sys; from minidock.state.database import Database; Database(sys.argv[1]).rows('SELECT 1')"
    for number in range(5):
        (tmp_path / str(number)).mkdir()
        words = [sys.executable, "-c", code, str(tmp_path / str(number))]
        begun = [subprocess.Popen(words, cwd=Path(__file__).parents[2]) for _ in range(8)]
        assert [process.wait() for process in begun] == [0] * 8


def test_an_older_database_is_brought_up_to_date_and_keeps_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Database(str(tmp_path))
    add(before, A, "kept")
    before.close()
    monkeypatch.setattr(database, "CHANGES", (*schema.CHANGES, LATER))
    after = Database(str(tmp_path))
    assert containers.find(after, "kept").id == A
    assert after.rows("SELECT x FROM later") == [(";",)]
    assert version(tmp_path) == len(schema.CHANGES) + 1


def test_a_change_of_version_that_fails_leaves_the_old_one_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Database(str(tmp_path)).rows("SELECT 1")
    database.close_all()
    monkeypatch.setattr(database, "CHANGES", (*schema.CHANGES, "CREATE TABLE later (x TEXT);\nCREATE NONSENSE;"))
    with pytest.raises(MinidockError):
        Database(str(tmp_path)).rows("SELECT 1")
    database.close_all()
    assert version(tmp_path) == len(schema.CHANGES)
    assert "later" not in tables(tmp_path)


def test_a_database_of_a_newer_minidock_is_refused_and_left_alone(tmp_path: Path) -> None:
    Database(str(tmp_path)).rows("SELECT 1")
    database.close_all()
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(MinidockError, match="newer minidock: it has version 99") as refused:
        Database(str(tmp_path)).rows("SELECT 1")
    assert refused.value.hint
    database.close_all()


def test_a_change_that_fails_in_the_middle_did_not_happen_and_nobody_hears_of_it(tmp_path: Path) -> None:
    state = Database(str(tmp_path))
    with pytest.raises(ZeroDivisionError), state.change() as change:
        change.event("container", "create", A, {})
        change.do("INSERT INTO volumes VALUES ('v', 'local', 1, '{}', '{}', 0)")
        raise ZeroDivisionError
    assert state.rows("SELECT count(*) FROM volumes") == state.rows("SELECT count(*) FROM events") == [(0,)]


def test_a_process_killed_in_a_change_leaves_the_state_before_it(tmp_path: Path) -> None:
    script = (
        "import os, sys; from minidock.state.database import Database\n"
        "with Database(sys.argv[1]).change() as change:\n"
        "    change.do(\"INSERT INTO volumes VALUES ('v', 'local', 1, '{}', '{}', 0)\")\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == -9
    assert Database(str(tmp_path)).rows("SELECT count(*) FROM volumes") == [(0,)]
    database.close_all()


def test_threads_change_one_database_one_after_the_other_and_any_thread_may_close_it(tmp_path: Path) -> None:
    state = Database(str(tmp_path))

    def count_up() -> None:
        for _ in range(20):
            with state.change() as change:
                change.event("container", "create", A, {})

    threads = [threading.Thread(target=count_up) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state.rows("SELECT count(*) FROM events") == [(100,)]
    database.close_all()
    assert not [name for name in os.listdir("/proc/self/fd") if _opens(name, tmp_path)]
    assert state.rows("SELECT count(*) FROM events") == [(100,)]


def _opens(descriptor: str, directory: Path) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").startswith(str(directory))
    except FileNotFoundError:
        return False  # the one that listed them


def locks(directory: Path) -> int:
    """How many locks this process has on the file of the state, by the kernel's word. proc_locks(5)"""
    inode = str((directory / "state.db").stat().st_ino)
    lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return sum(line[-4] == str(os.getpid()) and line[-3].endswith(f":{inode}") for line in lines)


def test_a_second_connection_of_a_process_takes_no_lock_of_the_first_away(tmp_path: Path) -> None:
    """Or others would take themselves for the last, and delete the log that the first goes on writing to."""
    first, second = Database(str(tmp_path)), Database(str(tmp_path))
    first.rows("SELECT 1 FROM containers")
    assert locks(tmp_path) > 0
    second.rows("SELECT 1 FROM containers")
    assert locks(tmp_path) > 0
    second.close()
    assert locks(tmp_path) > 0
    first.close()
    assert locks(tmp_path) == 0


def test_the_oldest_events_are_forgotten(tmp_path: Path) -> None:
    state = Database(str(tmp_path))
    with state.change() as change:
        for number in range(5300):
            change.event("container", str(number), A, {})
    (count,), (newest,) = state.rows("SELECT count(*) FROM events UNION ALL SELECT max(number) FROM events")
    assert (count, newest) == (5000, 5300)


def test_of_two_claims_one_wins(tmp_path: Path) -> None:
    state = Database(str(tmp_path))
    add(state, A, "one")
    with state.change() as change:
        first = containers.claim(change, A, (containers.CREATED,), containers.STARTING, owner="1")
        second = containers.claim(change, A, (containers.CREATED,), containers.REMOVING, owner="2")
    assert (first, second) == (True, False)
    assert containers.find(state, "one").status == containers.STARTING


def test_a_container_is_found_by_id_by_name_and_by_what_only_one_id_begins_with(tmp_path: Path) -> None:
    state = Database(str(tmp_path))
    add(state, A, "one")
    add(state, B, "aaa")
    assert containers.find(state, A).name == "one"
    assert containers.find(state, "/one").id == A
    assert containers.find(state, "aaa").id == B, "a name wins over the beginning of an id"
    assert containers.find(state, "aba").id == B
    with pytest.raises(MinidockError, match="multiple IDs found with provided prefix: a"):
        containers.find(state, "a")
    for word in ("", "A", "%", "a' OR '1'='1"):
        with pytest.raises(MinidockError, match="No such container"):
            containers.find(state, word)


def test_a_process_is_known_by_its_number_its_beginning_and_the_boot() -> None:
    me = owners.myself()
    pid, start, boot = me.split()
    assert pid == str(os.getpid())
    assert owners.lives(me)
    assert not owners.lives(f"{pid} {int(start) + 1} {boot}")
    assert not owners.lives(f"{pid} {start} 00000000")
    assert not owners.lives("")
