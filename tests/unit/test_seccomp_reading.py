"""Asking a filter about a call gives the answer that executing it by the kernel's rules gives."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from minidock.kernel import seccomp, seccomp_reading
from minidock.kernel.syscall_numbers import numbers
from tests.seccomp_judges import ALLOW, ERRNO, KILL_PROCESS, KILL_THREAD, LOG, Call, run

X86_64 = 0xC000003E
_ERRNO: dict[str, Any] = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}
_LOG: dict[str, Any] = {"names": ["openat", "chmod"], "action": "SCMP_ACT_LOG"}


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_of_every_call_it_says_what_the_filter_says(machine: str) -> None:
    known = [name for name in ("mkdirat", "openat", "mkdir", "chmod") if name in numbers(machine)]
    rules = [{**rule, "names": [name for name in rule["names"] if name in known]} for rule in (_ERRNO, _LOG)]
    program = seccomp.compile({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}, machine)
    architecture = f"SCMP_ARCH_{machine.upper()}"
    token = seccomp.ARCHITECTURES[architecture][1]
    verdicts = set()
    for number in numbers(machine).values():
        expected = run(program, Call(architecture, number).record()).verdict
        assert seccomp_reading.verdict([program], number, token) == expected
        verdicts.add(expected)
    assert verdicts == {ALLOW, LOG, ERRNO | 1}


def _always(verdict: int) -> bytes:
    return struct.pack("=HBBI", 0x06, 0, 0, verdict)


@pytest.mark.parametrize(
    ("verdicts", "counts"),
    [
        ([ALLOW, ERRNO | 1], ERRNO | 1),
        ([ERRNO | 2, ALLOW, LOG], ERRNO | 2),
        ([KILL_THREAD, KILL_PROCESS, ALLOW], KILL_PROCESS),
        ([KILL_THREAD, ERRNO | 1], KILL_THREAD),
    ],
)
def test_of_several_filters_the_strictest_counts(verdicts: list[int], counts: int) -> None:
    assert seccomp_reading.verdict([_always(verdict) for verdict in verdicts], 0, X86_64) == counts


def test_an_instruction_that_is_not_known_lets_nothing_through() -> None:
    program = struct.pack("=HBBI", 0x24, 0, 0, 2) + _always(ALLOW)
    assert seccomp_reading.verdict([program], 0, X86_64) == KILL_THREAD
