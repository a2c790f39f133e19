"""Devices that may not be used: the eBPF program, judged by the kernel and by what a child in the group can open."""

from __future__ import annotations

import ctypes
import itertools
import os
import random
import stat
import sys
from collections.abc import Iterator

import pytest

from minidock.kernel import device_filter, syscalls
from minidock.kernel.device_filter import DeviceRule, parse
from minidock.oci.resources import Resources
from minidock.steps import limits
from tests.integration.cgroup_scene import Group, Scene, wait_until

DENY_ALL = parse("deny a *:* rwm")
_PROG_GET_FD_BY_ID = 13


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as scene:
        yield scene


def opens(path: str, flags: int) -> bool:
    try:
        os.close(os.open(path, flags | os.O_NONBLOCK))
    except PermissionError:
        return False
    return True


def test_a_denied_device_cannot_be_opened_even_by_root(scene: Scene) -> None:
    group = scene.group(devices=[DENY_ALL])

    def try_all() -> list[bool]:
        return [opens(path, os.O_RDWR) for path in ("/dev/null", "/dev/zero", "/dev/kmsg")]

    assert group.ask(try_all) == [True, True, False]


def test_reading_can_be_allowed_without_writing(scene: Scene) -> None:
    group = scene.group()
    device_filter.apply(group.live.cgroup_fd, [parse("allow c 1:3 r")])
    flags = (os.O_RDONLY, os.O_WRONLY, os.O_RDWR)
    assert group.ask(lambda: [opens("/dev/null", each) for each in flags]) == [True, False, False]


def test_what_the_kernel_decides_is_what_the_rules_say_for_each_device_and_access(scene: Scene) -> None:
    group = scene.group()
    rules = ["allow c 1:* r", "deny c 1:5 rw", "allow c 1:5 w", "allow a *:7 rwm", "deny c 1:7 w", "allow c *:9 w"]
    device_filter.apply(group.live.cgroup_fd, list(map(parse, rules)))
    devices = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")  # 1:3, 1:5, 1:7, 1:8, 1:9
    flags = (os.O_RDONLY, os.O_WRONLY, os.O_RDWR)
    answers = group.ask(lambda: [[opens(path, each) for each in flags] for path in devices])
    assert dict(zip(devices, answers, strict=True)) == {
        "/dev/null": [True, False, False],
        "/dev/zero": [False, True, False],
        "/dev/full": [True, False, False],
        "/dev/random": [True, False, False],
        "/dev/urandom": [True, True, True],
    }


def test_making_a_node_is_an_access_of_its_own(scene: Scene, tmp_path: os.PathLike[str]) -> None:
    group = scene.group()
    device_filter.apply(group.live.cgroup_fd, [parse("allow c 1:3 m"), parse("allow b *:* rw")])

    def makes(kind: int, major: int, minor: int) -> bool:
        name = f"{os.fspath(tmp_path)}/{kind}-{major}-{minor}"
        try:
            os.mknod(name, kind | 0o600, os.makedev(major, minor))
        except PermissionError:
            return False
        return True

    wanted = [(stat.S_IFCHR, 1, 3), (stat.S_IFCHR, 1, 5), (stat.S_IFBLK, 1, 3)]
    assert group.ask(lambda: [makes(*device) for device in wanted]) == [True, False, False]


def test_new_rules_take_the_place_of_the_old_ones_for_living_processes(scene: Scene) -> None:
    group = scene.group(devices=[DENY_ALL])
    [first] = device_filter.attached(group.live.cgroup_fd)
    limits.update(group.path, Resources(devices=[parse("allow c 1:11 rw")]))
    [second] = device_filter.attached(group.live.cgroup_fd)
    assert first != second
    assert group.ask(lambda: opens("/dev/kmsg", os.O_RDONLY)) is True


def test_several_programs_are_replaced_by_one(scene: Scene) -> None:
    group = scene.group()
    program = device_filter.load(device_filter.assemble([]))
    for _ in range(2):
        extra = device_filter.load(device_filter.assemble([parse("allow a *:* rwm")]))
        device_filter._attach(group.live.cgroup_fd, extra)
        os.close(extra)
    os.close(program)
    device_filter.apply(group.live.cgroup_fd, [parse("allow c 1:3 rw")])
    assert len(device_filter.attached(group.live.cgroup_fd)) == 1


def test_a_filter_above_holds_whatever_one_below_allows(scene: Scene) -> None:
    above = scene.group(devices=[DENY_ALL])
    below = Group(f"{above.path}/below", devices=[parse("allow a *:* rwm")])
    try:
        assert below.ask(lambda: opens("/dev/kmsg", os.O_RDONLY)) is False
    finally:
        below.end()


def exists(program: int) -> bool:
    attributes = ctypes.create_string_buffer(program.to_bytes(4, sys.byteorder), 12)
    try:
        os.close(syscalls.bpf(_PROG_GET_FD_BY_ID, attributes))
    except FileNotFoundError:
        return False
    return True


def test_the_program_goes_with_the_group(scene: Scene) -> None:
    group = scene.group(devices=[DENY_ALL])
    [program] = device_filter.attached(group.live.cgroup_fd)
    assert exists(program)
    group.end()
    wait_until(lambda: not exists(program))


def test_the_kernel_takes_every_program_that_rules_can_make() -> None:
    chance = random.Random(1)
    kinds: tuple[device_filter.Kind, ...] = ("a", "b", "c")
    numbers = (None, 0, 1, 0xFFFFFFFF)
    accesses = ("r", "w", "m", "rw", "rm", "wm", "rwm")
    every_rule = [
        DeviceRule(allow=allow, kind=kind, major=major, minor=minor, access=access)
        for allow, kind, major, minor, access in itertools.product((True, False), kinds, numbers, numbers, accesses)
    ]
    for rule in every_rule:
        os.close(device_filter.load(device_filter.assemble([rule])))
    for _ in range(100):
        os.close(device_filter.load(device_filter.assemble(chance.choices(every_rule, k=chance.randrange(40)))))


def test_a_program_that_the_kernel_refuses_is_an_error_with_the_verifiers_reason() -> None:
    exit_without_answer = device_filter._instruction(0x95)
    with pytest.raises(OSError, match=r"loading the device filter \(.*R0 !read_ok\)"):
        device_filter.load(exit_without_answer)
