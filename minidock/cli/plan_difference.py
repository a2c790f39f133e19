"""How the difference of two plans is shown: like that of two texts, with the reason of each step that comes or goes."""

from __future__ import annotations

from minidock.cli.colours import BOLD, FAINT, GREEN, RED, YELLOW, painted
from minidock.errors import one_line
from minidock.runtime import reports
from minidock.steps.differences import ADDED, CHANGED, REMOVED, SAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TextIO

    from minidock.jsonfile import Json
    from minidock.steps.differences import Difference
    from minidock.steps.step import Step

_SIGNS = {REMOVED: ("-", RED), ADDED: ("+", GREEN)}


def show(out: TextIO, found: Sequence[Difference], before: Sequence[str], after: Sequence[str]) -> None:
    """`before` and `after`: the words of the two command lines."""
    _line(out, f"--- {' '.join(before)}", BOLD)
    _line(out, f"+++ {' '.join(after)}", BOLD)
    same = 0
    for one in found:
        if one.kind == SAME:
            same += 1
            continue
        same = _skipped(out, same)
        if one.kind == CHANGED:
            _changed(out, one)
        else:
            _whole(out, one.before or one.after, *_SIGNS[one.kind])
    _skipped(out, same)


def _whole(out: TextIO, step: Step | None, sign: str, colour: str) -> None:
    assert step
    _line(out, f"{sign} [{step.side}] {step.name}: {step.says()}", colour)
    _line(out, f"    why: {step.why} — {step.man}", FAINT)


def _changed(out: TextIO, one: Difference) -> None:
    before, after = one.lines()
    assert one.after
    _line(out, f"~ [{one.after.side}] {one.name}:", YELLOW)
    for sign, lines in (("-", before), ("+", after)):
        for line in lines:
            _line(out, f"  {sign} {line}", RED if sign == "-" else GREEN)


def _skipped(out: TextIO, count: int) -> int:
    if count:
        _line(out, f"  … {count} step{'s' if count > 1 else ''} the same", FAINT)
    return 0


def _line(out: TextIO, text: str, colour: str) -> None:
    """One line, whatever is in it."""
    out.write(painted(out, one_line(text), colour) + "\n")


def as_data(found: Iterable[Difference]) -> Json:
    """The steps that are in one plan alone, whole; those that changed, before and after; the names of all others."""
    data: Json = {REMOVED: [], ADDED: [], CHANGED: [], SAME: []}
    for one in found:
        before, after = (reports.step_as_data(step) if step else None for step in (one.before, one.after))
        if one.kind == CHANGED:
            data[CHANGED].append({"name": one.name, "before": before, "after": after})
        else:
            data[one.kind].append(one.name if one.kind == SAME else before or after)
    return data
