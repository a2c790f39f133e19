"""Signals by name and number, without the standard module, whose enums cost 4 ms at each start. signal(7)"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]

from minidock.errors import MinidockError

NAMES: dict[str, int] = {
    name[3:]: number
    for name, number in vars(_signal).items()
    if name.startswith("SIG") and not name.startswith("SIG_") and isinstance(number, int)
}
TERM, KILL, STOP, WINCH = (NAMES[name] for name in ("TERM", "KILL", "STOP", "WINCH"))
LAST = 64


def number(name: str) -> int:
    """The number of a signal given as `TERM`, `SIGTERM`, `15` or `RTMIN+3`."""
    if name.isdecimal() and 0 < int(name) <= LAST:
        return int(name)
    word = name.upper().removeprefix("SIG")
    base, plus, offset = word.partition("+")
    if plus and base == "RTMIN" and offset.isdecimal() and NAMES[base] + int(offset) <= NAMES["RTMAX"]:
        return NAMES[base] + int(offset)
    if word in NAMES:
        return NAMES[word]
    raise MinidockError(f'unknown signal: "{name}"', hint="a name such as TERM or SIGHUP, or a number up to 64")


def send(pidfd: int, signal: int) -> None:
    """Signal the very process behind a descriptor, never another that got its number later."""
    _signal.pidfd_send_signal(pidfd, signal)


def on(signal: int, wakeup: int) -> None:
    """Have each arrival of a signal write its number, as a byte, to a non-blocking descriptor."""
    _signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    _signal.signal(signal, lambda *_: None)
    _signal.siginterrupt(signal, False)


def handler(signal: int) -> object:
    """What is done when it arrives, to be put back later."""
    return _signal.getsignal(signal)


def put_back(signal: int, handler: object) -> None:
    """No arrival of any signal is written anywhere any more."""
    _signal.set_wakeup_fd(-1)
    _signal.signal(signal, handler)


def ignore(signal: int) -> None:
    _signal.signal(signal, _signal.SIG_IGN)


def block(signal: int) -> None:
    """Keep a signal back until it is unblocked, even through execve(2)."""
    _signal.pthread_sigmask(_signal.SIG_BLOCK, [signal])


def unblock(signal: int) -> None:
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [signal])
