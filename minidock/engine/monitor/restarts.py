"""Whether, and when, a program that has ended is started again: Docker's restart policies, as pure functions.

no               never
on-failure[:N]   when its exit code is not 0, at most N times in a row
always           always; after a reboot even what was stopped by hand
unless-stopped   always, but what was stopped by hand stays so
"""

from __future__ import annotations

NO, ON_FAILURE, ALWAYS, UNLESS_STOPPED = "no", "on-failure", "always", "unless-stopped"
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 60.0
LONG_ENOUGH = 10.0  # seconds of life after which a program counts as one that had started well


def is_due(policy: str, most: int, *, code: int, count: int) -> bool:
    """Whether a program that nobody stopped is to be started again; `count`: how often it was already."""
    if policy == ON_FAILURE:
        return code != 0 and (not most or count < most)
    return policy in (ALWAYS, UNLESS_STOPPED)


def wait_before(last_wait: float, lived: float) -> float:
    """Twice as long each time, so that a program that cannot live does not keep the machine busy."""
    if lived >= LONG_ENOUGH or not last_wait:
        return _FIRST_WAIT
    return min(last_wait * 2, _LONGEST_WAIT)


def after_boot(policy: str, *, stop_asked: bool, code: int, was_running: bool) -> bool:
    """Whether `system boot` starts it."""
    if policy == ALWAYS:
        return True
    if policy == UNLESS_STOPPED:
        return not stop_asked
    return policy == ON_FAILURE and was_running and code != 0
