"""Looking for the cause of a failure. Loaded when there is one, so that it costs what succeeds nothing."""

from __future__ import annotations

from minidock.diagnosis.case import Case
from minidock.errors import MinidockError, facts_of, one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from minidock.diagnosis.cause import Cause


def failed(message: str, error: OSError, *, hint: str = "", **facts: Any) -> MinidockError:
    """The error for a call that this process has just made in vain, with its cause."""
    return explain(MinidockError(message, hint=hint, facts={**facts_of(error), **facts}))


def explain(error: MinidockError, pid: int = 0) -> MinidockError:
    """Find the cause of an error, by what it tells, in place of the hint; `pid` is the process it happened to, 0 this
    one."""
    if not error.finding:
        error.finding = finding(Case(error.facts, pid))
        error.hint = "" if error.finding else error.hint
    return error


def finding(case: Case, causes: Sequence[Cause] = ()) -> dict[str, str]:
    """The first cause that holds, of all or of those given, as a person needs it; nothing, if there is none."""
    from minidock.diagnosis.catalog import CAUSES

    for cause in causes or CAUSES:
        found = _asked(cause, case)
        if found:
            return found
    return {}


def _asked(cause: Cause, case: Case) -> dict[str, str]:
    """Whatever there is to be looked at may be gone, or out of reach, or of an image that wants to be in the way."""
    if cause.errnos and case.errno not in cause.errnos:
        return {}
    try:
        if not cause.holds(case):
            return {}
        found = {"cause": cause.says(case), "confirm": cause.confirm(case), "mend": cause.mend(case)}
        return {what: _short(text) for what, text in found.items()}
    except Exception:  # the edge of a guess: what is to be explained must come out in any case
        return {}


def _short(text: str) -> str:
    """One line of bounded length: in it are names that an image has chosen."""
    plain = one_line(text)
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"


_LONGEST = 500
