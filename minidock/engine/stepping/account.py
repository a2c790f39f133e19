"""How a container came to be, told afterwards: the journal of its last start, beside the plan that was followed.

The journal holds what happened and when; what each step was for is in the steps themselves, made again from the
container's configuration. docs/journal.md has the form, as a JSON schema.
"""

from __future__ import annotations

from minidock import times
from minidock.engine.stepping.story import alone
from minidock.engine.stepping.watch import steps_of
from minidock.runtime import journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.engine.engine import Engine
    from minidock.jsonfile import Json
    from minidock.state.containers import Row
    from minidock.steps.step import Step

LEFT_OUT, NOT_REACHED = "left out", "not reached"


def account(engine: Engine, row: Row) -> Json:
    """All steps in their order, those too that were left out, or not come to."""
    options = engine.options(row)
    happened = _happened(journal.entries(engine.place(row.id).journal))
    began = min((entry["start"] for entry in happened.values()), default=None)
    ended = max((entry["start"] + entry["seconds"] for entry in happened.values()), default=None)
    whole = steps_of(engine, row, options, everything=True)
    missing = {step.name for step in whole} - {step.name for step in steps_of(engine, row, options)}
    told = [_told(step, happened.pop(step.name, None), began, missing) for step in whole]
    told += [_unknown(entry, began or 0.0) for entry in happened.values()]
    return {
        "id": row.id,
        "name": row.name,
        "status": row.status,
        "began": times.stamp(round(began * 1e6) * 1000) if began is not None else None,
        "seconds": round(ended - began, 6) if began is not None and ended is not None else None,
        "steps": [{"number": number, **one} for number, one in enumerate(told, 1)],
    }


def _happened(entries: Sequence[Json]) -> dict[str, Json]:
    """One entry for each step. One that does not return has two: its beginning, and how it went."""
    found: dict[str, Json] = {}
    for entry in entries:
        begun = found.get(entry["step"])
        if begun and begun["outcome"] == journal.BEGUN:
            entry = {**entry, "start": begun["start"], "seconds": entry["start"] - begun["start"]}
        found[entry["step"]] = entry
    return found


def _told(step: Step, entry: Json | None, began: float | None, missing: set[str]) -> Json:
    words = {"says": step.says(), "why": step.why, "man": step.man}
    if entry is None:
        outcome = LEFT_OUT if step.name in missing else NOT_REACHED
        when: Json = {"outcome": outcome, "offset": None, "seconds": None, "message": ""}
    else:
        when = _when(entry, began or 0.0)
    return {"name": step.name, "side": step.side, **when, **words}


def _unknown(entry: Json, began: float) -> Json:
    """Of a plan that was another one: the configuration has been changed since."""
    return {"name": entry["step"], "side": entry["side"], **_when(entry, began), "says": "", "why": "", "man": ""}


def _when(entry: Json, began: float) -> Json:
    return {
        "outcome": entry["outcome"],
        "offset": round(entry["start"] - began, 6),
        "seconds": round(entry["seconds"], 6),
        "message": alone(entry.get("message", ""), entry["step"]),
    }
