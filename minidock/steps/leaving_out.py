"""Leaving steps out (`--without`), to see what they are for: which ones can be, and what goes with them.

A step that nobody may leave out says why itself (`Step.needed`). One that needs another goes with it (`Step.needs`):
without `namespace.uts`, `uts.hostname` would rename the host.
"""

from __future__ import annotations

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from minidock.steps.step import Step


def check_names(steps: Iterable[Step], names: Iterable[str]) -> None:
    """Each must be that of a step."""
    known = [step.name for step in steps]
    if unknown := sorted(set(names) - set(known)):
        raise MinidockError(f"no such step: {', '.join(unknown)}", hint=f"the steps are: {', '.join(sorted(known))}")


def chosen(steps: Iterable[Step], names: Iterable[str]) -> dict[str, str]:
    """All that is left out with these, by name: the step that it cannot do without; nothing for what was asked for."""
    steps, found = list(steps), dict.fromkeys(names, "")
    check_names(steps, found)
    while more := {step.name: missing for step in steps if (missing := _missing(step, found))}:
        found |= more
    for step in steps:
        if step.needed and step.name in found:
            raise _refusal(step, found[step.name])
    return found


def _missing(step: Step, found: dict[str, str]) -> str:
    """What a step that is still there needs, and is not."""
    return "" if step.name in found else next((name for name in step.needs if name in found), "")


def _refusal(step: Step, reason: str) -> MinidockError:
    named = f"step {step.name}" + (f", which needs {reason}," if reason else "")
    return MinidockError(f"{named} cannot be left out: {step.needed}", hint=f"what it is for: {step.why}")


def told(steps: Iterable[Step], names: Iterable[str]) -> list[str]:
    """What a person should know before: a sentence for each step that will be missing, in their order."""
    steps = list(steps)
    missing = chosen(steps, names)
    return [_sentence(step, missing[step.name]) for step in steps if step.name in missing]


def _sentence(step: Step, reason: str) -> str:
    with_it = f" (it needs {reason})" if reason else ""
    return f"left out: {step.name}{with_it}: {step.why}"
