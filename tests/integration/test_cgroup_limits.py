"""Limits that bite: each needs a controller under version 2, and is skipped, with the reason, where it has none."""

from __future__ import annotations

import errno
import mmap
import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from minidock.errors import MinidockError
from minidock.kernel import cgroup_stats, cgroups
from minidock.oci.resources import Resources
from minidock.steps import limits
from minidock.steps.step import StepFailed
from tests.integration.cgroup_scene import Scene

MIB = 1 << 20
SPARE = "/mnt/spare"  # a disk that nothing else uses; the test machine has one


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as scene:
        yield scene


def fill(size: int) -> bytearray:
    """Memory that is really used: each page has something in it."""
    memory = bytearray(size)
    memory[::4096] = b"\1" * len(memory[::4096])
    return memory


# Memory --------------------------------------------------------------------------------------------------


def test_a_memory_limit_kills_the_process_that_exceeds_it(scene: Scene) -> None:
    group = scene.limited(memory_limit=32 * MIB, memory_swap=32 * MIB)
    assert group.wait(group.born(lambda: fill(64 * MIB))) == -signal.SIGKILL
    events = cgroup_stats.events(group.directory)
    assert events["oom_kill"] == 1
    assert events["max"] > 0


def test_within_a_memory_limit_a_process_lives_and_its_use_is_counted(scene: Scene) -> None:
    group = scene.limited(memory_limit=64 * MIB)
    group.held(lambda: fill(16 * MIB))
    stats = cgroup_stats.Stats(group.directory)
    assert stats.memory is not None and 16 * MIB < stats.memory <= 64 * MIB
    assert stats.memory_peak is not None and stats.memory_peak >= 16 * MIB
    assert stats.memory_details["anon"] >= 16 * MIB
    assert stats.memory_limit == 64 * MIB


def test_memory_beyond_the_limit_goes_to_swap_as_far_as_the_sum_allows(scene: Scene) -> None:
    group = scene.limited(memory_limit=32 * MIB, memory_swap=96 * MIB)
    assert group.read("memory.swap.max") == str(64 * MIB)
    with open("/proc/swaps") as table:
        if len(table.readlines()) < 2:
            pytest.skip("this host has no swap: see /proc/swaps")
    group.held(lambda: fill(64 * MIB))
    swap = cgroup_stats.Stats(group.directory).swap
    assert swap is not None and swap > 16 * MIB
    assert cgroup_stats.events(group.directory)["oom_kill"] == 0


def test_equal_limits_for_memory_and_the_sum_allow_no_swap(scene: Scene) -> None:
    group = scene.limited(memory_limit=32 * MIB, memory_swap=32 * MIB)
    assert group.read("memory.swap.max") == "0"


def test_above_the_high_mark_a_group_is_held_back_not_killed(scene: Scene) -> None:
    group = scene.limited(memory_high=16 * MIB, memory_limit=512 * MIB)
    group.held(lambda: fill(20 * MIB))
    events = cgroup_stats.events(group.directory)
    assert events["high"] > 0
    assert events["oom_kill"] == 0


def test_a_reservation_is_what_the_kernel_spares(scene: Scene) -> None:
    assert scene.limited(memory_reservation=16 * MIB).read("memory.low") == str(16 * MIB)


def test_a_limit_below_what_is_in_use_is_refused_when_asked_to_check(scene: Scene) -> None:
    group = scene.limited(memory_limit=64 * MIB)
    pid = group.held(lambda: fill(16 * MIB))
    with pytest.raises(MinidockError, match="are in use"):
        limits.update(group.path, Resources(memory_limit=8 * MIB, memory_check_before_update=True))
    assert group.read("memory.max") == str(64 * MIB)
    assert cgroups.processes(group.directory) == [pid]


# Processes -----------------------------------------------------------------------------------------------


def fork_until_refused() -> list[int | None]:
    children: list[int] = []
    refusal: int | None = None
    while len(children) < 20:
        try:
            pid = os.fork()
        except OSError as error:
            refusal = error.errno
            break
        if pid == 0:
            signal.pause()
        children.append(pid)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return [len(children), refusal]


def test_a_pids_limit_refuses_the_fork_beyond_it(scene: Scene) -> None:
    group = scene.limited(pids_limit=4)
    assert group.ask(fork_until_refused) == [3, errno.EAGAIN]
    assert cgroup_stats.events(group.directory, "pids")["max"] == 1


def test_a_living_group_gets_a_new_limit_and_keeps_the_others(scene: Scene) -> None:
    group = scene.limited(pids_limit=4, cpu_quota=50000)
    steps = limits.update(group.path, Resources(pids_limit=6))
    assert [step.name for step in steps] == ["cgroup.pids"]
    assert group.ask(fork_until_refused) == [5, errno.EAGAIN]
    assert group.read("cpu.max") == "50000 100000"


def test_a_controller_can_be_had_later_while_processes_live_in_the_group(scene: Scene) -> None:
    scene.limited(pids_limit=100)
    group = scene.group()
    pid = group.held(lambda: None)
    limits.update(group.path, Resources(memory_limit=64 * MIB))
    assert group.read("memory.max") == str(64 * MIB)
    assert cgroups.processes(group.directory) == [pid]


# Processors ----------------------------------------------------------------------------------------------


def spin(seconds: float) -> float:
    while time.process_time() < seconds:
        pass
    return time.process_time()


def test_a_cpu_quota_throttles(scene: Scene) -> None:
    group = scene.limited(cpu_quota=10000, cpu_period=100000)
    group.ask(lambda: spin(time.process_time() + 0.05))
    stats = cgroup_stats.Stats(group.directory)
    assert stats.cpu["nr_throttled"] > 0
    assert stats.cpu["throttled_usec"] > 0


def test_without_a_quota_nothing_is_throttled(scene: Scene) -> None:
    group = scene.limited(cpu_shares=1024)
    group.ask(lambda: spin(time.process_time() + 0.05))
    assert cgroup_stats.Stats(group.directory).cpu["nr_throttled"] == 0


@pytest.mark.parametrize(("shares", "weight"), [(2, "1"), (1024, "100"), (262144, "10000")])
def test_cpu_shares_are_written_as_a_weight(scene: Scene, shares: int, weight: str) -> None:
    assert scene.limited(cpu_shares=shares).read("cpu.weight") == weight


def test_a_quota_with_a_burst_can_be_lowered_and_raised(scene: Scene) -> None:
    group = scene.limited(cpu_quota=100000, cpu_burst=50000)
    assert group.read("cpu.max.burst") == "50000"
    limits.update(group.path, Resources(cpu_quota=20000, cpu_burst=10000))
    assert (group.read("cpu.max"), group.read("cpu.max.burst")) == ("20000 100000", "10000")
    limits.update(group.path, Resources(cpu_quota=-1, cpu_burst=0))
    assert (group.read("cpu.max"), group.read("cpu.max.burst")) == ("max 100000", "0")


def test_an_idle_group_gets_its_weight_back_with_the_same_call_that_ends_idling(scene: Scene) -> None:
    group = scene.limited(cpu_idle=1, cpu_shares=512)
    assert group.read("cpu.idle") == "1"
    limits.update(group.path, Resources(cpu_idle=0, cpu_shares=512))
    assert (group.read("cpu.idle"), group.read("cpu.weight")) == ("0", "59")


def test_a_quota_that_the_kernel_refuses_is_an_error_with_its_bounds(scene: Scene) -> None:
    scene.limited(cpu_shares=1024)
    with pytest.raises(StepFailed, match=r'write "10" to .*/cpu\.max: Invalid argument') as failed:
        scene.group(cpu_quota=10)
    assert "1000 microseconds" in failed.value.hint


def status(field: str) -> str:
    with open("/proc/self/status") as lines:
        return next(line.split(":")[1].strip() for line in lines if line.startswith(f"{field}:"))


def test_a_cpuset_pins_to_its_processors_and_nodes(scene: Scene) -> None:
    last = max(os.sched_getaffinity(0))
    group = scene.limited(cpus=str(last), mems="0")
    assert group.ask(lambda: [status("Cpus_allowed_list"), status("Mems_allowed_list")]) == [str(last), "0"]
    assert group.ask(lambda: list(os.sched_getaffinity(0))) == [last]


def test_processors_that_the_host_does_not_have_are_an_error_with_a_hint(scene: Scene) -> None:
    scene.limited(cpus="0")
    with pytest.raises(StepFailed, match=r'write "77777" to .*/cpuset\.cpus') as failed:
        scene.group(cpus="77777")
    assert "effective" in failed.value.hint


# Disks ---------------------------------------------------------------------------------------------------


@pytest.fixture
def disk(scene: Scene) -> tuple[int, int]:
    """The number of a disk that may be slowed down."""
    scene.limited(blkio_weight=100)  # skips with its own reason where there is no io controller
    if not os.path.ismount(SPARE):
        pytest.skip(f"this host has no disk mounted at {SPARE} that could be slowed down")
    device = os.stat(SPARE).st_dev
    return os.major(device), os.minor(device)


def transfer(flags: int, count: int, size: int) -> int:
    """Read or write without the page cache; the bytes moved."""
    buffer = mmap.mmap(-1, size)  # O_DIRECT wants memory that begins at a page
    fd = os.open(f"{SPARE}/minidock-test-io", flags | os.O_DIRECT)
    try:
        return sum(os.readv(fd, [buffer]) if flags == os.O_RDONLY else os.writev(fd, [buffer]) for _ in range(count))
    finally:
        os.close(fd)


@pytest.fixture
def file_on_disk(disk: tuple[int, int]) -> Iterator[tuple[int, int]]:
    path = f"{SPARE}/minidock-test-io"
    with open(path, "wb") as file:
        file.write(b"x" * 2 * MIB)
        os.fsync(file.fileno())
    yield disk
    os.unlink(path)


def seconds_for(flags: int, count: int, size: int) -> float:
    """How long a transfer takes. A slow machine makes it longer, never shorter than the limit allows."""
    begun = time.monotonic()
    assert transfer(flags, count, size) == count * size
    return time.monotonic() - begun


def counts_waiting_for_io(directory: str) -> bool:
    """Whether the kernel saw somebody in the group wait for a disk; it adds up every 2 seconds."""
    deadline = time.monotonic() + 20
    while not cgroup_stats.pressure(directory, "io")["some"]["total"] > 100_000:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_an_io_limit_slows_writing_down(scene: Scene, file_on_disk: tuple[int, int]) -> None:
    group = scene.limited(throttle_write_bps=[(*file_on_disk, MIB)])
    assert group.ask(lambda: seconds_for(os.O_WRONLY, 8, MIB // 4)) > 1.5  # 2 MiB at 1 MiB a second
    assert counts_waiting_for_io(group.directory)
    moved = cgroup_stats.Stats(group.directory).io["{}:{}".format(*file_on_disk)]
    assert moved["wbytes"] == 2 * MIB


def test_a_limit_on_requests_slows_reading_down(scene: Scene, file_on_disk: tuple[int, int]) -> None:
    group = scene.limited(throttle_read_iops=[(*file_on_disk, 10)])
    assert group.ask(lambda: seconds_for(os.O_RDONLY, 20, 4096)) > 1.5  # 20 requests at 10 a second
    assert counts_waiting_for_io(group.directory)
    moved = cgroup_stats.Stats(group.directory).io["{}:{}".format(*file_on_disk)]
    assert moved["rios"] == 20


def test_a_rate_of_zero_lifts_an_io_limit(scene: Scene, disk: tuple[int, int]) -> None:
    number = "{}:{}".format(*disk)
    group = scene.limited(throttle_write_bps=[(*disk, MIB)], throttle_read_iops=[(*disk, 10)])
    assert group.read("io.max") == f"{number} rbps=max wbps={MIB} riops=10 wiops=max"
    limits.update(group.path, Resources(throttle_write_bps=[(*disk, 0)]))
    assert group.read("io.max") == f"{number} rbps=max wbps=max riops=10 wiops=max"


def test_an_io_limit_on_no_disk_is_an_error_with_a_hint(scene: Scene) -> None:
    with pytest.raises(MinidockError) as failed:
        scene.limited(throttle_write_bps=[(0, 0, MIB)])
    assert f'write "0:0 wbps={MIB}" to' in failed.value.message
    assert "only a whole disk" in failed.value.hint


def test_an_io_weight_is_written_to_the_file_that_the_kernel_has(scene: Scene) -> None:
    group = scene.limited(blkio_weight=500)
    if cgroups.exists(group.directory, "io.bfq.weight"):
        assert group.read("io.bfq.weight") in ("500", "default 500")
    else:
        assert group.read("io.weight") == "default 4950"


def test_with_bfq_an_io_weight_is_written_as_it_is_for_all_disks_and_for_one(
    scene: Scene, disk: tuple[int, int]
) -> None:
    scheduler = f"/sys/dev/block/{disk[0]}:{disk[1]}/queue/scheduler"
    if not os.environ.get("MINIDOCK_VM"):
        pytest.skip("this loads a kernel module and changes a disk's scheduler: only in the test machine")
    subprocess.run(["modprobe", "bfq"], check=True)
    before = use_scheduler(scheduler, "bfq")
    try:
        group = scene.limited(blkio_weight=500, blkio_weight_device=[(*disk, 250)])
        assert group.read("io.bfq.weight").splitlines() == ["default 500", "{}:{} 250".format(*disk)]
    finally:
        use_scheduler(scheduler, before)


def use_scheduler(file: str, name: str) -> str:
    """Give a disk another scheduler; the one it had."""
    with open(file) as choices:
        before = choices.read().partition("[")[2].partition("]")[0]
    with open(file, "w") as choice:
        choice.write(name)
    return before
