"""Giving this process a filter that is compiled already (seccomp.py), be it just now or for another one before."""

from __future__ import annotations

import errno
import struct

from minidock.errors import MinidockError
from minidock.kernel import syscalls
from minidock.kernel.foreign import address_of, buffer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

FLAGS = {
    "SECCOMP_FILTER_FLAG_TSYNC": 1,
    "SECCOMP_FILTER_FLAG_LOG": 2,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": 4,
}
_SET_MODE_FILTER = 1
_PROGRAM = "@HP"  # struct sock_fprog of linux/filter.h: how many instructions, and where they are


def install(program: bytes, flags: Sequence[str] = ()) -> None:
    """Give the calling process, and all that it starts, a filter. It cannot be taken back. seccomp(2)"""
    bits = 0
    for flag in flags:
        if flag not in FLAGS:
            hint = f"One of {', '.join(FLAGS)}."
            raise MinidockError(f'seccomp: "{flag}" is no flag of a filter', hint=hint)
        bits |= FLAGS[flag]
    instructions = buffer(program)
    described = buffer(struct.pack(_PROGRAM, len(program) // 8, address_of(instructions)))
    try:
        thread = syscalls.seccomp(_SET_MODE_FILTER, bits, described)
    except OSError as error:
        if error.errno != errno.EACCES:
            raise
        # Else who filters setuid(2) away could fool a setuid program into believing it gave up its rights.
        message = "seccomp: a process needs CAP_SYS_ADMIN or no_new_privs to give itself a filter, and has neither"
        hint = "Install the filter before CAP_SYS_ADMIN is dropped, or set noNewPrivileges to true."
        raise MinidockError(message, hint=hint) from None
    if thread:
        message = f"seccomp: thread {thread} has a filter of its own, so TSYNC cannot give it this one"
        raise MinidockError(message, hint="Leave SECCOMP_FILTER_FLAG_TSYNC out.")
