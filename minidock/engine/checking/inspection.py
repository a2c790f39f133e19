"""The whole inspection: all kinds of things, one after the other, and what is done about what was found."""

from __future__ import annotations

import time

from minidock.engine.checking import cgroups, containers, files, images, networks, state, volumes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.checking.finding import Finding
    from minidock.engine.engine import Engine

_PAUSE = 0.1  # seconds
_ROUNDS = 5  # one repair may show, or make, what the next round repairs: a container without an owner has volumes


def check(engine: Engine) -> list[Finding]:
    """All that does not fit; nothing is changed. What is gone at a second look was only in motion."""
    found = _look(engine)
    if not found:
        return []
    time.sleep(_PAUSE)
    before = {finding.what for finding in found}
    return [finding for finding in _look(engine) if finding.what in before]


def _look(engine: Engine) -> list[Finding]:
    findings = state.check(engine)
    if any(not finding.can_be_repaired for finding in findings):
        return findings  # in a damaged state nothing can be looked up
    for part in (containers, cgroups, networks, files, volumes, images):
        findings += part.check(engine)
    return findings


def repair(engine: Engine) -> list[Finding]:
    """Repair what can be; all that was found, with what came of it."""
    done: list[Finding] = []
    for _ in range(_ROUNDS):
        found = check(engine)
        for finding in found:
            finding.repair()
        repaired = [finding for finding in found if finding.is_repaired]
        if not repaired:
            return done + found
        done += repaired
    return done + [finding for finding in found if not finding.is_repaired]
