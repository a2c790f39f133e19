"""What `history` will say of each instruction: as Docker's builder words it."""

from __future__ import annotations

import time

from minidock import jsonfile, times
from minidock.images.instructions import json_words, pairs, ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minidock.build.language.instructions import Instruction
    from minidock.build.request import BuildRequest
    from minidock.jsonfile import Json

    Expanded = Callable[[str], str]

COMMENT = "buildkit.dockerfile.v0"  # by which tools know that the entries are worded like this


def now(request: BuildRequest) -> int:
    """This moment, unless SOURCE_DATE_EPOCH says that it is another."""
    return time.time_ns() if request.epoch is None else request.epoch * times.SECOND


def latest(request: BuildRequest) -> int | None:
    """What no file that is built may be younger than, if there is such a time."""
    return None if request.epoch is None else request.epoch * times.SECOND


def entry(when: str, text: str, *, changed: bool) -> Json:
    found: dict[str, Json] = {"created": when, "created_by": text, "comment": COMMENT}
    return found if changed else {**found, "empty_layer": True}


def of_config(found: Instruction, config: dict[str, Json], expanded: Expanded) -> str:
    """Of an instruction that changes the configuration, after it has."""
    name, rest = found.name, found.rest
    if name in ("CMD", "ENTRYPOINT"):
        return f"{name} {words(config.get(name.capitalize()) or [])}"
    if name in ("ENV", "LABEL"):
        given = pairs(name, rest, found.escape)
        return f"{name} {' '.join(f'{expanded(key)}={expanded(value)}' for key, value in given)}"
    if name == "EXPOSE":
        exposed = [port for word in rest.split() for port in ports(expanded(word))]
        return f"EXPOSE [{' '.join(exposed)}]"
    if name == "VOLUME":
        listed = json_words(rest)
        return f"VOLUME [{' '.join(expanded(word) for word in (rest.split() if listed is None else listed))}]"
    if name == "HEALTHCHECK":
        return f"HEALTHCHECK {jsonfile.dump(config.get('Healthcheck'))}"
    if name == "SHELL":
        return f"SHELL [{' '.join(config.get('Shell') or [])}]"
    return f"{name} {rest if name == 'ONBUILD' else expanded(rest)}"


def words(line: Sequence[str]) -> str:
    """A command line as Go prints one: `["/bin/sh" "-c" "echo"]`."""
    return f"[{' '.join(jsonfile.dump(word) for word in line)}]"
