"""What the OCI says in version 1's words, in version 2's."""

from __future__ import annotations

import pytest

from minidock.errors import MinidockError
from minidock.oci.resources import Resources
from minidock.steps import limits


def lines(writes: list[limits.Write]) -> list[tuple[str, str]]:
    return [(write.file, write.value) for write in writes]


@pytest.mark.parametrize(
    ("shares", "weight"),
    [
        *((1, 1), (2, 1), (3, 2), (512, 59), (1024, 100), (2000, 170), (22000, 1204)),
        *((262143, 10000), (262144, 10000), (300000, 10000)),
    ],
)
def test_cpu_shares_become_the_weight_that_runc_1_3_2_gives_them(shares: int, weight: int) -> None:
    assert limits.cpu_weight(shares) == weight


def test_more_shares_never_weigh_less_and_always_lie_in_the_kernels_range() -> None:
    weights = [limits.cpu_weight(shares) for shares in range(1, 262200, 7)]
    assert weights == sorted(weights)
    assert (weights[0], weights[-1]) == (1, 10000)


def test_shares_of_zero_and_no_shares_leave_the_weight_alone() -> None:
    assert limits.cpu_writes(Resources(cpu_shares=0)) == []
    assert limits.cpu_writes(Resources()) == []


@pytest.mark.parametrize(
    ("limit", "both", "swap"),
    [
        (None, None, None),  # nothing said
        (0, 0, None),
        (1000, None, None),  # memory alone: swap stays as it is
        (1000, 0, None),
        (-1, None, -1),  # unlimited memory frees swap too, as it did in version 1
        (-1, 0, -1),
        (None, -1, -1),
        (1000, -1, -1),
        (-1, -1, -1),
        (1000, 1000, 0),  # equal: no swap
        (1000, 3000, 2000),
        (-1, 3000, 3000),  # nothing to take away from it
    ],
)
def test_memory_and_swap_together_become_swap_alone(limit: int | None, both: int | None, swap: int | None) -> None:
    assert limits.swap_max(limit, both) == swap


@pytest.mark.parametrize(("limit", "both"), [(None, 1000), (0, 1000), (1000, 999), (-2, 1000), (1000, -2)])
def test_a_sum_of_memory_and_swap_that_makes_no_sense_is_refused_with_both_numbers(
    limit: int | None, both: int
) -> None:
    with pytest.raises(MinidockError, match=str(both)) as refused:
        limits.swap_max(limit, both)
    assert refused.value.hint


def test_memory_limits_are_written_swap_first() -> None:
    resources = Resources(memory_limit=4096, memory_swap=4096, memory_reservation=1024, memory_high=2048)
    assert lines(limits.memory_writes(resources)) == [
        ("memory.swap.max", "0"),
        ("memory.max", "4096"),
        ("memory.high", "2048"),
        ("memory.low", "1024"),
    ]


def test_minus_one_lifts_a_memory_limit() -> None:
    resources = Resources(memory_limit=-1, memory_reservation=-1)
    assert lines(limits.memory_writes(resources)) == [
        ("memory.swap.max", "max"),
        ("memory.max", "max"),
        ("memory.low", "max"),
    ]


def test_only_a_swap_limit_above_zero_needs_a_kernel_that_counts_swap() -> None:
    optional = {
        both: limits.memory_writes(Resources(memory_limit=1000, memory_swap=both))[0].optional
        for both in (-1, 1000, 1001)
    }
    assert optional == {-1: True, 1000: True, 1001: False}


@pytest.mark.parametrize(
    ("quota", "period", "written"),
    [
        (None, None, ""),
        (0, 0, ""),
        (50000, None, "50000"),
        (50000, 200000, "50000 200000"),
        (-1, None, "max"),
        (-1, 200000, "max 200000"),
        (None, 200000, "max 200000"),
    ],
)
def test_a_quota_and_a_period_become_one_line(quota: int | None, period: int | None, written: str) -> None:
    assert limits.cpu_max(quota, period) == written


def test_a_burst_is_lowered_before_the_quota_changes_and_raised_after() -> None:
    assert lines(limits.cpu_writes(Resources(cpu_quota=20000, cpu_burst=10000))) == [
        ("cpu.max.burst", "0"),
        ("cpu.max", "20000"),
        ("cpu.max.burst", "10000"),
    ]


def test_a_group_gets_its_weight_while_it_is_not_idle() -> None:
    to_idle = lines(limits.cpu_writes(Resources(cpu_shares=2, cpu_idle=1)))
    from_idle = lines(limits.cpu_writes(Resources(cpu_shares=2, cpu_idle=0)))
    assert to_idle == [("cpu.weight", "1"), ("cpu.idle", "1")]
    assert from_idle == [("cpu.idle", "0"), ("cpu.weight", "1")]


@pytest.mark.parametrize(("limit", "written"), [(-1, "max"), (0, "max"), (1, "1"), (512, "512")])
def test_a_pids_limit_is_a_number_or_none_when_negative_or_zero(limit: int, written: str) -> None:
    assert lines(limits.pids_writes(Resources(pids_limit=limit))) == [("pids.max", written)]


def test_no_pids_limit_writes_nothing() -> None:
    assert limits.pids_writes(Resources()) == []


@pytest.mark.parametrize(
    ("weight", "converted"), [(10, "1"), (100, "910"), (500, "4950"), (750, "7475"), (1000, "10000")]
)
def test_an_io_weight_goes_to_bfq_as_it_is_or_converted_to_io_cost(weight: int, converted: str) -> None:
    [write] = limits.io_writes(Resources(blkio_weight=weight))
    assert (write.file, write.value) == ("io.bfq.weight", str(weight))
    assert write.otherwise is not None
    assert (write.otherwise.file, write.otherwise.value) == ("io.weight", converted)


def test_an_io_weight_for_one_device_names_the_device_in_both_files() -> None:
    [write] = limits.io_writes(Resources(blkio_weight_device=[(8, 16, 1000)]))
    assert write.otherwise is not None
    assert (write.value, write.otherwise.value) == ("8:16 1000", "8:16 10000")


@pytest.mark.parametrize("weight", [1, 9, 1001, -5])
def test_an_io_weight_out_of_range_is_refused(weight: int) -> None:
    with pytest.raises(MinidockError, match=str(weight)):
        limits.io_writes(Resources(blkio_weight=weight))


def test_the_rates_of_one_device_are_one_line_and_a_rate_of_zero_is_none() -> None:
    resources = Resources(
        throttle_read_bps=[(8, 0, 1000), (8, 16, 7)],
        throttle_write_bps=[(8, 0, 2000)],
        throttle_read_iops=[(8, 0, 0)],
        throttle_write_iops=[(8, 16, 5)],
    )
    assert lines(limits.io_writes(resources)) == [
        ("io.max", "8:0 rbps=1000 wbps=2000 riops=max"),
        ("io.max", "8:16 rbps=7 wiops=5"),
    ]


def test_huge_pages_are_limited_when_used_and_when_promised() -> None:
    writes = limits.hugetlb_writes(Resources(hugepage_limits=[("2MB", 4194304)]))
    assert lines(writes) == [("hugetlb.2MB.max", "4194304"), ("hugetlb.2MB.rsvd.max", "4194304")]
    assert [write.optional for write in writes] == [False, True]


@pytest.mark.parametrize("size", ["", "MB", "2", "2TB", "../2MB", "2MB/../x", "twoMB"])
def test_a_huge_page_size_that_is_none_is_refused_by_name(size: str) -> None:
    with pytest.raises(MinidockError, match="size of huge pages"):
        limits.hugetlb_writes(Resources(hugepage_limits=[(size, 1)]))


def test_unified_files_are_written_line_by_line_in_the_order_given() -> None:
    unified = {"memory.high": "1000", "io.max": "8:0 rbps=1\n8:16 rbps=2\n"}
    assert lines(limits.unified_writes(Resources(unified=unified))) == [
        ("memory.high", "1000"),
        ("io.max", "8:0 rbps=1"),
        ("io.max", "8:16 rbps=2"),
    ]


@pytest.mark.parametrize("file", ["", ".", "..", "memory", "../cgroup.procs", "a/memory.max", "/etc/passwd"])
def test_a_unified_file_that_is_no_file_of_the_group_is_refused_by_name(file: str) -> None:
    with pytest.raises(MinidockError, match="name of a cgroup file"):
        limits.unified_writes(Resources(unified={file: "1"}))
