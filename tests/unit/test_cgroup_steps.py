"""The steps as data: which there are, what they say, and what they would type."""

from __future__ import annotations

import shlex

import pytest

from minidock.errors import MinidockError
from minidock.kernel import device_filter
from minidock.oci.resources import Resources
from minidock.steps import limits
from minidock.steps.live import Live
from minidock.steps.step import HOST, Step
from tests.unit.test_device_filter import allowed

EVERYTHING = Resources(
    memory_limit=64 << 20,
    memory_swap=64 << 20,
    cpu_shares=1024,
    cpu_quota=50000,
    cpus="0",
    pids_limit=10,
    blkio_weight=500,
    hugepage_limits=[("2MB", 0)],
    unified={"memory.oom.group": "1"},
    devices=[device_filter.parse("deny a *:* rwm")],
)


def steps(**wanted: object) -> list[Step]:
    return limits.cgroup_steps("/minidock/web", Resources(**wanted))  # type: ignore[arg-type]


def test_without_limits_there_is_one_step_and_it_makes_the_group() -> None:
    assert [step.name for step in steps()] == ["cgroup.create"]


def test_each_kind_of_limit_is_a_step_of_its_own() -> None:
    assert [step.name for step in limits.cgroup_steps("/minidock/web", EVERYTHING)] == [
        "cgroup.create",
        "cgroup.memory",
        "cgroup.cpu",
        "cgroup.cpuset",
        "cgroup.pids",
        "cgroup.io",
        "cgroup.hugetlb",
        "cgroup.unified",
        "cgroup.devices",
    ]


@pytest.mark.parametrize("step", limits.cgroup_steps("/minidock/web", EVERYTHING), ids=lambda step: step.name)
def test_every_step_explains_itself_and_is_the_hosts(step: Step) -> None:
    assert step.side == HOST
    assert step.says() and step.why.startswith(("without it", "the kernel")) and step.shell() and step.man
    assert "\n" not in step.says()


def test_a_limit_is_said_with_its_number_and_its_size() -> None:
    memory = steps(memory_limit=64 << 20, memory_swap=64 << 20)[1]
    assert memory.says() == "set memory.swap.max to 0, memory.max to 67108864 (64 MiB)"


def test_a_limit_in_shell_enables_its_controller_from_the_top_and_then_writes() -> None:
    enable, write = steps(pids_limit=10)[1].shell().splitlines()
    files = enable.partition("tee ")[2].partition(";")[0].split()
    assert enable.startswith('for controller in pids; do echo "+$controller" | tee ')
    assert [file.rpartition("/")[2] for file in files] == ["cgroup.subtree_control"] * 2
    assert files[1] == files[0].replace("cgroup.subtree_control", "minidock/cgroup.subtree_control")
    assert write == 'echo 10 > "$CGROUP"/pids.max'


def test_an_io_weight_in_shell_falls_back_to_the_other_file() -> None:
    assert steps(blkio_weight=500)[1].shell().splitlines()[1:] == [
        'if [ -e "$CGROUP"/io.bfq.weight ]; then echo 500 > "$CGROUP"/io.bfq.weight; '
        'else echo 4950 > "$CGROUP"/io.weight; fi'
    ]


def test_no_path_file_or_value_can_add_a_command_to_what_would_be_typed() -> None:
    hostile = "$(reboot) ; reboot ' `reboot`"
    steps = limits.cgroup_steps(f"/{hostile}", Resources(unified={f"x.{hostile}": hostile}))
    for line in "\n".join(step.shell() for step in steps).splitlines():
        words = shlex.split(line, posix=True)
        assert not {"reboot", "`reboot`", "$(reboot)"} & set(words), line


def test_device_rules_are_followed_by_those_that_runc_always_adds() -> None:
    [_, devices] = steps(devices=[device_filter.parse("deny a *:* rwm"), device_filter.parse("allow b 8:0 r")])
    assert isinstance(devices, limits.DeviceFilter)
    assert [str(rule) for rule in devices.rules] == [
        "deny a *:* rwm",
        "allow b 8:0 r",
        *limits.ALWAYS_ALLOWED,
    ]


def test_what_docker_always_allows_can_be_opened_and_the_disk_cannot() -> None:
    [_, devices] = steps(devices=[device_filter.parse("deny a *:* rwm")])
    assert isinstance(devices, limits.DeviceFilter)
    for major, minor in ((1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (136, 77)):
        assert allowed(devices.rules, "c", major, minor, "rw")
    assert allowed(devices.rules, "b", 8, 0, "m")
    assert not allowed(devices.rules, "b", 8, 0, "r")
    assert not allowed(devices.rules, "c", 1, 1, "r")  # /dev/mem


@pytest.mark.parametrize("path", ["..", "/", "/minidock/../../etc"])
def test_a_path_outside_of_the_tree_is_refused_before_anything_is_done(path: str) -> None:
    with pytest.raises(MinidockError):
        limits.cgroup_steps(path, Resources())


def test_unified_files_of_several_controllers_enable_each_of_them_but_not_the_core() -> None:
    files = limits.UnifiedFiles("/x", Resources(unified={"memory.high": "1", "cgroup.max.depth": "3", "io.max": "a"}))
    assert files.controllers() == ["memory", "io"]


def test_undoing_what_was_never_done_is_harmless() -> None:
    for step in limits.cgroup_steps("/minidock-never-made/web", EVERYTHING):
        step.undo(Live())
        step.undo(Live())
