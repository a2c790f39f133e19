"""How a container begins anew and how it is ended: restart policy, stop signal, health check, as far as they can
be wrong. What they do is the monitor's business.
"""

from __future__ import annotations

from minidock.engine.monitor.restarts import ALWAYS, NO, ON_FAILURE, UNLESS_STOPPED
from minidock.errors import MinidockError
from minidock.kernel import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.engine.options import Healthcheck, Options

_POLICIES = (NO, ALWAYS, ON_FAILURE, UNLESS_STOPPED)
_SHORTEST = 1_000_000  # nanoseconds


def check(options: Options) -> None:
    """Docker's objections."""
    check_restart(options.restart, options.restart_most)
    if options.auto_remove and options.restart not in ("", NO):
        raise MinidockError("can't create 'AutoRemove' container with restart policy", hint="either --rm or --restart")
    if options.stop_signal:
        check_signal(options.stop_signal)
    if options.health:
        _check_health(options.health)


def check_restart(policy: str, most: int) -> None:
    if policy not in ("", *_POLICIES):
        known = "'no', 'always', 'on-failure', or 'unless-stopped'"
        raise MinidockError(f"invalid restart policy: unknown policy '{policy}'; use one of {known}")
    if policy == ON_FAILURE and most < 0:
        raise MinidockError("invalid restart policy: maximum retry count cannot be negative")
    if policy != ON_FAILURE and most:
        negative = " and cannot be negative" if most < 0 else ""
        raise MinidockError(f"invalid restart policy: maximum retry count can only be used with 'on-failure'{negative}")


def check_signal(name: str) -> int:
    """The number of a signal, or Docker's words for one that does not exist."""
    try:
        return signals.number(name)
    except MinidockError as error:
        raise MinidockError(f"invalid signal: {name}", hint=error.hint) from None


def _check_health(check: Healthcheck) -> None:
    for name, time in (
        ("Interval", check.interval),
        ("Timeout", check.timeout),
        ("StartPeriod", check.start_period),
        ("StartInterval", check.start_interval),
    ):
        if time and time < _SHORTEST:
            raise MinidockError(f"{name} in Healthcheck cannot be less than 1ms")
    if check.retries < 0:
        raise MinidockError("Retries in Healthcheck cannot be negative")
    if check.test and check.test[0] not in ("NONE", "CMD", "CMD-SHELL"):
        raise MinidockError(f"Unknown healthcheck type '{check.test[0]}'", hint="it begins with CMD, CMD-SHELL or NONE")
