"""What of a profile in Docker's format holds for a container, and what is said of a profile with mistakes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from minidock.errors import MinidockError
from minidock.kernel import seccomp
from minidock.kernel.syscall_numbers import numbers
from minidock.runtime import seccomp_profile

Rule = tuple[str, str, int | None, str]


def resolved(*capabilities: str, machine: str = "x86_64", kernel: str = "6.1.0-18-amd64") -> dict[str, Any]:
    return seccomp_profile.resolve(seccomp_profile.default_profile(), capabilities, machine, kernel)


def rules(config: dict[str, Any]) -> set[Rule]:
    return {
        (name, rule["action"], rule.get("errnoRet"), json.dumps(rule.get("args", [])))
        for rule in config["syscalls"]
        for name in rule["names"]
    }


def allowed(config: dict[str, Any]) -> set[str]:
    """The calls that are allowed whatever their arguments."""
    return {name for name, action, _, args in rules(config) if action == "SCMP_ACT_ALLOW" and args == "[]"}


def names_that_hold(condition: dict[str, Any], **here: Any) -> list[str]:
    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW", **condition}],
    }
    kernel = {"capabilities": ["CAP_CHOWN"], "machine": "x86_64", "kernel_version": "6.1.0"} | here
    return [name for name, *_ in rules({"syscalls": [], **seccomp_profile.resolve(profile, **kernel)})]


# The default profile ------------------------------------------------------------------------------------------------


def test_the_default_profile_refuses_with_eperm_on_all_three_x86_architectures() -> None:
    config = resolved()
    assert (config["defaultAction"], config["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", 1)
    assert config["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    assert resolved(machine="aarch64")["architectures"] == ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]


@pytest.mark.parametrize(
    ("capability", "calls"),
    [
        ("CAP_DAC_READ_SEARCH", "open_by_handle_at"),
        ("CAP_SYS_BOOT", "reboot"),
        ("CAP_SYS_CHROOT", "chroot"),
        ("CAP_SYS_MODULE", "delete_module finit_module init_module"),
        ("CAP_SYS_PACCT", "acct"),
        ("CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise"),
        ("CAP_SYS_RAWIO", "ioperm iopl"),
        ("CAP_SYS_TIME", "clock_settime clock_settime64 settimeofday stime"),
        ("CAP_SYS_TTY_CONFIG", "vhangup"),
        ("CAP_SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
        ("CAP_SYSLOG", "syslog"),
        ("CAP_BPF", "bpf"),
        ("CAP_PERFMON", "perf_event_open"),
        ("CAP_NET_ADMIN", ""),
    ],
)
def test_a_capability_allows_just_the_calls_that_need_it(capability: str, calls: str) -> None:
    assert allowed(resolved(capability)) - allowed(resolved()) == set(calls.split())
    assert rules(resolved(capability)) >= rules(resolved())


def test_an_administrator_may_mount_and_make_namespaces_and_nobody_else() -> None:
    gained = allowed(resolved("CAP_SYS_ADMIN")) - allowed(resolved())
    assert gained >= {"mount", "umount2", "unshare", "setns", "clone", "clone3", "bpf", "move_mount", "sethostname"}
    without = {rule for rule in rules(resolved()) if rule[0] in ("clone", "clone3")}
    namespaces = 0x7E020000
    masked = f'[{{"index": 0, "value": {namespaces}, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}}]'
    assert without == {
        ("clone", "SCMP_ACT_ALLOW", None, masked),
        ("clone3", "SCMP_ACT_ERRNO", 38, "[]"),
    }


@pytest.mark.parametrize("call", ["keyctl", "io_uring_setup", "userfaultfd", "kexec_load", "pivot_root", "swapon"])
def test_some_calls_are_allowed_with_no_capability(call: str) -> None:
    assert call in numbers("x86_64")
    assert call not in {rule[0] for rule in rules(resolved(*ALL_CAPABILITIES))}


ALL_CAPABILITIES = ("CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_SYS_MODULE", "CAP_SYS_BOOT", "CAP_SYS_RAWIO")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_call_of_the_default_profile_exists_on_some_architecture(machine: str) -> None:
    known = set().union(*(numbers(table) for table in ("x86_64", "i386", "aarch64", "arm")))
    assert {name for name, *_ in rules(resolved("CAP_SYS_ADMIN", machine=machine))} - known == set()


def test_no_call_of_the_default_profile_is_listed_twice_without_a_condition() -> None:
    names = [
        name
        for rule in seccomp_profile.default_profile()["syscalls"]
        if not {"includes", "excludes", "args"} & rule.keys()
        for name in rule["names"]
    ]
    assert len(names) == len(set(names)) == 360


def test_calls_of_one_architecture_are_left_to_it() -> None:
    assert {"arch_prctl", "modify_ldt"} <= allowed(resolved())
    assert not {"set_tls", "cacheflush"} & allowed(resolved())
    assert {"set_tls", "cacheflush"} <= allowed(resolved(machine="aarch64"))
    assert not {"arch_prctl", "modify_ldt"} & allowed(resolved(machine="aarch64"))


def test_the_default_profile_is_checked_like_any_other() -> None:
    text = json.dumps(seccomp_profile.default_profile())
    assert seccomp_profile.parse(text, "the default") == seccomp_profile.default_profile()


# Conditions -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({}, True),
        ({"includes": {}, "excludes": {}, "comment": "why"}, True),
        ({"includes": None, "excludes": None, "args": None}, True),
        ({"includes": {"arches": ["amd64", "arm64"]}}, True),
        ({"includes": {"arches": ["arm64"]}}, False),
        ({"excludes": {"arches": ["amd64"]}}, False),
        ({"excludes": {"arches": ["x86"]}}, True),
        ({"includes": {"caps": ["CAP_CHOWN"]}}, True),
        ({"includes": {"caps": ["CAP_CHOWN", "CAP_SYS_ADMIN"]}}, False),
        ({"excludes": {"caps": ["CAP_SYS_ADMIN", "CAP_CHOWN"]}}, False),
        ({"excludes": {"caps": ["CAP_SYS_ADMIN"]}}, True),
        ({"includes": {"minKernel": "6.1"}}, True),
        ({"includes": {"minKernel": "6.2"}}, False),
        ({"includes": {"minKernel": "5.19"}}, True),
        ({"excludes": {"minKernel": "6.1"}}, False),
        ({"excludes": {"minKernel": "6.2"}}, True),
        ({"includes": {"arches": ["amd64"], "caps": ["CAP_SYS_ADMIN"]}}, False),
        ({"includes": {"caps": ["CAP_CHOWN"]}, "excludes": {"arches": ["amd64"]}}, False),
    ],
)
def test_a_rule_holds_as_docker_would_have_it(condition: dict[str, Any], holds: bool) -> None:
    assert names_that_hold(condition) == (["read"] if holds else [])


@pytest.mark.parametrize("release", ["4.8", "4.8.0-rc1", "4.8-1-amd64", "4.10.0", "6.18.44-v5"])
def test_of_a_kernels_release_only_two_numbers_count(release: str) -> None:
    assert names_that_hold({"includes": {"minKernel": "4.8"}}, kernel_version=release) == ["read"]
    assert names_that_hold({"includes": {"minKernel": "6.19"}}, kernel_version=release) == []


def test_a_profile_in_plain_oci_form_comes_out_as_it_went_in() -> None:
    plain = {
        "defaultAction": "SCMP_ACT_LOG",
        "architectures": ["SCMP_ARCH_X86_64"],
        "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "syscalls": [
            {
                "names": ["read"],
                "action": "SCMP_ACT_ERRNO",
                "errnoRet": 0,
                "args": [{"index": 0, "value": (1 << 64) - 1, "valueTwo": 0, "op": "SCMP_CMP_EQ"}],
            }
        ],
    }
    assert seccomp_profile.resolve(seccomp_profile.parse(json.dumps(plain), "text"), ()) == plain


def test_the_old_form_with_one_name_is_understood() -> None:
    text = '{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"name": "read", "action": "SCMP_ACT_ALLOW", "args": []}]}'
    config = seccomp_profile.resolve(seccomp_profile.parse(text, "text"), ())
    assert config["syscalls"] == [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]


def test_an_empty_profile_means_no_filter() -> None:
    assert seccomp_profile.resolve(seccomp_profile.parse("{}", "text"), ()) == {}


def test_a_mapped_architecture_of_other_machines_leaves_the_machines_own() -> None:
    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "archMap": [{"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]}],
    }
    assert "architectures" not in seccomp_profile.resolve(profile, (), "x86_64")


# Mistakes -------------------------------------------------------------------------------------------------------------


def mistaken(**rule: Any) -> dict[str, Any]:
    changed = {"names": ["read"], "action": "SCMP_ACT_ALLOW"} | rule
    return {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["x"], "action": "SCMP_ACT_LOG"}, changed]}


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ([], "the profile: an object is needed, not []"),
        ({"syscalls": [{}]}, "defaultAction: missing"),
        ({"defaultAction": "ALLOW"}, 'defaultAction: there is no "ALLOW"'),
        ({"defaultAction": 5}, "defaultAction: a string is needed, not 5"),
        ({"defaultAction": "SCMP_ACT_LOG", "syscalls": {}}, "syscalls: a list is needed"),
        ({"defaultAction": "SCMP_ACT_LOG", "syscalls": ["read"]}, "syscalls[0]: an object is needed"),
        ({"defaultAction": "SCMP_ACT_LOG", "defaultErrnoRet": True}, "defaultErrnoRet: a whole number"),
        ({"defaultAction": "SCMP_ACT_LOG", "flags": "LOG"}, "flags: a list is needed"),
        ({"defaultAction": "SCMP_ACT_LOG", "archMap": [{}]}, "archMap[0].architecture: missing"),
        (
            {"defaultAction": "SCMP_ACT_LOG", "architectures": ["A"], "archMap": [{"architecture": "B"}]},
            "architectures: both this and archMap are given",
        ),
        (mistaken(names=None), "syscalls[1].names: no system call is named"),
        (mistaken(name="write"), "syscalls[1].names: both this and name are given"),
        (mistaken(names=["read", 7]), "syscalls[1].names[1]: a string is needed, not 7"),
        (mistaken(action="SCMP_ACT_DENY"), 'syscalls[1].action: there is no "SCMP_ACT_DENY"'),
        (mistaken(errnoRet=-1), "syscalls[1].errnoRet: -1 is not between 0 and 65535"),
        (mistaken(args=[{"index": 0, "op": "SCMP_CMP_EQ"}]), "syscalls[1].args[0].value: missing"),
        (mistaken(args=[{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]), "syscalls[1].args[0].index: 6"),
        (mistaken(args=[{"index": 0, "value": 1.5, "op": "SCMP_CMP_EQ"}]), "args[0].value: a whole number"),
        (mistaken(args=[{"index": 0, "value": 1 << 64, "op": "SCMP_CMP_EQ"}]), "args[0].value: 18446744073709"),
        (mistaken(args=[{"index": 0, "value": 0, "op": "EQ"}]), 'syscalls[1].args[0].op: there is no "EQ"'),
        (mistaken(includes={"caps": "CAP_CHOWN"}), "syscalls[1].includes.caps: a list is needed"),
        (mistaken(excludes={"minKernel": "4"}), 'syscalls[1].excludes.minKernel: "4" is no version'),
        (mistaken(excludes={"minKernel": "4.8.1"}), '"4.8.1" is no version'),
        (mistaken(includes={"minKernel": "4."}), '"4." is no version'),
    ],
)
def test_a_mistake_is_found_and_its_field_named(profile: Any, said: str) -> None:
    with pytest.raises(MinidockError) as caught:
        seccomp_profile.parse(json.dumps(profile), "mine.json")
    assert caught.value.message.startswith("seccomp profile mine.json: ")
    assert said in caught.value.message


def test_what_is_no_json_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    path.write_text('{"defaultAction": ')
    with pytest.raises(MinidockError, match=f"seccomp profile {re.escape(str(path))}: not JSON"):
        seccomp_profile.load(str(path))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(MinidockError, match="not a text file"):
        seccomp_profile.load(str(path))


def test_a_profile_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MinidockError, match=r"nowhere\.json: No such file"):
        seccomp_profile.load(str(tmp_path / "nowhere.json"))


def test_a_profile_from_a_file_compiles(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(seccomp_profile.default_profile()))
    config = seccomp_profile.resolve(seccomp_profile.load(str(path)), ("CAP_CHOWN",), "x86_64", "6.1")
    assert seccomp.compile(config, "x86_64")
