"""The eBPF program says what the rules say: compared by running it, an instruction at a time."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidock.errors import MinidockError
from minidock.kernel import device_filter
from minidock.kernel.device_filter import DeviceRule, parse

ACCESSES = ("", "r", "w", "m", "rw", "rm", "wm", "rwm")
_MASK = (1 << 64) - 1


class Machine:
    """As much of an eBPF processor as the programs use, written from the instruction set's specification."""

    def __init__(self, context: bytes) -> None:
        self.context = context
        self.registers = [0, "context", *[0] * 8, "frame"]
        self.steps = 0

    def run(self, program: bytes) -> int:
        code = list(struct.iter_unpack("<BBhi", program))
        at = 0
        while True:
            self.steps += 1
            opcode, registers, offset, constant = code[at]
            at += 1
            if opcode == 0x95:  # EXIT
                return self._number(0)
            at += self._execute(opcode, registers & 15, registers >> 4, offset, constant)

    def _number(self, register: int) -> int:
        value = self.registers[register]
        assert isinstance(value, int), "arithmetic with a pointer"
        return value

    def _execute(self, opcode: int, dst: int, src: int, offset: int, constant: int) -> int:
        """Do one instruction; how far to jump beyond the next one."""
        if opcode == 0x61:  # LDX | MEM | W
            assert self.registers[src] == "context"
            (self.registers[dst],) = struct.unpack_from("<I", self.context, offset)
        elif opcode == 0xB7:  # ALU64 | MOV | K
            self.registers[dst] = constant & _MASK
        elif opcode == 0xBF:  # ALU64 | MOV | X
            self.registers[dst] = self.registers[src]
        elif opcode == 0x57:  # ALU64 | AND | K: the constant is sign-extended
            self.registers[dst] = self._number(dst) & (constant & _MASK)
        elif opcode == 0x77:  # ALU64 | RSH | K
            self.registers[dst] = self._number(dst) >> constant
        elif opcode == 0x05:  # JMP | JA
            return offset
        elif opcode == 0x56:  # JMP32 | JNE | K
            return offset if self._number(dst) & 0xFFFFFFFF != constant & 0xFFFFFFFF else 0
        elif opcode == 0x46:  # JMP32 | JSET | K
            return offset if self._number(dst) & constant & 0xFFFFFFFF else 0
        else:
            raise AssertionError(f"no such instruction: {opcode:#x}")
        return 0


def fits(rule: DeviceRule, kind: str, major: int, minor: int) -> bool:
    return rule.kind in ("a", kind) and rule.major in (None, major) and rule.minor in (None, minor)


def allowed(rules: Sequence[DeviceRule], kind: str, major: int, minor: int, access: str) -> bool:
    """What the rules say: each access asked for is decided by the last rule that speaks of it."""
    for letter in access:
        verdicts = [rule.allow for rule in rules if letter in rule.access and fits(rule, kind, major, minor)]
        if not verdicts or not verdicts[-1]:
            return False
    return True


def answer(rules: list[DeviceRule], kind: str, major: int, minor: int, access: str) -> bool:
    wanted = sum(device_filter.ACCESS[letter] for letter in access)
    context = struct.pack("<3I", wanted << 16 | device_filter.KINDS[kind], major, minor)
    return bool(Machine(context).run(device_filter.assemble(rules)))


def test_the_last_rule_that_fits_decides() -> None:
    rules = [parse("deny a *:* rwm"), parse("allow c 1:3 rwm"), parse("allow b 8:* r"), parse("deny b 8:1 r")]
    assert answer(rules, "c", 1, 3, "rw")
    assert not answer(rules, "b", 1, 3, "rw")
    assert answer(rules, "b", 8, 0, "r")
    assert not answer(rules, "b", 8, 0, "rw")
    assert not answer(rules, "b", 8, 1, "r")


def test_without_any_rule_everything_is_denied() -> None:
    assert not any(answer([], kind, 1, 3, access) for kind in "bc" for access in ACCESSES[1:])


def test_rules_that_each_grant_a_part_grant_the_whole_together() -> None:
    rules = [parse("allow c 1:* r"), parse("allow c *:3 w")]
    assert answer(rules, "c", 1, 3, "rw")
    assert not answer(rules, "c", 1, 4, "rw")


def test_denying_a_part_denies_a_request_that_asks_for_more() -> None:
    rules = [parse("allow a *:* rwm"), parse("deny c 1:3 w")]
    assert answer(rules, "c", 1, 3, "r")
    assert not answer(rules, "c", 1, 3, "rw")


def test_every_pair_of_rules_is_decided_as_written_for_every_request() -> None:
    kinds: tuple[device_filter.Kind, ...] = ("a", "b", "c")
    every_rule = [
        DeviceRule(allow=allow, kind=kind, major=major, access=access)
        for allow in (True, False)
        for kind in kinds
        for major in (None, 1)
        for access in ("r", "rw", "m", "rwm")
    ]
    requests = list(itertools.product("bc", (1, 2), (3,), ACCESSES))
    for rules in itertools.product(every_rule, repeat=2):
        program = device_filter.assemble(rules)
        for kind, major, minor, access in requests:
            wanted = sum(device_filter.ACCESS[letter] for letter in access)
            context = struct.pack("<3I", wanted << 16 | device_filter.KINDS[kind], major, minor)
            expected = allowed(rules, kind, major, minor, access)
            assert bool(Machine(context).run(program)) == expected, (
                list(map(str, rules)),
                kind,
                major,
                access,
            )


NUMBERS = st.sampled_from([None, 0, 1, 3, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
RULES = st.builds(
    DeviceRule,
    allow=st.booleans(),
    kind=st.sampled_from(["a", "b", "c"]),
    major=NUMBERS,
    minor=NUMBERS,
    access=st.sampled_from(ACCESSES[1:]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(RULES, max_size=40))
def test_long_lists_are_decided_as_written(rules: list[DeviceRule]) -> None:
    for kind, major, minor, access in itertools.product("bc", (1, 0xFFFFFFFF), (0, 3), ("r", "rw", "rwm")):
        assert answer(rules, kind, major, minor, access) == allowed(rules, kind, major, minor, access)


def test_no_jump_leads_backwards_so_that_every_program_ends() -> None:
    rules = [parse("allow c 1:3 r"), parse("deny b 8:* w"), parse("allow a *:* m")] * 50
    program = device_filter.assemble(rules)
    machine = Machine(struct.pack("<3I", 7 << 16 | 2, 9, 9))
    machine.run(program)
    assert machine.steps <= len(program) // 8
    jumps = [offset for opcode, _, offset, _ in struct.iter_unpack("<BBhi", program) if opcode & 7 in (5, 6)]
    assert min(jumps) >= 0


def test_rules_before_one_that_fits_everything_are_left_out() -> None:
    short = device_filter.assemble([parse("deny a *:* rwm"), parse("allow c 1:3 rwm")])
    long = device_filter.assemble([*[parse("allow b 8:0 r")] * 100, parse("deny a *:* rwm"), parse("allow c 1:3 rwm")])
    assert short == long


@pytest.mark.parametrize("text", ["allow c 1:3 rwm", "deny a *:* rwm", "allow b 8:* m", "deny c *:7 rw"])
def test_a_rule_is_written_as_it_is_read(text: str) -> None:
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "allow", "allow c 1:3", "permit c 1:3 r", "allow x 1:3 r", "allow c 1 r", "allow c 1:3 rx"),
        *("allow c a:b r", "allow c -7:3 r", "allow c 1:4294967296 r", "allow c 1:2:3 r"),
    ],
)
def test_a_malformed_rule_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(MinidockError) as refused:
        parse(text)
    assert refused.value.hint


def test_minus_one_stands_for_any_number() -> None:
    assert str(DeviceRule(allow=True, kind="c", major=-1, minor=-1)) == "allow c *:* rwm"


def test_a_rule_without_access_is_refused() -> None:
    with pytest.raises(MinidockError):
        DeviceRule(allow=True, kind="c", major=1, minor=3, access="")
