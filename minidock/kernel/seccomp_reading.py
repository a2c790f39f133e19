"""Reading back the filters that a process has, and asking them about a system call. seccomp(2), ptrace(2)

A filter is for good, but no secret: a tracer with CAP_SYS_ADMIN can have the program back as it was installed.
"""

from __future__ import annotations

import errno
import os
import struct

from minidock.kernel import syscalls
from minidock.kernel.foreign import address_of, buffer

_ATTACH, _DETACH, _GET_FILTER = 16, 17, 0x420C  # PTRACE_…
_INSTRUCTION = struct.Struct("=HBBI")  # struct sock_filter: code, how far to jump if true, if false, value
_RECORD = struct.Struct("=IIQ6Q")  # struct seccomp_data: the call's number, its architecture, where, arguments
_LOAD, _GO, _AND = 0x20, 0x05, 0x54
_RETURN = 0x06
_KILL = 0
_ACTION = 0xFFFF0000


def filters(pid: int) -> list[bytes]:
    """The programs of a process, the youngest first. It stands still while they are read."""
    syscalls.ptrace(_ATTACH, pid)
    try:
        os.waitpid(pid, syscalls.WAIT_ALL)
        found: list[bytes] = []
        while (program := _nth(pid, len(found))) is not None:
            found.append(program)
        return found
    finally:
        syscalls.ptrace(_DETACH, pid)


def _nth(pid: int, number: int) -> bytes | None:
    try:
        count = syscalls.ptrace(_GET_FILTER, pid, number)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return None
    program = buffer(bytes(count * _INSTRUCTION.size))
    syscalls.ptrace(_GET_FILTER, pid, number, address_of(program))
    return program.raw


def verdict(programs: list[bytes], call: int, token: int) -> int:
    """What all filters together say of a call without arguments: the kernel asks each, and the strictest counts."""
    record = _RECORD.pack(call, token, 0, *[0] * 6)
    said = [_run(program, record) for program in programs]
    return min(said, key=_strictness)


def _strictness(value: int) -> int:
    """The smaller the number, read as a signed one, the stricter: killing the process is the smallest of all."""
    action = value & _ACTION
    return action - (1 << 32) if action >> 31 else action


def _run(program: bytes, record: bytes) -> int:
    """Execute a program of those instructions that simple filters have; another one counts as a refusal."""
    code, at, accumulator = list(_INSTRUCTION.iter_unpack(program)), 0, 0
    while at < len(code):
        operation, if_true, if_false, value = code[at]
        at += 1
        if operation == _RETURN:
            return int(value)
        if operation == _LOAD:
            (accumulator,) = struct.unpack_from("=I", record, value)
        elif operation == _AND:
            accumulator &= value
        elif operation == _GO:
            at += value
        else:
            jump = _compared(operation, accumulator, value)
            if jump is None:
                return _KILL
            at += if_true if jump else if_false
    return _KILL


def _compared(operation: int, accumulator: int, value: int) -> bool | None:
    tests = {0x15: accumulator == value, 0x25: accumulator > value, 0x35: accumulator >= value}
    return bool(accumulator & value) if operation == 0x45 else tests.get(operation)
