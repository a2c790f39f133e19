"""System call filters: which requests to the kernel a process may still make. seccomp(2)

Everything a program asks of Linux is a system call: a number and up to six arguments. There are some 400; a
program needs a part of them, and the rest only serves those who attack the kernel. With seccomp a process
gives calls up, for itself and all that it starts, for good. It hands the kernel a filter: a small program in
classic BPF that sees a call's architecture, number and arguments, though not what a pointer points to, and
answers with a verdict: allow, fail with an errno, log, kill.

This file turns the rules of an OCI config (`linux.seccomp`) into such a program, without libseccomp, and
seccomp_filter.py hands it to the kernel:

    load the architecture       one kernel serves several: x86_64, 32-bit x86, x32, each with its own numbers
    load the number             neighbours with one verdict are a range; ranges are found by halving
    load arguments              only for the few calls whose rules have conditions

No argument is loaded for a call that is always allowed. So Linux 5.11 and later finds out, when the filter is
installed, which calls those are, and does not run the filter for them again.
"""

from __future__ import annotations

import errno
import os
from _bisect import bisect_left

from minidock.errors import MinidockError
from minidock.kernel.classic_bpf import IF_ANY_BIT, IF_EQUAL, Program, merged
from minidock.kernel.seccomp_words import ACTIONS, OPERATORS
from minidock.kernel.syscall_numbers import X32_BIT, numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from minidock.kernel.classic_bpf import Change

    Condition = tuple[int, str, int, int]  # index, operator, value, valueTwo
    Rule = tuple[tuple[Condition, ...], int]  # what must hold, and the verdict if all of it does

_TAKE_ERRNO = ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")
_KILL = ACTIONS["SCMP_ACT_KILL"]
_PASSING = (ACTIONS["SCMP_ACT_ALLOW"], ACTIONS["SCMP_ACT_LOG"], ACTIONS["SCMP_ACT_TRACE"])

# OCI's name of an architecture: its table of numbers, its token (linux/audit.h), the width of its arguments.
ARCHITECTURES = {
    "SCMP_ARCH_X86_64": ("x86_64", 0xC000_003E, 64),
    "SCMP_ARCH_X86": ("i386", 0x4000_0003, 32),
    "SCMP_ARCH_X32": ("x32", 0xC000_003E, 32),
    "SCMP_ARCH_AARCH64": ("aarch64", 0xC000_00B7, 64),
    "SCMP_ARCH_ARM": ("arm", 0x4000_0028, 32),
}
# What one kernel serves, its own architecture first. No other token can reach a filter on that machine.
_SERVED = {
    "x86_64": ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"),
    "aarch64": ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"),
}
_ELSEWHERE = (
    *("MIPS", "MIPS64", "MIPS64N32", "MIPSEL", "MIPSEL64", "MIPSEL64N32", "PPC", "PPC64", "PPC64LE"),
    *("RISCV64", "S390", "S390X", "PARISC", "PARISC64", "LOONGARCH64", "M68K", "SH", "SHEB"),
)
# Where a second range of numbers begins: x32 beside x86_64, and ARM's private calls.
_SECOND_RANGE = {0xC000_003E: X32_BIT, 0x4000_0028: 0xF_0000}

# 32-bit x86 can make these calls through another, whose first argument says which: linux/net.h, linux/ipc.h.
# A row is that call, the first of its numbers, how much of the argument counts (the upper half of ipc's is a
# version), and the calls.
_THROUGH_OTHERS = """
socketcall 1 0xFFFFFFFF socket bind connect listen accept getsockname getpeername socketpair send recv sendto
socketcall 12 0xFFFFFFFF recvfrom shutdown setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg
ipc 1 0xFFFF semop semget semctl semtimedop
ipc 11 0xFFFF msgsnd msgrcv msgget msgctl
ipc 21 0xFFFF shmat shmdt shmget shmctl
"""

# struct seccomp_data: int nr; __u32 arch; __u64 instruction_pointer; __u64 args[6]
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_WORD = 0xFFFF_FFFF  # the largest value of 32 bits


# From rules to a program --------------------------------------------------------------------------------


def compile(seccomp: dict[str, Any], machine: str | None = None) -> bytes:  # noqa: A001
    """The BPF program for an OCI `linux.seccomp`, whose types have been checked, on a kind of machine.

    Where rules overlap they do as with runc and libseccomp: a rule without conditions beats those with
    conditions, else the first that matches decides; rules that repeat the default count for nothing.
    """
    architectures = _covered(seccomp.get("architectures") or [], machine)
    default = _verdict(seccomp["defaultAction"], seccomp.get("defaultErrnoRet"), "defaultAction")
    calls = Calls(default)
    for position, rule in enumerate(seccomp.get("syscalls") or []):
        calls.note(rule, f"syscalls[{position}]")
    blocks = _Blocks(default)
    entry = blocks.program.give(_KILL)  # an architecture that no rule is for: as libseccomp does
    entries = {token: _numbers_of(token, architectures, calls, blocks) for token in _tokens(architectures)}
    for token, start in entries.items():
        entry = blocks.program.jump(IF_EQUAL, token, start, entry)
    blocks.program.load(_ARCHITECTURE, entry)
    return blocks.program.assembled()


def verdicts(seccomp: dict[str, Any], machine: str | None = None) -> dict[str, int | None]:
    """What the filter answers to each call of the machine's own architecture; None: that depends on its arguments."""
    own = _covered([], machine)[0]
    default = _verdict(seccomp["defaultAction"], seccomp.get("defaultErrnoRet"), "defaultAction")
    calls = Calls(default)
    for position, rule in enumerate(seccomp.get("syscalls") or []):
        calls.note(rule, f"syscalls[{position}]")
    known = numbers(ARCHITECTURES[own][0])
    last = max((known[name] for name in (*calls.certain, *calls.conditional) if name in known), default=-1)
    return {name: calls.answer(name, newer=last >= 0 and number > last) for name, number in known.items()}


def _covered(names: Sequence[str], machine: str | None) -> list[str]:
    """The architectures that the filter tells apart: the machine's own, and those listed that it serves."""
    machine = machine or os.uname().machine
    if machine not in _SERVED:
        hint = "Run without a filter: --security-opt seccomp=unconfined."
        raise MinidockError(f"seccomp: the system calls of a {machine} machine are not known", hint=hint)
    for name in names:
        if name not in ARCHITECTURES and name.removeprefix("SCMP_ARCH_") not in _ELSEWHERE:
            raise MinidockError(f'seccomp: "{name}" is no architecture', hint="One is SCMP_ARCH_X86_64.")
    own, *others = _SERVED[machine]
    return [own, *(name for name in others if name in names)]


# What the rules say -------------------------------------------------------------------------------------


class Calls:
    """What the rules say of each call, by name."""

    def __init__(self, default: int) -> None:
        self.default = default
        self.certain: dict[str, int] = {}
        self.conditional: dict[str, list[Rule]] = {}  # an empty list: a rule names the call, to no effect

    def note(self, rule: dict[str, Any], where: str) -> None:
        """Note one rule of the config for each call that it names."""
        verdict = _verdict(rule["action"], rule.get("errnoRet"), where)
        alternatives = _alternatives(rule.get("args") or [], where)
        rules = [(conditions, verdict) for conditions in alternatives] if verdict != self.default else []
        for name in rule.get("names") or []:
            if rules and not alternatives[0]:
                self.certain.setdefault(name, verdict)
            else:
                self.conditional.setdefault(name, []).extend(rules)

    def answer(self, name: str, *, newer: bool) -> int | None:
        """The verdict for a call; None if its arguments decide. `newer`: its number is above all that are named."""
        if name in self.certain:
            return self.certain[name]
        if self.conditional.get(name):
            return None
        return _for_newer_calls(self.default) if newer else self.default


def _verdict(action: str, errno_ret: int | None, where: str) -> int:
    """The answer for an action, with its errno: EPERM where the config gives none, as with runc."""
    if action == "SCMP_ACT_NOTIFY":
        hint = "Use SCMP_ACT_ERRNO to refuse such calls, or SCMP_ACT_LOG to see them in the kernel's log."
        raise MinidockError(f"seccomp: {where}: minidock has no listener for SCMP_ACT_NOTIFY", hint=hint)
    if action not in ACTIONS:
        hint = f"One of {', '.join(ACTIONS)}."
        raise MinidockError(f'seccomp: {where}: "{action}" is no action', hint=hint)
    if action not in _TAKE_ERRNO:
        if errno_ret is not None:
            hint = "Leave errnoRet out, or make it SCMP_ACT_ERRNO."
            raise MinidockError(f"seccomp: {where}: {action} takes no errnoRet ({errno_ret})", hint=hint)
        return ACTIONS[action]
    number = errno.EPERM if errno_ret is None else errno_ret
    if not 0 <= number <= 0xFFFF:
        raise MinidockError(f"seccomp: {where}: errnoRet {number} does not fit 16 bits", hint="EPERM is 1.")
    return ACTIONS[action] | number


def _alternatives(arguments: list[dict[str, Any]], where: str) -> list[tuple[Condition, ...]]:
    """Sets of conditions, one of which must hold.

    Conditions on different arguments must all hold; several on one argument are alternatives, as with runc,
    which keeps what profiles have come to rely on (opencontainers/runc issue 2735).
    """
    conditions = [_condition(argument, where) for argument in arguments]
    if len({condition[0] for condition in conditions}) < len(conditions):
        return [(condition,) for condition in conditions]
    return [tuple(conditions)]


def _condition(argument: dict[str, Any], where: str) -> Condition:
    index, operator = argument["index"], argument["op"]
    value, second = argument["value"], argument.get("valueTwo") or 0
    if not 0 <= index <= 5:
        raise MinidockError(f"seccomp: {where}: argument {index}", hint="Arguments are counted from 0 to 5.")
    if operator not in OPERATORS:
        hint = f"One of {', '.join(OPERATORS)}."
        raise MinidockError(f'seccomp: {where}: "{operator}" is no comparison', hint=hint)
    for number in (value, second):
        if not 0 <= number < 1 << 64:
            raise MinidockError(f"seccomp: {where}: {number} is no 64-bit number", hint="Write it unsigned.")
    return index, operator, value, second


# From names to ranges of numbers --------------------------------------------------------------------------


def _tokens(architectures: list[str]) -> list[int]:
    """The tokens of some architectures, the machine's own last: what is written last is what runs first."""
    return list(dict.fromkeys(ARCHITECTURES[name][1] for name in architectures))[::-1]


def _numbers_of(token: int, architectures: list[str], calls: Calls, blocks: _Blocks) -> int:
    """Code that finds the verdict for a number, among all the numbers that a token can come with."""
    sharing = [name for name in architectures if ARCHITECTURES[name][1] == token]
    labels: dict[int, int] = {}
    for name in sharing:
        labels |= _labels(name, calls, blocks)
    named = sorted(labels)
    second = _SECOND_RANGE.get(token, _WORD)
    middle = bisect_left(named, second)
    changes = _range(0, named[:middle], labels, blocks)
    if second == X32_BIT and len(sharing) == 1:
        # x32 was not asked for, and its numbers would be a way around every rule. The last number, -1, is
        # what a tracer writes to have a call skipped: that is no x32 call.
        changes += [(X32_BIT, blocks.program.give(_KILL)), (_WORD, blocks.default)]
    elif second < _WORD:
        changes += _range(second, named[middle:], labels, blocks)
    return blocks.program.switch(_NUMBER, merged(changes))


def _labels(architecture: str, calls: Calls, blocks: _Blocks) -> dict[int, int]:
    """Where each call that is named continues, by its number on one architecture.

    A name without a number there is ignored, as by runc: profiles name the calls of every machine.
    """
    table, _, bits = ARCHITECTURES[architecture]
    known = numbers(table)
    given = {verdict: blocks.program.give(verdict) for verdict in set(calls.certain.values())}
    labels = {known[name]: given[verdict] for name, verdict in calls.certain.items() if name in known}
    conditional = [(known[name], rules) for name, rules in calls.conditional.items() if name in known]
    if architecture == "SCMP_ARCH_X86":
        conditional += _through_others(known, calls)
    together: dict[int, list[Rule]] = {}
    for number, rules in conditional:
        if number not in labels:
            together[number] = together.get(number, []) + rules
    return labels | {number: blocks.decide(rules, bits) for number, rules in together.items()}


def _through_others(known: dict[str, int], calls: Calls) -> list[tuple[int, list[Rule]]]:
    """The rules for calls as they look when another call carries them.

    As with libseccomp, what a rule asks of the first argument is lost: that lies behind a pointer here.
    """
    found = []
    for row in _THROUGH_OTHERS.strip().split("\n"):
        carrier, first, mask, *names = row.split()
        for which, name in enumerate(names, int(first)):
            told = (0, "SCMP_CMP_MASKED_EQ", int(mask, 16), which)
            rules = calls.conditional.get(name, [])
            if name in calls.certain:
                rules = [((), calls.certain[name])]
            seen = [((told, *(each for each in rule if each[0] != 0)), verdict) for rule, verdict in rules]
            if seen:
                found.append((known[carrier], seen))
    return found


def _range(start: int, named: list[int], labels: dict[int, int], blocks: _Blocks) -> list[Change]:
    """The changes from one number on, up to what is newer than all calls that the rules name."""
    changes = [(start, blocks.default)]
    following = start
    for number in named:
        if number != following and changes[-1][1] != blocks.default:
            changes.append((following, blocks.default))
        if labels[number] != changes[-1][1]:
            changes.append((number, labels[number]))
        following = number + 1
    return [*changes, (following, blocks.newer)] if named else changes


# From verdicts to code ------------------------------------------------------------------------------------


class _Blocks:
    """The code of verdicts. Equal ones share their code, whichever call or architecture they are for."""

    def __init__(self, default: int) -> None:
        self.program = Program()
        self.default = self.program.give(default)
        self.newer = self.program.give(_for_newer_calls(default))
        self._known: dict[tuple[tuple[Rule, ...], int], int] = {}

    def decide(self, rules: list[Rule], bits: int) -> int:
        """Code that looks at a call's arguments, and comes to the default if no rule matches."""
        known = (tuple(rules), bits)
        if known not in self._known:
            label = self.default
            for group in reversed(_groups(rules)):
                label = self._group(group, label, bits)
            self._known[known] = label
        return self._known[known]

    def _group(self, rules: list[Rule], otherwise: int, bits: int) -> int:
        """Code for one rule, or for several that look at one argument: the first that matches decides."""
        if len(rules) > 1:
            ranges = [(0, otherwise)]
            for ((_, operator, value, _),), verdict in reversed(rules):
                _paint(ranges, operator, value, self.program.give(verdict), bits)
            return self._compare(rules[0][0][0][0], ranges, bits)
        conditions, verdict = rules[0]
        label = self.program.give(verdict)
        for index, operator, value, second in reversed(conditions):
            if operator == "SCMP_CMP_MASKED_EQ":
                label = self._compare_masked(index, value, second & value, (label, otherwise), bits)
            else:
                ranges = [(0, otherwise)]
                _paint(ranges, operator, value, label, bits)
                label = self._compare(index, ranges, bits)
        return label

    def _compare(self, index: int, changes: list[Change], bits: int) -> int:
        """Code that goes where an argument's range says: by its upper half, and if need be by its lower."""
        low, high = _ARGUMENTS + 8 * index, _ARGUMENTS + 8 * index + 4
        if bits == 32:
            return self.program.switch(low, merged(changes))
        halves: dict[int, list[Change]] = {}
        for start, label in changes:
            halves.setdefault(start >> 32, []).append((start & _WORD, label))
        upper: list[Change] = []
        before = changes[0][1]
        for half, lower in halves.items():
            upper.append((half, self.program.switch(low, merged([(0, before), *lower]))))
            before = lower[-1][1]
            upper.append((half + 1, before))
        return self.program.switch(high, merged([change for change in upper if change[0] <= _WORD]))

    def _compare_masked(self, index: int, mask: int, value: int, ways: tuple[int, int], bits: int) -> int:
        """Code that looks at some bits of an argument."""
        yes, no = ways
        for shift in (0, 32) if bits == 64 else (0,):
            some, wanted = mask >> shift & _WORD, value >> shift & _WORD
            if some and wanted:
                yes = self.program.mask(some, self.program.jump(IF_EQUAL, wanted, yes, no))
            elif some:
                yes = self.program.jump(IF_ANY_BIT, some, no, yes)
            if some:
                yes = self.program.load(_ARGUMENTS + 8 * index + shift // 8, yes)
        return yes


def _for_newer_calls(default: int) -> int:
    """What calls get that are newer than all that the rules name: ENOSYS, as if the kernel were older.

    Programs try a new call and fall back to an old one on ENOSYS; on EPERM they give up. A profile that was
    written before a call existed cannot have meant to forbid it, so runc answers ENOSYS above the largest
    number that a profile names. Not so where the default lets calls pass, or is ENOSYS itself.
    """
    return default if default & 0xFFFF_0000 in _PASSING else ACTIONS["SCMP_ACT_ERRNO"] | errno.ENOSYS


def _groups(rules: list[Rule]) -> list[list[Rule]]:
    """Rules in order, those together that follow each other and have but one condition, on one argument."""
    groups: list[list[Rule]] = []
    together: int | None = None
    for rule in rules:
        index, operator, _, _ = rule[0][0]
        alone = len(rule[0]) > 1 or operator == "SCMP_CMP_MASKED_EQ"
        if not alone and together == index:
            groups[-1].append(rule)
        else:
            groups.append([rule])
        together = None if alone else index
    return groups


def _paint(changes: list[Change], operator: str, value: int, label: int, bits: int) -> None:
    """Have those values of an argument that fulfil a comparison lead to a label."""
    top = (1 << bits) - 1
    # A 32-bit architecture knows no more of a constant than of an argument: as libseccomp.
    for first, last in _fulfilling(operator, value & top, top):
        if first <= last:
            begin, end = bisect_left(changes, (first, -1)), bisect_left(changes, (last + 2, -1))
            after = [(last + 1, changes[end - 1][1])] if last < top else []
            changes[begin:end] = [(first, label), *after]


def _fulfilling(operator: str, value: int, top: int) -> list[tuple[int, int]]:
    """The ranges of values, first to last, for which a comparison holds; one with last < first is empty."""
    return {
        "SCMP_CMP_NE": [(0, value - 1), (value + 1, top)],
        "SCMP_CMP_LT": [(0, value - 1)],
        "SCMP_CMP_LE": [(0, value)],
        "SCMP_CMP_EQ": [(value, value)],
        "SCMP_CMP_GE": [(value, top)],
        "SCMP_CMP_GT": [(value + 1, top)],
    }[operator]
