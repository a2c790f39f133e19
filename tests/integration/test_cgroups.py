"""What needs no controller, and so works on every host: groups, their processes, freezing, killing, devices."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from types import FrameType

import pytest

from minidock.diagnosis import diagnosing
from minidock.errors import MinidockError
from minidock.kernel import cgroup_stats, cgroups, device_filter
from minidock.kernel.device_filter import parse
from minidock.oci.resources import Resources
from minidock.steps import cgroup, limits
from minidock.steps.live import Live
from minidock.steps.step import StepFailed, perform
from tests.integration.cgroup_scene import Group, Scene, wait_until

DENY_ALL = parse("deny a *:* rwm")


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as scene:
        yield scene


# Groups and processes ------------------------------------------------------------------------------------


def test_the_mount_that_is_found_is_a_cgroup2_mount() -> None:
    kind = subprocess.run(["stat", "-f", "-c", "%T", cgroups.mount_point()], capture_output=True, text=True)
    assert kind.stdout.strip() == "cgroup2fs"


def test_a_child_is_born_in_its_group(scene: Scene) -> None:
    group = scene.group()

    def own_group() -> str:
        with open("/proc/self/cgroup") as lines:
            return next(line.strip() for line in lines if line.startswith("0::"))

    assert group.ask(own_group) == f"0::{group.path}"


def test_making_a_group_without_limits_costs_one_mkdir_and_one_open(scene: Scene) -> None:
    scene.group()  # the groups above exist, and the mount has been found
    step = cgroup.CreateCgroup(scene.path())
    live, calls = Live(), []

    def note(_: FrameType, event: str, argument: object) -> None:
        if event == "c_call" and getattr(argument, "__module__", "") == "posix":
            calls.append(getattr(argument, "__name__", ""))

    sys.setprofile(note)
    step.do(live)
    sys.setprofile(None)
    step.undo(live)
    assert [call for call in calls if call != "fspath"] == ["mkdir", "open"]


def test_the_processes_of_a_group_are_those_below_it_too(scene: Scene) -> None:
    above = scene.group()
    below = Group(f"{above.path}/below")
    try:
        first, second = above.held(lambda: None), below.held(lambda: None)
        assert sorted(cgroups.processes(above.directory)) == sorted([first, second])
        assert cgroups.processes(above.directory, below=False) == [first]
        assert cgroups.processes(below.directory) == [second]
        assert cgroups.populated(above.directory)
    finally:
        below.end()


def test_a_group_that_is_gone_has_no_processes_and_nothing_to_wait_for(scene: Scene) -> None:
    gone = cgroups.locate(f"{scene.top}/never-made")
    assert cgroups.processes(gone) == []
    assert not cgroups.populated(gone)
    assert cgroups.wait_until_empty(gone)
    cgroups.remove(gone)
    cgroups.end(gone)


def test_a_frozen_group_stands_still_and_goes_on_when_thawed(scene: Scene) -> None:
    group = scene.group()
    shared = mmap.mmap(-1, 8)
    counter = ctypes.c_uint64.from_buffer(shared)

    def count() -> None:
        while True:
            counter.value += 1

    group.born(count)
    wait_until(lambda: counter.value)
    cgroups.freeze(group.directory)
    assert cgroup_stats.events(group.directory, "cgroup")["frozen"] == 1
    stopped_at = counter.value
    time.sleep(0.05)
    assert counter.value == stopped_at
    cgroups.thaw(group.directory)
    wait_until(lambda: counter.value > stopped_at)
    assert cgroups.wait_for(group.directory, "frozen", 0, 10)


def fork_for_ever() -> None:
    """Never more than a few at a time, and never still."""
    while True:
        if os.fork() != 0:
            os.wait()


def test_killing_a_group_ends_what_forks_all_the_time_and_what_is_below(scene: Scene) -> None:
    group = scene.group()
    below = Group(f"{group.path}/below")
    try:
        chain, sleeper = group.born(fork_for_ever), below.held(lambda: None)
        wait_until(lambda: len(cgroups.processes(group.directory)) > 5)
        cgroups.kill(group.directory)
        assert cgroups.wait_until_empty(group.directory)
        assert (group.wait(chain), below.wait(sleeper)) == (-signal.SIGKILL, -signal.SIGKILL)
        assert not cgroups.populated(group.directory)
    finally:
        below.end()


def test_killing_one_by_one_does_the_same_where_the_kernel_has_no_cgroup_kill(scene: Scene) -> None:
    group = scene.group()
    chain = group.born(fork_for_ever)
    wait_until(lambda: len(cgroups.processes(group.directory)) > 5)
    cgroups.kill_one_by_one(group.directory)
    assert group.wait(chain) == -signal.SIGKILL
    assert not cgroups.populated(group.directory)
    assert group.read("cgroup.freeze") == "0"


def test_a_frozen_group_can_be_ended(scene: Scene) -> None:
    group = scene.group()
    group.held(lambda: None)
    cgroups.freeze(group.directory)
    cgroups.end(group.directory)
    assert not os.path.exists(group.directory)


def test_undoing_ends_the_processes_and_removes_the_group_and_may_be_repeated(scene: Scene) -> None:
    group = scene.group()
    pid = group.held(lambda: None)
    assert group.plan.undo(group.live) == []
    assert not os.path.exists(group.directory)
    assert group.wait(pid) == -signal.SIGKILL
    assert group.live.cgroup_fd == 0
    assert group.plan.undo(group.live) == []


def test_another_process_can_undo_what_it_has_not_done(scene: Scene) -> None:
    group = scene.group()
    pid = group.held(lambda: None)
    cgroup.CreateCgroup(group.path).undo(Live())
    assert not os.path.exists(group.directory)
    assert group.wait(pid) == -signal.SIGKILL


def test_a_group_in_use_is_refused_and_its_processes_survive_the_undoing_of_who_was_refused(scene: Scene) -> None:
    group = scene.group()
    pid = group.held(lambda: None)
    second = cgroup.CreateCgroup(group.path)
    with pytest.raises(StepFailed, match=f"is taken by the processes \\[{pid}\\]"):
        perform(second, Live())
    second.undo(Live())
    assert cgroups.processes(group.directory) == [pid]


def test_an_empty_group_that_a_crash_has_left_is_used_again(scene: Scene) -> None:
    directory = cgroups.create(scene.path())
    assert scene.group().directory == directory


def test_a_group_with_another_owners_name_is_neither_taken_nor_ended(scene: Scene) -> None:
    path = scene.path()
    first = cgroup.CreateCgroup(path, owner="first")
    live = Live()
    first.do(live)
    with pytest.raises(MinidockError, match="is taken by first"):
        cgroup.CreateCgroup(path, owner="second").do(Live())
    cgroup.CreateCgroup(path, owner="second").undo(Live())
    assert os.path.exists(cgroups.locate(path))
    first.undo(live)
    assert not os.path.exists(cgroups.locate(path))


def test_groups_nested_deeper_than_the_longest_path_are_removed(scene: Scene) -> None:
    group = scene.group()
    here = cgroups.open_group(group.directory)
    for depth in range(60):
        name = f"{depth:0200}"
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)  # 12,000 bytes of path: PATH_MAX is 4096
    assert cgroups.processes(group.directory) == []
    cgroups.remove(group.directory)
    assert not os.path.exists(group.directory)


def test_removing_a_group_with_a_living_process_gives_up_and_names_it(scene: Scene) -> None:
    group = scene.group()
    pid = group.held(lambda: None)
    with pytest.raises(OSError, match=str(pid)) as failed:
        cgroups.remove(group.directory, seconds=0.1)
    assert failed.value.errno == errno.EBUSY


def test_waiting_for_what_does_not_happen_ends_when_time_is_up(scene: Scene) -> None:
    group = scene.group()
    group.held(lambda: None)
    assert not cgroups.wait_until_empty(group.directory, seconds=0.05)


def test_cpu_time_is_counted_without_any_controller(scene: Scene) -> None:
    group = scene.group()
    before = cgroup_stats.Stats(group.directory).cpu["usage_usec"]
    group.ask(lambda: sum(range(300_000)))
    assert cgroup_stats.Stats(group.directory).cpu["usage_usec"] > before


# Controllers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("controller", ["memory", "cpu", "cpuset", "pids", "io", "hugetlb"])
def test_a_controller_works_or_the_error_says_what_holds_it_and_what_frees_it(scene: Scene, controller: str) -> None:
    group = scene.group()
    held_by = {"io": "blkio"}.get(controller, controller)
    with open("/proc/self/mountinfo") as table:
        [*mounts] = [line.split() for line in table if " - cgroup " in line and held_by in line.split()[-1].split(",")]
    if not mounts:
        cgroups.enable(group.directory, [controller])
        assert controller in group.read("cgroup.controllers").split()
        return
    with pytest.raises(MinidockError) as failed:
        cgroups.enable(group.directory, [controller])
    assert f"controller {controller} " in failed.value.message
    finding = diagnosing.explain(failed.value).finding
    assert finding["cause"] == f"the version 1 mount at {mounts[0][4]} holds the controller {controller}"
    assert "systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all" in finding["mend"]


@pytest.mark.hybrid_host
@pytest.mark.parametrize(
    ("step", "wanted"),
    [
        ("cgroup.memory", {"memory_limit": 1 << 26}),
        ("cgroup.cpu", {"cpu_shares": 512}),
        ("cgroup.cpuset", {"cpus": "0"}),
        ("cgroup.pids", {"pids_limit": 10}),
        ("cgroup.io", {"blkio_weight": 100}),
        ("cgroup.unified", {"unified": {"memory.high": "1000000"}}),
    ],
)
def test_a_limit_that_a_hybrid_host_cannot_give_fails_in_its_own_step(
    scene: Scene, step: str, wanted: dict[str, object]
) -> None:
    path = scene.path()
    create, limit = limits.cgroup_steps(path, Resources(**wanted))  # type: ignore[arg-type]
    live = Live()
    perform(create, live)
    with pytest.raises(StepFailed, match="does not offer the cgroup controller") as failed:
        perform(limit, live)
    create.undo(live)
    assert failed.value.step == step
    assert "cgroup_no_v1=all" in failed.value.finding["mend"]


def test_a_controller_that_no_kernel_has_is_an_error(scene: Scene) -> None:
    with pytest.raises(MinidockError, match="does not offer the cgroup controller nonsense"):
        cgroups.enable(scene.group().directory, ["nonsense"])


def test_counting_with_what_the_host_offers_does_not_insist_on_the_rest(scene: Scene) -> None:
    step = cgroup.CreateCgroup(scene.path(), ["hugetlb", "memory", "nonsense"])
    live = Live()
    step.do(live)
    working = cgroups.offered(cgroups.locate(scene.path()))
    step.undo(live)
    offered = cgroups.offered(cgroups.mount_point())
    assert set(working) >= {"hugetlb", "memory"} & set(offered)


def test_a_group_with_processes_of_its_own_cannot_pass_controllers_down_and_the_error_says_so(
    scene: Scene,
) -> None:
    # Of the others, threaded controllers, the rule does not speak: cgroups(7), "no internal processes".
    threaded = ("cpu", "cpuset", "pids", "perf_event")
    controller = next(name for name in cgroups.offered(cgroups.mount_point()) if name not in threaded)
    group = scene.group()
    cgroups.enable(group.directory, [controller])
    pid = group.held(lambda: None)
    below = cgroups.create(f"{group.path}/below")
    with pytest.raises(MinidockError) as failed:
        cgroups.enable(below, [controller])
    assert f"{controller} is not enabled in {group.directory}" in failed.value.message
    assert f"itself (first: [{pid}])" in diagnosing.explain(failed.value).finding["cause"]  # cgroup.processes-inside
    cgroups.remove(below)


def test_huge_pages_beyond_the_limit_are_not_promised(scene: Scene) -> None:
    group = scene.limited(hugepage_limits=[("2MB", 2 << 20)])
    assert group.read("hugetlb.2MB.max") == str(2 << 20)
    map_hugetlb = 0x40000

    def ask_for_pages() -> list[object]:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | map_hugetlb
        one = mmap.mmap(-1, 2 << 20, flags=flags)
        one[0] = 1
        try:
            mmap.mmap(-1, 2 << 20, flags=flags)
        except OSError as error:
            return ["refused", error.errno]
        return ["granted"]

    with huge_pages(4):
        assert group.ask(ask_for_pages) == ["refused", errno.ENOMEM]
    assert cgroup_stats.events(group.directory, "hugetlb.2MB") == {"max": 1}


class huge_pages:  # noqa: N801  # reads as what it gives
    """The host sets some huge pages aside, for a while."""

    file = "/proc/sys/vm/nr_hugepages"

    def __init__(self, count: int) -> None:
        self.count = count

    def __enter__(self) -> None:
        with open(self.file) as file:
            self.before = int(file.read())
        self._write(self.before + self.count)

    def __exit__(self, *_: object) -> None:
        self._write(self.before)

    def _write(self, count: int) -> None:
        with open(self.file, "w") as file:
            file.write(str(count))


def test_a_huge_page_size_that_the_host_does_not_have_is_an_error_with_a_hint(scene: Scene) -> None:
    scene.limited(hugepage_limits=[("2MB", 0)])
    with pytest.raises(StepFailed, match=r'write "0" to .*/hugetlb\.3MB\.max: No such file') as failed:
        scene.group(hugepage_limits=[("3MB", 0)])
    assert "ls /sys/kernel/mm/hugepages" in failed.value.hint


def test_any_file_of_the_group_can_be_written_by_name(scene: Scene) -> None:
    group = scene.group(unified={"cgroup.max.depth": "3", "cgroup.max.descendants": "5"})
    assert (group.read("cgroup.max.depth"), group.read("cgroup.max.descendants")) == ("3", "5")


def test_a_value_that_the_kernel_refuses_is_an_error_with_file_value_and_reason(scene: Scene) -> None:
    with pytest.raises(StepFailed) as failed:
        scene.group(unified={"cgroup.max.depth": "deep"})
    assert failed.value.step == "cgroup.unified"
    assert f'write "deep" to {cgroups.locate(scene.path())}/cgroup.max.depth: Invalid argument' in str(failed.value)


def test_what_the_steps_would_type_does_what_they_do(scene: Scene) -> None:
    path = scene.path()
    resources = Resources(hugepage_limits=[("2MB", 4 << 20)], unified={"cgroup.max.depth": "3"}, devices=[DENY_ALL])
    steps = limits.cgroup_steps(path, resources)
    if "hugetlb" not in cgroups.offered(cgroups.mount_point()):
        steps = [step for step in steps if step.name != "cgroup.hugetlb"]
    # What Debian has no command for is a comment, with minidock's own.
    script = "\n".join(["set -e", *(step.shell().replace("# python3", "python3") for step in steps)])
    environment = {"PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-c", script], check=True, env=environment, stdout=subprocess.DEVNULL)
    group = cgroups.locate(path)
    if len(steps) == 4:
        assert cgroups.read(group, "hugetlb.2MB.max") == f"{4 << 20}\n"
    assert cgroups.read(group, "cgroup.max.depth") == "3\n"
    fd = cgroups.open_group(group)
    assert len(device_filter.attached(fd)) == 1
    os.close(fd)


@pytest.mark.hybrid_host
def test_the_absence_of_a_limit_needs_no_controller(scene: Scene) -> None:
    """Podman says `"pids": {"limit": -1}` for a container without a limit."""
    group = scene.group(pids_limit=-1)
    assert "pids" not in cgroups.offered(group.directory)
