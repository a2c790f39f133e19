#!/usr/bin/python3
"""Run a program under a seccomp filter: under-filter FILTER PROGRAM [ARGUMENT...]

A filter is a text of one instruction a line:

    load OFFSET            take 4 bytes of the record of a call: 0 is its number, 4 its architecture
    equal VALUE YES NO     compare them; go on YES or NO lines further down (0: with the next line)
    return VERDICT         0x7fff0000: let the call through; 0x00050000 + N: refuse it with the error N

This is all that the kernel is given. See seccomp(2).
"""

import ctypes
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
CODES = {"load": 0x20, "equal": 0x15, "return": 0x06}


def instruction(line: str) -> bytes:
    """struct sock_filter: what to do, how far to jump if it is so and if not, a value."""
    word, value, *jumps = line.split()
    if_true, if_false = (int(jump) for jump in jumps or ["0", "0"])
    return struct.pack("=HBBI", CODES[word], if_true, if_false, int(value, 0))


def install(program: bytes) -> None:
    """Give this process the filter. Without root it must first promise never to gain privileges."""
    buffer = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))  # struct sock_fprog
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, described, 0, 0)):
        if libc.prctl(*(ctypes.c_long(item) if isinstance(item, int) else item for item in arguments)) != 0:
            sys.exit(f"the kernel refuses the filter: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    with open(sys.argv[1], encoding="ascii") as text:
        lines = [line.partition("#")[0] for line in text]
    install(b"".join(instruction(line) for line in lines if line.strip()))
    os.execvp(sys.argv[2], sys.argv[2:])
