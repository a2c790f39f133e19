"""What a container is allowed. The expected sets are those that dockerd wrote into its config.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minidock.engine.configuring.privileges import ALL, Privileges, available, capabilities, privileges
from minidock.engine.options import Options
from minidock.errors import MinidockError
from minidock.kernel.capability_names import NUMBERS
from minidock.runtime import defaults

# dockerd 20.10, `docker run busybox`; the kernel shows it as 00000000a80425fb.
DOCKERS_DEFAULT = {
    *("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID"),
    *("CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL"),
    "CAP_AUDIT_WRITE",
}
DOCKERS_MASK = 0xA80425FB


def asked(**fields: object) -> Privileges:
    options = Options("busybox")
    for name, value in fields.items():
        setattr(options, name, value)
    return privileges(options)


def allowed_calls(rights: Privileges) -> set[str]:
    rules = [rule for rule in rights.seccomp["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW"]
    return {name for rule in rules for name in rule["names"]}


def test_the_default_is_dockers() -> None:
    found = capabilities([], [])
    assert set(found) == DOCKERS_DEFAULT
    assert sum(1 << NUMBERS[name] for name in found) == DOCKERS_MASK


@pytest.mark.parametrize("name", ["NET_ADMIN", "net_admin", "CAP_NET_ADMIN", "cap_net_admin"])
def test_a_capability_is_added_under_each_of_its_spellings(name: str) -> None:
    assert set(capabilities([name], [])) == DOCKERS_DEFAULT | {"CAP_NET_ADMIN"}


def test_a_capability_is_dropped() -> None:
    assert set(capabilities([], ["chown"])) == DOCKERS_DEFAULT - {"CAP_CHOWN"}


def test_dropping_all_leaves_only_what_is_added() -> None:
    assert capabilities(["CHOWN"], ["ALL"]) == ["CAP_CHOWN"]
    assert capabilities([], ["all"]) == []


def test_adding_all_leaves_out_only_what_is_dropped() -> None:
    assert set(capabilities(["ALL"], ["NET_RAW"])) == set(available()) - {"CAP_NET_RAW"}


def test_what_is_added_and_dropped_is_there_once() -> None:
    assert capabilities(["CHOWN"], ["CHOWN"]).count("CAP_CHOWN") == 1


def test_privileged_gives_all_that_this_host_can_pass_on_whatever_is_dropped() -> None:
    bounding = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapBnd"))
    ours = int(bounding.split()[1], 16)
    assert sum(1 << NUMBERS[name] for name in capabilities([], ["CHOWN"], privileged=True)) == ours


@pytest.mark.parametrize("flag", ["--cap-add", "--cap-drop"])
def test_an_unknown_capability_is_refused_by_name_with_what_was_probably_meant(flag: str) -> None:
    lists = (["NET_ADMN"], []) if flag == "--cap-add" else ([], ["NET_ADMN"])
    with pytest.raises(MinidockError) as caught:
        capabilities(*lists)
    assert caught.value.message == f'{flag}: unknown capability: "CAP_NET_ADMN"'
    assert "CAP_NET_ADMIN" in caught.value.hint


def test_the_default_filter_refuses_mount_and_the_one_with_sys_admin_allows_it() -> None:
    assert "mount" not in allowed_calls(asked())
    assert "mount" in allowed_calls(asked(capabilities_added=["SYS_ADMIN"]))
    assert asked().seccomp["defaultAction"] == "SCMP_ACT_ERRNO"


def test_privileged_has_no_filter_and_hides_nothing() -> None:
    rights = asked(privileged=True)
    assert rights.seccomp == {}
    assert rights.masked_paths == rights.readonly_paths == []


def test_privileged_with_a_profile_of_its_own_is_filtered_by_it() -> None:
    assert asked(privileged=True, security=["seccomp=builtin"]).seccomp["syscalls"]


def test_unconfined_has_no_filter_but_hides_what_is_hidden() -> None:
    rights = asked(security=["seccomp=unconfined", "apparmor=unconfined"])
    assert rights.seccomp == {}
    assert (rights.masked_paths, rights.readonly_paths) == (defaults.MASKED_PATHS, defaults.READONLY_PATHS)


def test_unconfined_system_paths_are_not_hidden() -> None:
    rights = asked(security=["systempaths=unconfined"])
    assert rights.masked_paths == rights.readonly_paths == []


@pytest.mark.parametrize("as_file", [True, False])
def test_a_filter_comes_from_a_file_or_from_the_word_itself(tmp_path: Path, as_file: bool) -> None:
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["chmod"], "action": "SCMP_ACT_ERRNO"}]}
    text = json.dumps(profile)
    (tmp_path / "profile.json").write_text(text)
    assert asked(security=[f"seccomp={tmp_path / 'profile.json' if as_file else text}"]).seccomp == profile


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("no-new-privileges", True),
        ("no-new-privileges=true", True),
        ("no-new-privileges:true", True),
        ("no-new-privileges=false", False),
        ("apparmor:unconfined", False),
    ],
)
def test_no_new_privileges_is_said_in_each_of_dockers_ways(word: str, expected: bool) -> None:
    assert asked(security=[word]).no_new_privileges is expected


@pytest.mark.parametrize("word", ["", "foo", "foo=bar", "no-new-privileges=maybe", "seccomp=", "apparmor=mine"])
def test_a_security_option_that_would_do_nothing_is_refused(word: str) -> None:
    with pytest.raises(MinidockError, match="invalid --security-opt"):
        asked(security=[word])


def test_a_profile_that_is_not_there_is_an_error_that_names_it() -> None:
    with pytest.raises(MinidockError, match="/nowhere/profile"):
        asked(security=["seccomp=/nowhere/profile"])


def test_all_is_not_taken_for_the_name_of_a_capability() -> None:
    assert ALL not in capabilities([ALL], [])
    assert ALL not in capabilities([ALL], [ALL])
