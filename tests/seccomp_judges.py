"""Three ways to learn what a seccomp filter says of a system call, to hold against each other.

`run` is the kernel's way: it executes the program. `by_the_rules` is a reader's way: it knows no program, and
goes through the rules of the profile one by one. `libseccomp` has another compiler make a program of them.
"""

from __future__ import annotations

import functools
import operator
import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyseccomp

from minidock.kernel.syscall_numbers import X32_BIT, numbers

Config = dict[str, Any]
Alternatives = list[list[Config]]  # sets of conditions; all of one set must hold

# OCI's name: the table of numbers, what the kernel tells a filter, the width of arguments, libseccomp's constant.
ARCHITECTURES: dict[str, tuple[str, int, int, int]] = {
    "SCMP_ARCH_X86_64": ("x86_64", 0xC000003E, 64, pyseccomp.Arch.X86_64),
    "SCMP_ARCH_X86": ("i386", 0x40000003, 32, pyseccomp.Arch.X86),
    "SCMP_ARCH_X32": ("x32", 0xC000003E, 32, pyseccomp.Arch.X32),
    "SCMP_ARCH_AARCH64": ("aarch64", 0xC00000B7, 64, pyseccomp.Arch.AARCH64),
    "SCMP_ARCH_ARM": ("arm", 0x40000028, 32, pyseccomp.Arch.ARM),
}
KILL_THREAD, KILL_PROCESS, TRAP, ERRNO = 0, 0x80000000, 0x30000, 0x50000
TRACE, LOG, ALLOW = 0x7FF00000, 0x7FFC0000, 0x7FFF0000
EPERM, ENOSYS = 1, 38
_VERDICTS = {
    "SCMP_ACT_KILL": KILL_THREAD,
    "SCMP_ACT_KILL_THREAD": KILL_THREAD,
    "SCMP_ACT_KILL_PROCESS": KILL_PROCESS,
    "SCMP_ACT_TRAP": TRAP,
    "SCMP_ACT_ERRNO": ERRNO,
    "SCMP_ACT_TRACE": TRACE,
    "SCMP_ACT_LOG": LOG,
    "SCMP_ACT_ALLOW": ALLOW,
}
_SOCKETCALLS = ["", "socket", "bind", "connect", "listen", "accept", "getsockname", "getpeername", "socketpair"]
_SOCKETCALLS += ["send", "recv", "sendto", "recvfrom", "shutdown", "setsockopt", "getsockopt", "sendmsg"]
_SOCKETCALLS += ["recvmsg", "accept4", "recvmmsg", "sendmmsg"]
_IPC = {1: "semop", 2: "semget", 3: "semctl", 4: "semtimedop", 11: "msgsnd", 12: "msgrcv", 13: "msgget"}
_IPC |= {14: "msgctl", 21: "shmat", 22: "shmdt", 23: "shmget", 24: "shmctl"}


@dataclass(frozen=True)
class Call:
    """A system call as a filter sees it."""

    architecture: str
    number: int
    arguments: tuple[int, ...] = (0, 0, 0, 0, 0, 0)

    def record(self, token: int | None = None) -> bytes:
        """struct seccomp_data"""
        if token is None:
            token = ARCHITECTURES[self.architecture][1]
        return struct.pack("=IIQ6Q", self.number, token, 0, *self.arguments)


# The kernel's way ---------------------------------------------------------------------------------------------


# jeq, jgt, jge, jset
_COMPARISONS = {0x15: operator.eq, 0x25: operator.gt, 0x35: operator.ge, 0x45: operator.and_}


@dataclass
class Trace:
    """What executing a filter came to."""

    verdict: int
    steps: int
    loaded: list[int]


def run(program: bytes, record: bytes) -> Trace:
    """Execute a classic BPF program on a record, as strictly as the kernel's checker would want it."""
    instructions = _decoded(program)
    position = accumulator = 0
    loaded: list[int] = []
    for steps in range(1, len(instructions) + 1):
        code, if_true, if_false, value = instructions[position]
        position += 1
        if code == 0x20:  # ld [k]
            assert value % 4 == 0 and value < 64
            (accumulator,) = struct.unpack_from("=I", record, value)
            loaded.append(value)
        elif code == 0x54:  # and k
            accumulator &= value
        elif code == 0x05:  # ja k
            position += value
        elif code == 0x06:  # ret k
            return Trace(value, steps, loaded)
        else:
            position += if_true if _COMPARISONS[code](accumulator, value) else if_false
    raise AssertionError("the program does not end")


@functools.cache
def _decoded(program: bytes) -> list[tuple[int, int, int, int]]:
    return list(struct.iter_unpack("=HBBI", program))


# A reader's way -------------------------------------------------------------------------------------------------


def by_the_rules(config: Config, machines_own: str, call: Call) -> int:
    """The verdict, worked out from the rules with no thought for speed."""
    default = _verdict(config["defaultAction"], config.get("defaultErrnoRet"))
    covered = {machines_own, *config.get("architectures", [])}
    block = [name for name in covered if _in_block(name, call)]
    if not block:
        return default if call.number == 0xFFFFFFFF and call.architecture == "SCMP_ARCH_X32" else KILL_THREAD
    (architecture,) = block
    table = numbers(ARCHITECTURES[architecture][0])
    own = [name for name, number in table.items() if number == call.number]
    rules = _rules_for(config, own)
    unconditional = [verdict for verdict, alternatives in rules if alternatives == [[]]]
    if unconditional:
        return unconditional[0]
    if architecture == "SCMP_ARCH_X86":
        rules += _without_first_argument(_rules_for(config, [_carried(call, table)]))
    for verdict, alternatives in rules:
        if any(_all_hold(each, architecture, call.arguments) for each in alternatives):
            return verdict
    return ERRNO | ENOSYS if _is_newer(config, architecture, call) else default


def by_libseccomp_and_runc(program: bytes, config: Config, call: Call) -> int:
    """The verdict of libseccomp's program, behind what runc puts before it: ENOSYS for what is newer."""
    newer = any(_is_newer(config, name, call) for name in config["architectures"] if _in_block(name, call))
    return ERRNO | ENOSYS if newer else run(program, call.record()).verdict


def _is_newer(config: Config, architecture: str, call: Call) -> bool:
    """Whether a call is beyond all that the profile names, and is so told from one that it forbids."""
    newest = max(_named(config, architecture, call.number), default=None)
    permissive = _default(config) & 0xFFFF0000 in (ALLOW, LOG, TRACE)
    return newest is not None and call.number > newest and not permissive


def _in_block(name: str, call: Call) -> bool:
    """Whether a number belongs to an architecture: x32 shares its token with x86_64."""
    if ARCHITECTURES[name][1] != ARCHITECTURES[call.architecture][1]:
        return False
    return ARCHITECTURES[name][1] != 0xC000003E or (name == "SCMP_ARCH_X32") == (call.number >= X32_BIT)


def _rules_for(config: Config, names: list[str]) -> list[tuple[int, Alternatives]]:
    """The rules that name one of some calls and say anything new."""
    found = [
        (_verdict(rule["action"], rule.get("errnoRet")), _alternatives(rule.get("args", [])))
        for rule in config["syscalls"]
        if set(names) & set(rule["names"])
    ]
    return [(verdict, alternatives) for verdict, alternatives in found if verdict != _default(config)]


def _without_first_argument(rules: list[tuple[int, Alternatives]]) -> list[tuple[int, Alternatives]]:
    """Rules for a call that another one carries: its first argument then lies behind a pointer."""
    first = [rule for rule in rules if rule[1] == [[]]]
    return first or [
        (verdict, [[each for each in some if each["index"] != 0] for some in alternatives])
        for verdict, alternatives in rules
    ]


def _carried(call: Call, table: dict[str, int]) -> str:
    which = call.arguments[0] & 0xFFFFFFFF
    if call.number == table["socketcall"] and which < len(_SOCKETCALLS):
        return _SOCKETCALLS[which]
    return _IPC.get(which & 0xFFFF, "") if call.number == table["ipc"] else ""


def _alternatives(arguments: list[Config]) -> Alternatives:
    indexes = [argument["index"] for argument in arguments]
    return [arguments] if len(set(indexes)) == len(indexes) else [[argument] for argument in arguments]


def _all_hold(conditions: list[Config], architecture: str, arguments: Sequence[int]) -> bool:
    return all(_holds(condition, architecture, arguments) for condition in conditions)


def _holds(condition: Config, architecture: str, arguments: Sequence[int]) -> bool:
    most = (1 << ARCHITECTURES[architecture][2]) - 1
    argument = arguments[condition["index"]] & most
    value = condition["value"] & most
    results: dict[str, bool] = {
        "SCMP_CMP_NE": argument != value,
        "SCMP_CMP_LT": argument < value,
        "SCMP_CMP_LE": argument <= value,
        "SCMP_CMP_EQ": argument == value,
        "SCMP_CMP_GE": argument >= value,
        "SCMP_CMP_GT": argument > value,
        "SCMP_CMP_MASKED_EQ": argument & value == condition.get("valueTwo", 0) & value,
    }
    return results[condition["op"]]


def _named(config: Config, architecture: str, number: int) -> set[int]:
    """Numbers that the profile names, of the block that a number is in: ARM's private calls are one."""
    table = numbers(ARCHITECTURES[architecture][0])
    named = {table[name] for rule in config["syscalls"] for name in rule["names"] if name in table}
    for rule in config["syscalls"] if architecture == "SCMP_ARCH_X86" else []:
        if _verdict(rule["action"], rule.get("errnoRet")) == _default(config):
            continue
        named |= {table["socketcall"] for name in rule["names"] if name in _SOCKETCALLS}
        named |= {table["ipc"] for name in rule["names"] if name in _IPC.values()}
    if architecture == "SCMP_ARCH_ARM":
        return {other for other in named if (other >= 0xF0000) == (number >= 0xF0000)}
    return named


def _default(config: Config) -> int:
    return _verdict(config["defaultAction"], config.get("defaultErrnoRet"))


def _verdict(action: str, errno_ret: int | None) -> int:
    takes_errno = action in ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")
    return _VERDICTS[action] | ((EPERM if errno_ret is None else errno_ret) if takes_errno else 0)


# Another compiler's way -------------------------------------------------------------------------------------------


def libseccomp(config: Config, machines_own: str) -> bytes:
    """The program that libseccomp makes, when it is asked for the rules as runc asks it."""
    compiled = pyseccomp.SyscallFilter(_default(config))  # its actions are the kernel's answers
    covered = dict.fromkeys([machines_own, *config.get("architectures", [])])
    native = pyseccomp.system_arch()
    for name in covered:
        if ARCHITECTURES[name][3] != native:
            compiled.add_arch(ARCHITECTURES[name][3])
    if native not in [ARCHITECTURES[name][3] for name in covered]:
        compiled.remove_arch(native)
    for rule in config["syscalls"]:
        _add_rule(compiled, rule, _default(config))
    return _exported(compiled)


def knows(name: str) -> bool:
    """Whether libseccomp has heard of a call; Debian 12's has not of those after Linux 5.17."""
    return bool(pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) != -1)


def _add_rule(compiled: Any, rule: Config, default: int) -> None:
    verdict = _verdict(rule["action"], rule.get("errnoRet"))
    if verdict == default:
        return  # libseccomp refuses such a rule; runc leaves it out
    for name in filter(knows, rule["names"]):
        for conditions in _alternatives(rule.get("args", [])):
            compiled.add_rule(verdict, name, *map(_argument, conditions))


def _argument(condition: Config) -> Any:
    comparison = getattr(pyseccomp, condition["op"].removeprefix("SCMP_CMP_"))
    return pyseccomp.Arg(condition["index"], comparison, condition["value"], condition.get("valueTwo", 0))


def _exported(compiled: Any) -> bytes:
    with tempfile.TemporaryFile() as file:
        compiled.export_bpf(file)
        file.seek(0)
        return file.read()
