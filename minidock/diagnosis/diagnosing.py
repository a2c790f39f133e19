"""Looking for the cause of a failure. Loaded when there is one, so that it costs what succeeds nothing."""

from __future__ import annotations

from minidock.diagnosis.case import Case
from minidock.errors import MinidockError, facts_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from minidock.diagnosis.cause import Cause


def failed(message: str, error: OSError, *, hint: str = "", **facts: Any) -> MinidockError:
    """The error for a call that this process has just made in vain, with its cause."""
    return explain(MinidockError(message, hint=hint, facts={**facts_of(error), **facts}))


def explain(error: MinidockError, pid: int = 0) -> MinidockError:
    """Find the cause of an error, by what it tells, and add it; `pid` is the process it happened to, 0 this one."""
    if not error.finding:
        error.finding = finding(Case(error.facts, pid))
    return error


def finding(case: Case) -> dict[str, str]:
    """The first cause that holds, as a person needs it; nothing, if there is none."""
    from minidock.diagnosis.catalog import CAUSES

    for cause in CAUSES:
        found = _asked(cause, case)
        if found:
            return found
    return {}


def _asked(cause: Cause, case: Case) -> dict[str, str]:
    """Whatever there is to be looked at may be gone, or out of reach: then the next cause is asked."""
    if cause.errnos and case.errno not in cause.errnos:
        return {}
    try:
        if not cause.holds(case):
            return {}
        return {"cause": cause.says(case), "confirm": cause.confirm(case), "mend": cause.mend(case)}
    except (OSError, ValueError, LookupError, MinidockError):
        return {}
