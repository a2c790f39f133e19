"""What the files of a cgroup say, in sentences; and no sentence for what is not understood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidock.engine.looking.xray.cgroup_meanings import MEANINGS


@pytest.mark.parametrize(
    ("file", "text", "meaning"),
    [
        ("memory.max", "134217728", "above 128 MiB something is killed"),
        ("memory.max", "max", "no limit"),
        ("memory.max", "0", "above 0 B something is killed"),
        ("memory.low", "0", "nothing is kept for it"),
        ("memory.swap.max", "0", "nothing of it may go to disk"),
        ("memory.swap.max", "max", "no limit"),
        ("cpu.max", "150000 100000", "at most 1.5 processors: 150000 of each 100000 microseconds"),
        ("cpu.max", "max 100000", "as much of the processors as is free"),
        ("cpu.stat", "usage_usec 2500000\nnr_throttled 3", "2.5 s of processor time used so far, held back 3 times"),
        ("pids.max", "20", "at most 20: the next fork(2) is refused"),
        ("pids.max", "max", "no limit: a fork bomb goes on"),
        ("cgroup.events", "populated 1\nfrozen 1", "processes live here, frozen"),
        ("cgroup.freeze", "1", "stopped where they stand"),
        ("cpuset.cpus", "", "on any processor"),
        ("io.max", "", "no limit for any device"),
        ("cpu.pressure", "some avg10=1.50 avg60=0.00 avg300=0.00 total=1",
         "in the last 10 s, 1.5 % of the time some process waited for a processor"),
    ],
)  # fmt: skip
def test_a_file_has_a_meaning(file: str, text: str, meaning: str) -> None:
    assert MEANINGS[file](text) == meaning


@given(st.sampled_from(sorted(MEANINGS)), st.text())
def test_what_no_kernel_has_written_yet_is_left_unexplained(file: str, text: str) -> None:
    assert isinstance(MEANINGS[file](text), str)
