"""What compiled filters say, asked of every number, and held against the rules and against libseccomp."""

from __future__ import annotations

import itertools
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidock.errors import MinidockError
from minidock.kernel import seccomp, seccomp_filter, seccomp_words
from minidock.kernel.syscall_numbers import X32_BIT, numbers
from minidock.runtime import seccomp_profile
from tests import seccomp_judges
from tests.seccomp_judges import (
    ALLOW,
    ENOSYS,
    EPERM,
    ERRNO,
    KILL_THREAD,
    Call,
    Config,
    by_libseccomp_and_runc,
    by_the_rules,
    run,
)

OWN = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}
X86_64, X86, X32 = "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"
AARCH64, ARM = "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"
MACHINE = {X86_64: "x86_64", X86: "x86_64", X32: "x86_64", AARCH64: "aarch64", ARM: "aarch64"}
CAPABILITIES = ("", "CAP_SYS_ADMIN", "CAP_SYS_PTRACE")
NOTHING = (0, 0, 0, 0, 0, 0)
UPPER = 1 << 32


def docker(machine: str, *capabilities: str) -> Config:
    return seccomp_profile.resolve(seccomp_profile.default_profile(), capabilities, machine, "6.1")


def allow_list(*rules: Config, architectures: tuple[str, ...] = (), **more: Any) -> Config:
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": list(architectures),
        "syscalls": list(rules),
        **more,
    }


def rule(*names: str, action: str = "SCMP_ACT_ALLOW", **more: Any) -> Config:
    return {"names": list(names), "action": action, **more}


def argument(index: int, operator: str, value: int, second: int = 0) -> Config:
    return {"index": index, "op": f"SCMP_CMP_{operator}", "value": value, "valueTwo": second}


def verdict(program: bytes, call: Call) -> int:
    return run(program, call.record()).verdict


def asked_of(architecture: str, name: str, *arguments: int) -> Call:
    number = numbers(seccomp_judges.ARCHITECTURES[architecture][0])[name]
    return Call(architecture, number, (*arguments, *NOTHING)[:6])


def all_numbers(architecture: str) -> list[int]:
    """Every number that has a call, those around them, and the ends of what a number can be."""
    base = X32_BIT if architecture == X32 else 0
    private = range(0xEFFFF, 0xF000A) if architecture == ARM else ()
    ends = (0x3FFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
    return [*range(base, base + 620), *private, *ends]


def telling_values(config: Config) -> dict[int, list[int]]:
    """For each argument with conditions, the values at which a verdict might change."""
    found: dict[int, set[int]] = {}
    for each in itertools.chain.from_iterable(each.get("args", []) for each in config["syscalls"]):
        for value in (each["value"], each.get("valueTwo", 0), each["value"] & ~each.get("valueTwo", 0)):
            near = {value - 1, value, value + 1, value + UPPER, value << 32, value ^ 1, value | 1 << 63}
            found.setdefault(each["index"], set()).update(v % (1 << 64) for v in near)
    return {index: sorted(values | {0, (1 << 64) - 1}) for index, values in found.items()}


def conditional_numbers(config: Config, architecture: str) -> set[int]:
    table = numbers(seccomp_judges.ARCHITECTURES[architecture][0])
    named = {name for each in config["syscalls"] if each.get("args") for name in each["names"]}
    if architecture == X86:
        named |= {"socketcall", "ipc"}
    return {table[name] for name in named if name in table}


def calls_to_ask(config: Config, architecture: str) -> list[Call]:
    calls = [Call(architecture, number) for number in all_numbers(architecture)]
    for index, values in telling_values(config).items():
        for number, value in itertools.product(sorted(conditional_numbers(config, architecture)), values):
            filled = list(NOTHING)
            filled[index] = value
            calls.append(Call(architecture, number, tuple(filled)))
    return calls


# Docker's profile ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("architecture", list(MACHINE))
def test_every_number_gets_the_verdict_of_the_default_profiles_rules(architecture: str, capability: str) -> None:
    machine = MACHINE[architecture]
    config = docker(machine, capability)
    program = seccomp.compile(config, machine)
    for call in calls_to_ask(config, architecture):
        assert verdict(program, call) == by_the_rules(config, OWN[machine], call), call


@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("architecture", list(MACHINE))
def test_every_number_gets_the_verdict_of_libseccomp_and_runc(architecture: str, capability: str) -> None:
    machine = MACHINE[architecture]
    config = docker(machine, capability)
    ours = seccomp.compile(config, machine)
    theirs = seccomp_judges.libseccomp(config, OWN[machine])
    table = numbers(seccomp_judges.ARCHITECTURES[architecture][0])
    unknown = {number for name, number in table.items() if not seccomp_judges.knows(name)}
    assert len(unknown) < 25
    for call in calls_to_ask(config, architecture):
        if call.number not in unknown:
            assert verdict(ours, call) == by_libseccomp_and_runc(theirs, config, call), call


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_default_profile_is_a_short_program_of_short_paths(machine: str) -> None:
    program = seccomp.compile(docker(machine), machine)
    assert len(program) // 8 <= 240
    for architecture in (name for name, its_machine in MACHINE.items() if its_machine == machine):
        steps = [run(program, Call(architecture, n).record()).steps for n in all_numbers(architecture)]
        assert max(steps) <= 24
        assert sum(steps) / len(steps) <= 13


@pytest.mark.parametrize(("machine", "token"), [("x86_64", 0xC000003E), ("aarch64", 0xC00000B7)])
def test_the_machines_own_architecture_is_asked_for_first(machine: str, token: int) -> None:
    first, second, *_ = struct.iter_unpack("=HBBI", seccomp.compile(docker(machine), machine))
    assert first == (0x20, 0, 0, 4), "load the architecture"
    assert (second[0], second[3]) == (0x15, token), "compare"


def test_no_argument_is_loaded_for_a_call_that_is_always_allowed() -> None:
    program = seccomp.compile(docker("x86_64"), "x86_64")
    assert run(program, asked_of(X86_64, "read").record()).loaded == [4, 0]
    assert run(program, asked_of(X86_64, "clone").record()).loaded == [4, 0, 16]


# Architectures --------------------------------------------------------------------------------------------------


def test_an_architecture_that_the_profile_does_not_list_is_killed() -> None:
    program = seccomp.compile(allow_list(rule("read"), architectures=(X86_64,)), "x86_64")
    assert verdict(program, asked_of(X86_64, "read")) == ALLOW
    assert verdict(program, asked_of(X86, "read")) == KILL_THREAD
    assert verdict(program, asked_of(X32, "read")) == KILL_THREAD
    assert run(program, Call(X86_64, 0).record(token=0xC00000B7)).verdict == KILL_THREAD


def test_the_machines_own_architecture_is_covered_even_where_no_architecture_is_listed() -> None:
    program = seccomp.compile(allow_list(rule("read")), "x86_64")
    assert verdict(program, asked_of(X86_64, "read")) == ALLOW
    assert verdict(program, asked_of(X86, "read")) == KILL_THREAD


def test_the_number_that_a_tracer_writes_to_skip_a_call_is_not_taken_for_x32() -> None:
    program = seccomp.compile(allow_list(rule("read")), "x86_64")
    assert verdict(program, Call(X86_64, 0xFFFFFFFF)) == ERRNO | EPERM
    assert verdict(program, Call(X86_64, 0xFFFFFFFE)) == KILL_THREAD


def test_an_architecture_of_other_machines_changes_nothing() -> None:
    listed = allow_list(rule("read"), architectures=(X86_64, "SCMP_ARCH_S390X", AARCH64))
    assert seccomp.compile(listed, "x86_64") == seccomp.compile(allow_list(rule("read")), "x86_64")


def test_names_that_no_table_has_are_passed_over() -> None:
    with_it = allow_list(rule("read", "no_such_call", "s390_pci_mmio_read"))
    assert seccomp.compile(with_it, "x86_64") == seccomp.compile(allow_list(rule("read")), "x86_64")


# Calls newer than the profile ---------------------------------------------------------------------------------


def test_a_call_newer_than_all_that_the_profile_names_does_not_exist() -> None:
    program = seccomp.compile(allow_list(rule("read", "openat2")), "x86_64")
    newest = numbers("x86_64")["openat2"]
    assert verdict(program, Call(X86_64, newest)) == ALLOW
    assert verdict(program, Call(X86_64, newest - 1)) == ERRNO | EPERM
    assert verdict(program, Call(X86_64, newest + 1)) == ERRNO | ENOSYS


def test_a_call_that_the_profile_names_only_to_refuse_it_counts_as_known() -> None:
    config = allow_list(rule("read"), rule("openat2", action="SCMP_ACT_ERRNO"))
    newest = numbers("x86_64")["openat2"]
    assert verdict(seccomp.compile(config, "x86_64"), Call(X86_64, newest)) == ERRNO | EPERM


@pytest.mark.parametrize("action", ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"])
def test_where_the_default_lets_calls_pass_newer_ones_pass_too(action: str) -> None:
    config = {"defaultAction": action, "syscalls": [rule("read", action="SCMP_ACT_KILL_PROCESS")]}
    answer = verdict(seccomp.compile(config, "x86_64"), Call(X86_64, 600))
    assert answer & 0xFFFF0000 == seccomp_words.ACTIONS[action]


def test_the_private_calls_of_arm_do_not_make_all_other_new_calls_known() -> None:
    program = seccomp.compile(allow_list(rule("read", "set_tls"), architectures=(AARCH64, ARM)), "aarch64")
    assert verdict(program, asked_of(ARM, "set_tls")) == ALLOW
    assert verdict(program, Call(ARM, 500)) == ERRNO | ENOSYS


# Rules ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "errno_ret", "answer"),
    [
        ("SCMP_ACT_KILL", None, 0),
        ("SCMP_ACT_KILL_THREAD", None, 0),
        ("SCMP_ACT_KILL_PROCESS", None, 0x80000000),
        ("SCMP_ACT_TRAP", None, 0x00030000),
        ("SCMP_ACT_ERRNO", None, 0x00050001),
        ("SCMP_ACT_ERRNO", 0, 0x00050000),
        ("SCMP_ACT_ERRNO", 38, 0x00050026),
        ("SCMP_ACT_TRACE", None, 0x7FF00001),
        ("SCMP_ACT_TRACE", 7, 0x7FF00007),
        ("SCMP_ACT_LOG", None, 0x7FFC0000),
        ("SCMP_ACT_ALLOW", None, 0x7FFF0000),
    ],
)
def test_every_action_is_the_answer_that_the_kernel_has_for_it(action: str, errno_ret: int | None, answer: int) -> None:
    default = "SCMP_ACT_ALLOW" if action != "SCMP_ACT_ALLOW" else "SCMP_ACT_KILL_PROCESS"
    config = {"defaultAction": default, "syscalls": [rule("read", action=action, errnoRet=errno_ret)]}
    assert verdict(seccomp.compile(config, "x86_64"), asked_of(X86_64, "read")) == answer


OPERATORS = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"]
EDGES = [0, 1, 2, 40, 0x7FFFFFFF, 0xFFFFFFFF, UPPER, UPPER + 40, 5 * UPPER, (1 << 63) + 1, (1 << 64) - 1]


@pytest.mark.parametrize("architecture", [X86_64, X86, X32])
@pytest.mark.parametrize("operator", OPERATORS)
def test_every_comparison_of_64_bits_is_right_at_its_edges(operator: str, architecture: str) -> None:
    for value, second in itertools.product(EDGES, (0, 40, 0x1_8000_0028)):
        condition = argument(3, operator, value, second)
        config = allow_list(rule("read", args=[condition]), architectures=(X86, X32))
        ours = seccomp.compile(config, "x86_64")
        theirs = seccomp_judges.libseccomp(config, X86_64)
        for near in {(edge + offset) % (1 << 64) for edge in EDGES for offset in (-1, 0, 1)}:
            call = asked_of(architecture, "read", 9, 9, 9, near, 9, 9)
            assert verdict(ours, call) == by_the_rules(config, X86_64, call), (condition, call)
            assert verdict(ours, call) == verdict(theirs, call), (condition, call)


def test_conditions_on_different_arguments_must_all_hold() -> None:
    both = allow_list(rule("read", args=[argument(0, "EQ", 1), argument(5, "GT", 2)]))
    program = seccomp.compile(both, "x86_64")
    assert verdict(program, asked_of(X86_64, "read", 1, 0, 0, 0, 0, 3)) == ALLOW
    assert verdict(program, asked_of(X86_64, "read", 1, 0, 0, 0, 0, 2)) == ERRNO | EPERM
    assert verdict(program, asked_of(X86_64, "read", 2, 0, 0, 0, 0, 3)) == ERRNO | EPERM


def test_several_conditions_on_one_argument_are_alternatives_as_with_runc() -> None:
    program = seccomp.compile(allow_list(rule("read", args=[argument(0, "EQ", 1), argument(0, "EQ", 2)])), "x86_64")
    answers = [verdict(program, asked_of(X86_64, "read", value)) for value in range(4)]
    assert answers == [ERRNO | EPERM, ALLOW, ALLOW, ERRNO | EPERM]


def test_of_rules_with_conditions_the_first_that_matches_decides() -> None:
    first = rule("read", action="SCMP_ACT_TRAP", args=[argument(0, "LT", 10)])
    second = rule("read", args=[argument(0, "GT", 5)])
    program = seccomp.compile(allow_list(first, second), "x86_64")
    answers = [verdict(program, asked_of(X86_64, "read", value)) for value in (3, 7, 10)]
    assert answers == [seccomp_judges.TRAP, seccomp_judges.TRAP, ALLOW]


def test_a_rule_without_conditions_beats_those_with_them_wherever_it_stands() -> None:
    conditional = rule("read", action="SCMP_ACT_TRAP", args=[argument(0, "LT", 10)])
    for rules in itertools.permutations([conditional, rule("read")]):
        config = allow_list(*rules)
        call = asked_of(X86_64, "read", 3)
        assert verdict(seccomp.compile(config, "x86_64"), call) == ALLOW
        assert verdict(seccomp_judges.libseccomp(config, X86_64), call) == ALLOW


def test_a_socket_call_is_refused_also_when_32_bit_programs_make_it_through_socketcall() -> None:
    refuse = rule("socket", "shmat", action="SCMP_ACT_ERRNO", errnoRet=77)
    config = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": [X86], "syscalls": [refuse]}
    program = seccomp.compile(config, "x86_64")
    assert verdict(program, asked_of(X86, "socket")) == ERRNO | 77
    assert verdict(program, asked_of(X86, "socketcall", 1)) == ERRNO | 77
    assert verdict(program, asked_of(X86, "socketcall", 2)) == ALLOW
    assert verdict(program, asked_of(X86, "ipc", 21)) == ERRNO | 77
    assert verdict(program, asked_of(X86, "ipc", 0x10015)) == ERRNO | 77, "the upper half is only a version"
    assert verdict(program, asked_of(X86, "ipc", 22)) == ALLOW


def test_jumps_further_than_a_conditional_jump_reaches_still_arrive() -> None:
    names = sorted(set(numbers("x86_64")) & set(numbers("i386")))[:200]
    rules = [
        rule(name, action="SCMP_ACT_ERRNO", errnoRet=100 + at, args=[argument(at % 6, "EQ", UPPER * at + 7)])
        for at, name in enumerate(names)
    ]
    config = {"defaultAction": "SCMP_ACT_LOG", "architectures": [X86], "syscalls": rules}
    program = seccomp.compile(config, "x86_64")
    assert len(program) // 8 > 1000
    for at, name in enumerate(names):
        for value in (UPPER * at + 7, 7, 8):
            call = asked_of(X86_64, name, *([value] * 6))
            assert verdict(program, call) == by_the_rules(config, X86_64, call)
            call = asked_of(X86, name, *([value & 0xFFFFFFFF] * 6))
            assert verdict(program, call) == by_the_rules(config, X86_64, call)


# Any profile --------------------------------------------------------------------------------------------------------

SOME_NAMES = ["read", "write", "clone", "socket", "connect", "shmat", "personality", "openat2", "getcwd", "mseal"]
words = st.sampled_from([0, 1, 2, 7, 8, 40, 0xFFFFFFFF, UPPER, UPPER + 8, 3 * UPPER, (1 << 64) - 1]) | st.integers(
    0, (1 << 64) - 1
)
actions = st.sampled_from(["SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_TRAP", "SCMP_ACT_KILL_PROCESS"])
conditions = st.builds(argument, st.integers(0, 5), st.sampled_from(OPERATORS), words, words)
rules_of_any_kind = st.builds(
    lambda names, action, args: rule(*names, action=action, args=args),
    st.lists(st.sampled_from(SOME_NAMES), min_size=1, max_size=4, unique=True),
    actions,
    st.lists(conditions, max_size=3),
)
profiles = st.builds(
    lambda default, architectures, rules: {
        "defaultAction": default,
        "architectures": architectures,
        "syscalls": rules,
    },
    actions,
    st.lists(st.sampled_from([X86_64, X86, X32]), unique=True),
    st.lists(rules_of_any_kind, max_size=12),
)
SOME_NUMBERS = sorted(
    {numbers("x86_64")[name] + offset for name in SOME_NAMES for offset in (0, 1)}
    | {numbers("i386")[name] for name in [*SOME_NAMES, "socketcall", "ipc"] if name in numbers("i386")}
    | {500, 0xFFFFFFFE}
)


@settings(max_examples=100, deadline=None)
@given(profiles, st.lists(st.tuples(*[words] * 6), min_size=1, max_size=6))
def test_any_profile_says_of_any_call_what_its_rules_say(config: Config, several: list[tuple[int, ...]]) -> None:
    program = seccomp.compile(config, "x86_64")
    told = [(value,) * 6 for values in telling_values(config).values() for value in values[:12]]
    for architecture, number, values in itertools.product((X86_64, X86, X32), SOME_NUMBERS, [*several, *told]):
        if architecture == X86:
            values = tuple(value & 0xFFFFFFFF for value in values)  # the kernel shows no more of them
        call = Call(architecture, number + X32_BIT if architecture == X32 and number < 600 else number, values)
        assert verdict(program, call) == by_the_rules(config, X86_64, call), call


def one_rule_for_each_call(config: Config) -> Config:
    """The same profile with only the first rule of each call, and one condition on an argument.

    libseccomp 2.5 merges several rules of one call into a tree, and errs at that: of `arg0 < 1 << 32` and
    `arg0 < 0` its filter makes neither, and allows nothing.
    """
    rules: dict[str, Config] = {}
    for each in config["syscalls"]:
        conditions = {condition["index"]: condition for condition in each["args"]}
        for name in each["names"]:
            rules.setdefault(name, {**each, "names": [name], "args": list(conditions.values())})
    return {**config, "syscalls": list(rules.values())}


@settings(max_examples=100, deadline=None)
@given(profiles.map(one_rule_for_each_call), st.lists(st.tuples(*[words] * 6), min_size=1, max_size=4))
def test_any_profile_with_one_rule_for_a_call_says_what_libseccomp_says(
    config: Config, several: list[tuple[int, ...]]
) -> None:
    ours = seccomp.compile(config, "x86_64")
    theirs = seccomp_judges.libseccomp(config, X86_64)
    told = [(value,) * 6 for values in telling_values(config).values() for value in values[:12]]
    for name, architecture in itertools.product(SOME_NAMES, (X86_64, X86, X32)):
        if name in numbers(seccomp_judges.ARCHITECTURES[architecture][0]) and seccomp_judges.knows(name):
            if not any(name in each["names"] for each in config["syscalls"]):
                continue  # a newer call, perhaps, of which libseccomp has no notion
            for values in (*several, *told):
                call = asked_of(architecture, name, *values)
                assert verdict(ours, call) == verdict(theirs, call), call


# What is wrong ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"defaultAction": "ALLOW"}, 'defaultAction: "ALLOW" is no action'),
        (allow_list(rule("read", action="SCMP_ACT_NOTIFY")), "no listener for SCMP_ACT_NOTIFY"),
        (allow_list(rule("read"), rule("write", action="SCMP_ACT_X")), 'syscalls[1]: "SCMP_ACT_X"'),
        (allow_list(rule("read", errnoRet=1)), "SCMP_ACT_ALLOW takes no errnoRet"),
        (allow_list(defaultErrnoRet=1 << 16), "errnoRet 65536"),
        (allow_list(rule("read", args=[argument(6, "EQ", 1)])), "argument 6"),
        (allow_list(rule("read", args=[argument(0, "ISH", 1)])), '"SCMP_CMP_ISH" is no comparison'),
        (allow_list(rule("read", args=[argument(0, "EQ", -1)])), "-1 is no 64-bit number"),
        (allow_list(rule("read", args=[argument(0, "EQ", 1, 1 << 64)])), "is no 64-bit number"),
        (allow_list(architectures=("SCMP_ARCH_VAX",)), '"SCMP_ARCH_VAX" is no architecture'),
    ],
)
def test_what_cannot_be_compiled_is_named(config: Config, named: str) -> None:
    with pytest.raises(MinidockError) as caught:
        seccomp.compile(config, "x86_64")
    assert named in caught.value.message
    assert caught.value.hint


def test_a_machine_without_a_table_is_named_and_a_way_out_given() -> None:
    with pytest.raises(MinidockError, match="vax machine") as caught:
        seccomp.compile(allow_list(), "vax")
    assert "seccomp=unconfined" in caught.value.hint


def test_more_instructions_than_the_kernel_takes_are_refused_with_their_number() -> None:
    conditions = [argument(0, "MASKED_EQ", 1 << 40 | value, value) for value in range(1, 900)]
    with pytest.raises(MinidockError, match=r"\d{4} instructions; the kernel takes 4096"):
        seccomp.compile(allow_list(rule("read", args=conditions)), "x86_64")


def test_a_flag_that_filters_do_not_have_is_named() -> None:
    with pytest.raises(MinidockError, match='"SECCOMP_FILTER_FLAG_NEW_LISTENER" is no flag'):
        seccomp_filter.install(b"", ["SECCOMP_FILTER_FLAG_NEW_LISTENER"])


# What is told of a filter -----------------------------------------------------------------------------------


@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("machine", list(OWN))
def test_what_is_told_of_each_call_is_what_the_filter_answers(machine: str, capability: str) -> None:
    config = docker(machine, capability)
    program, told = seccomp.compile(config, machine), seccomp.verdicts(config, machine)
    conditional = conditional_numbers(config, OWN[machine])
    for name, number in numbers(machine).items():
        answers = {verdict(program, Call(OWN[machine], number, (value,) * 6)) for value in (0, UPPER - 1)}
        assert (told[name] is None) == (number in conditional), name
        assert told[name] is None or answers == {told[name]}, name
