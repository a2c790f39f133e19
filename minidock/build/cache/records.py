"""The records of the cache: from the key of a step to the layer that it came to.

A key is the digest of parts: the step before, the instruction, the files that it takes … They are kept one by one,
with the place that the step had in its Dockerfile, so that it can be said which of them is another one than before.
"""

from __future__ import annotations

import hashlib
import time

from minidock import jsonfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from minidock.images.image import Layer
    from minidock.state.database import Database

    Parts = Mapping[str, str]


class Step:
    """One step's part of the cache: what it depends on, and where it stands."""

    def __init__(self, place: str, parts: Parts) -> None:
        self.place = place
        self.parts = dict(parts)
        self.key = hashlib.sha256(jsonfile.dump(sorted(self.parts.items())).encode()).hexdigest()


class Done:
    """What a step came to, and when: a layer, if it changed files."""

    def __init__(self, layer: Layer | None, when: int) -> None:
        self.layer = layer
        self.when = when  # nanoseconds since 1970


class Records:
    """The table, and behind it what others know: images that --cache-from names."""

    def __init__(self, database: Database, others: Mapping[str, Done] | None = None) -> None:
        self._database = database
        self._others = others or {}
        self._used: list[Step] = []

    def find(self, step: Step) -> list[Done]:
        """What came of the step when it was done before, here or elsewhere."""
        rows = self._database.rows("SELECT layer, created FROM build_cache WHERE key = ?", step.key)
        layers = [(jsonfile.parse(layer), when) for layer, when in rows]
        found = [Done((layer[0], layer[1]) if layer else None, when) for layer, when in layers]
        return [*found, *([self._others[step.key]] if step.key in self._others else [])]

    def used(self, step: Step, done: Done) -> None:
        """It is kept if it came from elsewhere; else the use is noted in the end, for all at once."""
        if done is self._others.get(step.key):
            self.keep(step, done)
        else:
            self._used.append(step)

    def keep(self, step: Step, done: Done) -> None:
        size = done.layer[1]["size"] if done.layer else 0
        row = (
            step.key,
            jsonfile.dump(done.layer),
            jsonfile.dump(step.parts),
            step.place,
            done.when,
            time.time_ns(),
            size,
        )
        with self._database.change() as change:
            change.do("INSERT OR REPLACE INTO build_cache VALUES (?, ?, ?, ?, ?, ?, ?)", *row)

    def touch(self) -> None:
        """Write down that steps were used again, at these places."""
        if self._used:
            with self._database.change() as change:
                for step in self._used:
                    sql = "UPDATE build_cache SET used = ?, place = ? WHERE key = ?"
                    change.do(sql, time.time_ns(), step.place, step.key)
            self._used.clear()

    def before(self, step: Step) -> dict[str, str] | None:
        """The parts that this place had the last time; None if it was never built."""
        sql = "SELECT parts FROM build_cache WHERE place = ? ORDER BY used DESC LIMIT 1"
        rows = self._database.rows(sql, step.place)
        return jsonfile.parse(rows[0][0]) if rows else None


def differing(step: Step, before: Parts | None) -> list[str]:
    """The names of those parts that are others than before."""
    if before is None:
        return []
    return sorted(name for name in {*step.parts, *before} if step.parts.get(name) != before.get(name))
