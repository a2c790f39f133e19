"""Capabilities: root's power, cut into some forty pieces, and the five sets a process carries them in.

effective: what it may do now. permitted: what it may make effective. inheritable and ambient: what goes
through execve(2), the latter even for programs that know nothing of it. bounding: the ceiling, which can
only be lowered. A container's root is weak because most pieces are missing from all five. capabilities(7)
"""

from __future__ import annotations

import _prctl

from minidock.kernel import syscalls
from minidock.kernel.capability_names import NAMES


def bound(keep: set[int]) -> None:
    """Lower the bounding set to `keep`. There is no way back, for this process and all it starts.

    Asked of the kernel by number: python-prctl refuses capabilities it has no name for, and those of a
    younger kernel must go as well.
    """
    for number in range(64):
        try:
            syscalls.prctl(syscalls.PR_CAPBSET_READ, number)
        except OSError:  # EINVAL: past the kernel's last
            return
        if number not in keep:
            syscalls.prctl(syscalls.PR_CAPBSET_DROP, number)


def keep_over_setuid() -> None:
    """Keep the permitted set while the user changes from root; cleared by the next execve(2)."""
    _prctl.prctl(_prctl.PR_SET_KEEPCAPS, 1)


def set_all(effective: set[int], permitted: set[int], inheritable: set[int]) -> None:
    """Set the three classic sets at once. capset(2)"""
    sets, everything = (effective, permitted, inheritable), set(range(len(NAMES)))
    _prctl.set_caps(*(sorted(wanted) for wanted in sets), *(sorted(everything - wanted) for wanted in sets))


def set_ambient(wanted: set[int]) -> None:
    """Set the ambient set, which python-prctl does not know. A member must be permitted and inheritable."""
    syscalls.prctl(syscalls.PR_CAP_AMBIENT, syscalls.PR_CAP_AMBIENT_CLEAR_ALL)
    for number in sorted(wanted):
        syscalls.prctl(syscalls.PR_CAP_AMBIENT, syscalls.PR_CAP_AMBIENT_RAISE, number)
