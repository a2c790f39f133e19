"""How a container came to be: its steps, as its journal has them, each with what it did and why.

The journal tells name, side, time and outcome. What a step says of itself is not written down, since the plan can be
made again from the configuration.
"""

from __future__ import annotations

from minidock import jsonfile
from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.looking.xray.subject import Subject
    from minidock.jsonfile import Json
    from minidock.steps.step import Step


def read(subject: Subject) -> Json:
    """In the order in which they were done, those of both sides."""
    entries = journal(subject)
    known = _plan(subject)
    first = min((entry["start"] for entry in entries), default=0.0)
    times = [{"after": round(entry["start"] - first, 6)} for entry in entries]
    return [{**entry, **at, **_told(known.get(entry["step"]))} for entry, at in zip(entries, times, strict=True)]


def journal(subject: Subject) -> list[Json]:
    """The lines of the journal of its last start, as far as they are whole."""
    try:
        with open(f"{subject.record}/journal", encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise MinidockError(f"its journal cannot be read: {error.strerror}") from None
    found = []
    for line in lines:
        try:
            found.append(_entry(jsonfile.parse(line)))
        except (ValueError, KeyError, TypeError):  # the last one, of a process that was killed while it wrote
            continue
    return found


def _entry(line: Json) -> Json:
    return {
        "step": str(line["step"]),
        "side": str(line["side"]),
        "start": float(line["start"]),
        "seconds": float(line["seconds"]),
        "outcome": str(line["outcome"]),
        "message": str(line.get("message", "")),
    }


def _plan(subject: Subject) -> dict[str, Step]:
    """Its steps by name; none if its configuration is damaged."""
    from minidock.oci.spec import read_spec
    from minidock.steps.place import Place
    from minidock.steps.plan import container_plan

    try:
        place = subject.engine.place(subject.row.id)
        spec = read_spec(place.file("config.json"))
        return {step.name: step for step in container_plan(spec, Place(place.id, place.path))}
    except (MinidockError, OSError):
        return {}


def _told(step: Step | None) -> Json:
    return {"says": step.says(), "why": step.why, "man": step.man} if step else {"says": "", "why": "", "man": ""}
