"""Differences between the facts of two containers, and the step that each is about."""

from __future__ import annotations

import pytest

from minidock.engine.looking.comparing import Difference, compared, same, without_names
from tests.unit.test_plan import RICH, plan_of


def only(facility: str, name: str, ours: str | None = "a", theirs: str | None = "b") -> Difference:
    mine, others = ({facility: {} if value is None else {name: value}} for value in (ours, theirs))
    (found,) = compared(mine, others, RICH)
    return found


def test_what_is_the_same_is_counted_and_what_differs_is_told() -> None:
    ours = {"user": {"user": "0", "umask": "0022"}, "network": {"device lo": "up"}}
    theirs = {"user": {"user": "0", "umask": "0077"}, "network": {}}
    found = compared(ours, theirs, RICH)
    assert {(one.name, one.ours, one.theirs) for one in found} == {
        ("umask", "0022", "0077"),
        ("device lo", "up", None),
    }
    assert same(ours, theirs) == 1
    assert compared(ours, ours, RICH) == [] and same(ours, ours) == 3


@pytest.mark.parametrize(
    ("facility", "name", "step"),
    [
        ("namespaces", "pid", "namespace.pid"),
        ("host name", "host name", "uts.hostname"),
        ("host name", "domain name", "uts.domainname"),
        ("mounts", "/", "root.overlay"),
        ("mounts", "/proc", "mount.proc"),
        ("mounts", "/dev/pts", "mount.dev.pts"),
        ("mounts", "/sys/fs/cgroup/memory", "mount.sys.fs.cgroup"),
        ("mounts", "/proc/kcore", "paths.masked"),
        ("mounts", "/dev/console", "terminal.console"),
        ("mounts", "/elsewhere", ""),
        ("devices", "/dev/null", "devices.standard"),
        ("devices", "/dev/stdin", "devices.links"),
        ("devices", "/dev/fuse", "device.dev.fuse"),
        ("devices", "/dev/kvm", ""),
        ("capabilities", "bounding", "identity.bounding-set"),
        ("capabilities", "ambient", "identity.capabilities"),
        ("seccomp", "mode", "identity.seccomp"),
        ("seccomp", "no new privileges", "identity.no-new-privileges"),
        ("user", "further groups", "identity.find"),
        ("user", "umask", "identity.user"),
        ("limits of processes", "Max open files", "process.rlimits"),
        ("cgroup", "memory.max", "cgroup.memory"),
        ("cgroup", "pids.max", "cgroup.pids"),
        ("cgroup", "cgroup.type", "cgroup.create"),
        ("process", "working directory", "process.cwd"),
        ("process", "AppArmor profile", ""),
        ("environment", "PATH", "process.find"),
        ("sysctls", "net.ipv4.ip_forward", "sysctl"),
        ("network", "device lo", "network.loopback"),
    ],
)
def test_a_difference_is_about_the_step_that_does_such_a_thing(facility: str, name: str, step: str) -> None:
    assert only(facility, name).step == step


def test_a_step_that_the_plan_does_not_have_is_concerned_with_nothing() -> None:
    facts = {"seccomp": {"no new privileges": "0"}}
    (found,) = compared(facts, {"seccomp": {"no new privileges": "1"}}, plan_of())
    assert found.step == ""


def test_differences_come_in_the_order_of_the_steps_and_last_what_no_step_does() -> None:
    ours = {"process": {"AppArmor profile": "none"}, "capabilities": {"bounding": ""}, "namespaces": {"pid": "own"}}
    assert [one.step for one in compared(ours, {}, RICH)] == ["namespace.pid", "identity.bounding-set", ""]


def test_what_a_container_is_called_is_no_difference() -> None:
    ours = {"host name": {"host name": "4f1c0a2b9d11"}, "environment": {"HOSTNAME": "4f1c0a2b9d11-4f1c0a2b9d1122"}}
    plain = without_names(ours, ["4f1c0a2b9d11", "4f1c0a2b9d1122"])
    assert plain == {"host name": {"host name": "ID"}, "environment": {"HOSTNAME": "ID-ID"}}
