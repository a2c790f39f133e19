"""Who the program is: user and groups, capabilities, limits, and what it can never become again."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from minidock.runtime import defaults
from tests.integration.bundles import Bundle
from tests.integration.facts import capabilities, fields, status

SETS = {
    "CapBnd": "bounding",
    "CapEff": "effective",
    "CapInh": "inheritable",
    "CapPrm": "permitted",
    "CapAmb": "ambient",
}
UNLIMITED = (1 << 64) - 1
needs_sys_resource = pytest.mark.skipif(
    "CAP_SYS_RESOURCE" not in capabilities(status("self")["CapEff"]),
    reason="root of this host does not have CAP_SYS_RESOURCE, which raising limits takes",
)


def seen(bundle: Bundle) -> dict[str, str]:
    """/proc/self/status of a program in the container."""
    return fields(bundle.program("cat", "/proc/self/status").run().stdout)


def sets(found: dict[str, str]) -> dict[str, set[str]]:
    return {name: capabilities(found[key]) for key, name in SETS.items()}


def whoami(bundle: Bundle, user: dict[str, Any], *more: str) -> list[str]:
    bundle.process["user"] = user
    return bundle.output("; ".join(["id -u", "id -g", "id -G", "echo $HOME", "umask", *more])).splitlines()


# Users ---------------------------------------------------------------------------------------------------


def test_numbers_need_no_entry_in_the_image(bundle: Bundle) -> None:
    found = whoami(bundle, {"uid": 4242, "gid": 4343, "additionalGids": [7, 4444]})
    assert found == ["4242", "4343", "4343 7 4444", "/", "0022"]


def test_a_known_number_has_the_home_of_its_entry_and_umask_is_as_asked(bundle: Bundle) -> None:
    found = whoami(bundle, {"uid": 1000, "gid": 0, "umask": 0o077}, "touch /tmp/a", "stat -c %a /tmp/a")
    assert found == ["1000", "0", "0", "/home/alice", "0077", "600"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("alice", ["1000", "1000", "1000 29 44", "/home/alice"]),
        ("alice:audio", ["1000", "29", "29", "/home/alice"]),
        ("1000:video", ["1000", "44", "44", "/home/alice"]),
        ("5000", ["5000", "0", "0", "/"]),
        (":video", ["0", "44", "44", "/root"]),
    ],
)
def test_names_mean_whom_the_image_says_they_mean(bundle: Bundle, name: str, expected: list[str]) -> None:
    assert whoami(bundle, {"username": name})[:4] == expected


@pytest.mark.parametrize("name", ["nobody-here", "alice:no-group", "4294967295"])
def test_a_user_or_group_that_the_image_lacks_is_named(bundle: Bundle, name: str) -> None:
    bundle.process["user"] = {"username": name}
    done = bundle.run()
    assert done.returncode == 1
    assert name.rpartition(":")[2] in done.stderr
    assert "step identity.find" in done.stderr


def test_users_are_not_looked_up_through_links_and_devices_of_the_image(bundle: Bundle) -> None:
    """A link is resolved inside the root, and what is no regular file is not read."""
    (bundle.rootfs / "etc/passwd").unlink()
    (bundle.rootfs / "etc/passwd").symlink_to("/proc/self/environ")
    (bundle.rootfs / "etc/group").unlink()
    (bundle.rootfs / "etc/group").symlink_to("/dev/zero")
    bundle.process["user"] = {"uid": 1000}
    assert bundle.output("grep -h ^Uid: /proc/self/status; echo $HOME").split() == ["Uid:", *["1000"] * 4, "/"]


def test_home_is_as_the_configuration_says_if_it_says_so(bundle: Bundle) -> None:
    bundle.process["env"] += ["HOME=/elsewhere"]
    assert whoami(bundle, {"uid": 1000})[3] == "/elsewhere"


def test_the_environment_is_the_configuration_s_and_nothing_of_the_host_s(bundle: Bundle) -> None:
    bundle.process["env"] += ["A=b=c", "EMPTY=", "A=later", "TWO=two\nlines"]
    found = bundle.program("env").run(env={"PATH": "/bin:/usr/bin", "HOST_SECRET": "x"}).stdout
    assert set(found.splitlines()) == {f"PATH={defaults.PATH}", "HOME=/root", "A=later", "EMPTY=", "TWO=two", "lines"}


# Capabilities --------------------------------------------------------------------------------------------


def test_all_five_sets_of_root_are_docker_s(bundle: Bundle) -> None:
    pid = bundle.sleeping()
    expected = set(defaults.CAPABILITIES)
    assert sets(status(pid)) == {
        "bounding": expected,
        "effective": expected,
        "permitted": expected,
        "inheritable": set(),
        "ambient": set(),
    }


def test_each_of_the_five_sets_is_as_the_configuration_says(bundle: Bundle) -> None:
    """A user other than root keeps over execve(2) what is ambient, and nothing else."""
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    ambient = ["CAP_NET_BIND_SERVICE", "CAP_CHOWN"]
    bundle.process["capabilities"] = {
        "bounding": [*ambient, "CAP_KILL", "CAP_SYS_ADMIN"],
        "permitted": [*ambient, "CAP_KILL"],
        "effective": ["CAP_KILL"],
        "inheritable": [*ambient, "CAP_KILL"],
        "ambient": ambient,
    }
    assert sets(seen(bundle)) == {
        "bounding": {*ambient, "CAP_KILL", "CAP_SYS_ADMIN"},
        "permitted": set(ambient),
        "effective": set(ambient),
        "inheritable": {*ambient, "CAP_KILL"},
        "ambient": set(ambient),
    }


def test_no_capabilities_are_asked_for_and_root_has_none(bundle: Bundle) -> None:
    del bundle.process["capabilities"]
    found = seen(bundle)
    assert sets(found) == {name: set() for name in SETS.values()}
    assert found["Uid"].split() == ["0"] * 4


def test_all_capabilities_can_be_given(bundle: Bundle) -> None:
    every = sorted(capabilities(status("self")["CapBnd"]))
    bundle.process["capabilities"] = dict.fromkeys(SETS.values(), every)
    assert sets(seen(bundle)) == {name: set(every) for name in SETS.values()}


def test_a_plain_user_has_no_capabilities_to_use(bundle: Bundle) -> None:
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    found = sets(seen(bundle))
    assert (found["effective"], found["permitted"], found["ambient"]) == (set(), set(), set())
    assert found["bounding"] == set(defaults.CAPABILITIES)


def test_a_capability_that_does_not_exist_is_named_with_its_field(bundle: Bundle) -> None:
    bundle.process["capabilities"]["permitted"] = ["CAP_FLY"]
    done = bundle.run()
    assert done.returncode == 1
    assert "process.capabilities.permitted: unknown capability CAP_FLY" in done.stderr


# Privileges, limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("forbidden", [False, True])
def test_new_privileges_can_be_forbidden(bundle: Bundle, forbidden: bool) -> None:
    """A setuid root program makes a plain user root, or does not."""
    (bundle.rootfs / "bin/setuid").write_bytes(Path("/usr/bin/tini-static").read_bytes())  # it executes a program
    (bundle.rootfs / "bin/setuid").chmod(0o4755)
    bundle.process.update(user={"uid": 1000, "gid": 1000}, noNewPrivileges=forbidden)
    bundle.script("""
        setuid -- sleep 3600 2>/dev/null &
        while [ "$(cat /proc/$!/comm)" != setuid ]; do :; done
        grep -hE '^(Uid|NoNewPrivs)' /proc/$!/status
    """)
    found = fields(bundle.run().stdout)
    assert found["NoNewPrivs"] == str(int(forbidden))
    assert found["Uid"].split()[1] == ("1000" if forbidden else "0")


def limits(bundle: Bundle, wanted: dict[str, tuple[int, int]]) -> dict[str, list[str]]:
    """/proc/self/limits of a program in the container."""
    bundle.process["rlimits"] = [{"type": name, "soft": soft, "hard": hard} for name, (soft, hard) in wanted.items()]
    lines = bundle.output("cat /proc/self/limits").splitlines()
    return {line[:26].strip(): line[26:].split()[:2] for line in lines}


def test_rlimits_are_set_soft_and_hard(bundle: Bundle) -> None:
    found = limits(bundle, {"RLIMIT_NOFILE": (100, 200), "RLIMIT_CORE": (0, 0), "RLIMIT_STACK": (1 << 20, UNLIMITED)})
    assert found["Max open files"] == ["100", "200"]
    assert found["Max core file size"] == ["0", "0"]
    assert found["Max stack size"] == [str(1 << 20), "unlimited"]


@needs_sys_resource
def test_rlimits_may_be_raised_above_those_of_who_starts_the_container(bundle: Bundle) -> None:
    wanted = {"RLIMIT_NOFILE": (1000, 400000), "RLIMIT_MEMLOCK": (UNLIMITED, UNLIMITED), "RLIMIT_NICE": (3, 5)}
    found = limits(bundle, wanted)
    assert found["Max open files"] == ["1000", "400000"]
    assert found["Max locked memory"] == ["unlimited", "unlimited"]
    assert found["Max nice priority"] == ["3", "5"]


def test_a_limit_that_does_not_exist_is_named(bundle: Bundle) -> None:
    bundle.process["rlimits"] = [{"type": "RLIMIT_PATIENCE", "soft": 1, "hard": 1}]
    done = bundle.run()
    assert done.returncode == 1
    assert "process.rlimits: unknown limit RLIMIT_PATIENCE" in done.stderr


def test_a_program_can_be_made_a_likely_victim_when_memory_runs_out(bundle: Bundle) -> None:
    bundle.process["oomScoreAdj"] = 700
    assert bundle.output("cat /proc/self/oom_score_adj") == "700\n"


@needs_sys_resource
def test_a_program_can_be_spared_when_memory_runs_out(bundle: Bundle) -> None:
    bundle.process["oomScoreAdj"] = -500
    assert bundle.output("cat /proc/self/oom_score_adj") == "-500\n"


@pytest.mark.parametrize("forbidden", [False, True])
def test_a_seccomp_filter_is_in_force_with_and_without_no_new_privileges(
    bundle: Bundle,
    forbidden: bool,
) -> None:
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EXDEV}
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}
    bundle.process["noNewPrivileges"] = forbidden
    done = bundle.script("grep ^Seccomp: /proc/self/status; mkdir /tmp/a").run()
    assert done.stdout.split() == ["Seccomp:", "2"]
    assert (done.returncode, done.stderr) == (1, "mkdir: can't create directory '/tmp/a': Invalid cross-device link\n")


def test_without_a_filter_there_is_none(bundle: Bundle) -> None:
    assert seen(bundle)["Seccomp"] == status("self")["Seccomp"] == "0"


def test_a_working_directory_that_is_missing_is_made(bundle: Bundle) -> None:
    bundle.process["cwd"] = "/srv/of/mine"
    assert bundle.output("pwd") == "/srv/of/mine\n"
    assert (bundle.rootfs / "srv/of/mine").stat().st_mode & 0o777 == 0o755


def test_a_working_directory_that_is_a_file_is_an_error(bundle: Bundle) -> None:
    bundle.process["cwd"] = "/etc/passwd"
    done = bundle.run()
    assert done.returncode == 1
    assert "step process.cwd" in done.stderr
    assert "Not a directory" in done.stderr


def test_a_session_keyring_of_its_own_holds_none_of_the_host_s_keys(bundle: Bundle) -> None:
    bundle.linux["maskedPaths"] = []
    keys = bundle.output("cat /proc/keys")
    assert f"_ses.{bundle.id}" in keys


def test_a_program_starts_with_default_signal_handling_and_no_open_files(bundle: Bundle) -> None:
    pid = bundle.sleeping()
    found = status(pid)
    assert [int(found[key], 16) for key in ("SigBlk", "SigIgn", "SigCgt")] == [0, 0, 0]
    assert sorted(os.listdir(f"/proc/{pid}/fd")) == ["0", "1", "2"]
