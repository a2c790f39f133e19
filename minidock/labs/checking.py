"""Judging what a learner has done: each criterion of a lab, met or not, and then why not."""

from __future__ import annotations

from minidock.labs.lab import Missing
from minidock.labs.scene import ENDED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from minidock.labs.lab import Judge, Lab
    from minidock.labs.scene import Scene

MET, UNMET, UNSEEN = "met", "unmet", "unseen"


class Outcome:
    """What became of one criterion; `why` is a key of the lab's text. UNSEEN: there was nothing to look at."""

    def __init__(self, criterion: str, verdict: str, why: str = "", values: Mapping[str, object] | None = None) -> None:
        self.criterion = criterion
        self.verdict = verdict
        self.why = why
        self.values = values or {}


def judge(lab: Lab, scene: Scene) -> list[Outcome]:
    """Every criterion, on that subject which meets most of them."""
    try:
        subjects = [*lab.subjects(scene)]
    except Missing as missing:
        first, *others = lab.criteria
        return [Outcome(first, UNMET, missing.why, missing.values), *(Outcome(other, UNSEEN) for other in others)]
    return max((_judged(lab, scene, subject) for subject in subjects), key=_met)


def _judged(lab: Lab, scene: Scene, subject: Any) -> list[Outcome]:
    return [_asked(criterion, question, scene, subject) for criterion, question in lab.criteria.items()]


def _asked(criterion: str, question: Judge, scene: Scene, subject: Any) -> Outcome:
    try:
        question(scene, subject)
    except Missing as missing:
        return Outcome(criterion, UNMET, missing.why, missing.values)
    except ENDED:  # it has ended while it was looked at
        return Outcome(criterion, UNSEEN)
    return Outcome(criterion, MET)


def _met(outcomes: list[Outcome]) -> int:
    return sum(outcome.verdict == MET for outcome in outcomes)
