"""What a process does to itself on its way to be a container's program: it gives things up. prctl(2)

python-prctl is a module in C, `_prctl`, and around it one that makes some hundred properties and functions of its
constants, each time it is loaded. That takes as long as a container's cgroup, so only the former is used.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os

import _prctl

from minidock.kernel import signals, syscalls


def end_with_parent() -> None:
    """Get SIGINT when the parent ends, however it ends. prctl(2), PR_SET_PDEATHSIG"""
    _prctl.prctl(_prctl.PR_SET_PDEATHSIG, signals.NAMES["INT"])


def hide() -> None:
    """Not dumpable: other processes cannot look into this one through /proc, whatever their user. prctl(2)

    A process that enters a container while still being minidock must not be readable from in there.
    """
    _prctl.prctl(_prctl.PR_SET_DUMPABLE, 0)


def forbid_new_privileges() -> None:
    """From here on no execve(2) gives more than the process has, setuid programs included."""
    _prctl.prctl(_prctl.PR_SET_NO_NEW_PRIVS, 1)


def become(uid: int, gid: int, groups: list[int]) -> None:
    """Take on a user: groups first, since afterwards the right to set them is gone. credentials(7)"""
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def reset_signals() -> None:
    """Give every signal its default action: ignored ones, as Python leaves SIGPIPE, survive execve(2)."""
    for signal in range(1, signals.LAST + 1):
        if signal not in (signals.KILL, signals.STOP):
            syscalls.default_signal(signal)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, [])
