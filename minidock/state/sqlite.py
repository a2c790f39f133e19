"""SQLite as Python has it, without what its module loads in passing.

`sqlite3`, the package, takes 3 ms to import; `_sqlite3`, in C, is all that is needed of it. That one asks functools
for `lru_cache`, to keep statements that were prepared, and functools, with collections, takes 2 ms more. But
the cache itself is written in C, in _functools: so while _sqlite3 is loaded, that is what it gets.
"""

from __future__ import annotations

import sys
from _functools import _lru_cache_wrapper  # type: ignore[import-not-found] # what functools.lru_cache() wraps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_FUNCTOOLS = "functools"


def _lru_cache(size: int) -> Callable[[Callable[..., Any]], object]:
    return lambda call: _lru_cache_wrapper(call, size, False, None)


def _load() -> None:
    """Whoever has threads has functools already: `threading` loads it. So no other thread comes across ours."""
    if _FUNCTOOLS in sys.modules:
        __import__("_sqlite3")
        return
    stand_in = type(sys)(_FUNCTOOLS)
    stand_in.lru_cache = _lru_cache  # type: ignore[attr-defined]
    sys.modules[_FUNCTOOLS] = stand_in
    try:
        __import__("_sqlite3")
    finally:
        del sys.modules[_FUNCTOOLS]


_load()

from _sqlite3 import DatabaseError, OperationalError, complete_statement, connect, sqlite_version  # noqa: E402

__all__ = ["DatabaseError", "OperationalError", "complete_statement", "connect", "sqlite_version"]
