"""The state database itself: whether SQLite can read it, and whether its tables agree."""

from __future__ import annotations

from minidock.engine.checking.finding import Finding
from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.engine import Engine

_NO_CONTAINER = "container NOT IN (SELECT id FROM containers)"
_NOBODYS = {
    "uses": f"{_NO_CONTAINER} OR volume NOT IN (SELECT name FROM volumes)",
    "endpoints": _NO_CONTAINER,
    "published": _NO_CONTAINER,
}
_BY_HAND = "end all containers, set the file aside, and put a copy of it back, or what `sqlite3 FILE .recover` makes"


def check(engine: Engine) -> list[Finding]:
    path = engine.database.path
    try:
        said = [str(row[0]) for row in engine.database.rows("PRAGMA quick_check")]
        astray = engine.database.rows("PRAGMA foreign_key_check")
    except MinidockError as error:
        return [Finding(error.message, _BY_HAND)]
    if said != ["ok"]:
        return [Finding(f"the state in {path} is damaged: {'; '.join(said)}", _BY_HAND)]
    if not astray:
        return []
    what = f"the state in {path} has {len(astray)} uses of volumes or networks that are nobody's, or of none"
    return [Finding(what, "forget these uses; volumes and networks stay", lambda: _forget(engine))]


def _forget(engine: Engine) -> None:
    with engine.database.change() as change:
        for table, condition in _NOBODYS.items():
            change.do(f"DELETE FROM {table} WHERE {condition}")
