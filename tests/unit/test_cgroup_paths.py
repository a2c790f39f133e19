"""Where groups are, and how the files in them are read."""

from __future__ import annotations

import os

import pytest

from minidock.errors import MinidockError
from minidock.kernel import cgroup_stats, cgroups, mount_table


@pytest.mark.parametrize("path", ["/minidock/web", "minidock/web", "//minidock///web/"])
def test_a_path_counts_from_the_mount_however_it_is_written(path: str) -> None:
    assert cgroups.checked(path) == "/minidock/web"


@pytest.mark.parametrize(
    "path", ["", "/", "//", ".", "..", "../x", "/a/../../b", "a/./b", "a/..", "a\nb", "a\0b", "a/b\n"]
)
def test_a_path_that_escapes_or_names_no_group_is_refused_with_the_path(path: str) -> None:
    with pytest.raises(MinidockError) as refused:
        cgroups.checked(path)
    assert repr(path) in refused.value.message
    assert refused.value.hint


def test_names_with_dots_that_are_no_steps_upward_are_names() -> None:
    assert cgroups.checked("/system.slice/a..b/...") == "/system.slice/a..b/..."


@pytest.fixture
def group(tmp_path: os.PathLike[str]) -> str:
    return os.fspath(tmp_path)


def write(group: str, file: str, text: str) -> None:
    with open(f"{group}/{file}", "w") as out:
        out.write(text)


def test_a_number_may_be_max_or_missing(group: str) -> None:
    write(group, "memory.current", "4096\n")
    write(group, "memory.max", "max\n")
    assert cgroup_stats.number(group, "memory.current") == 4096
    assert cgroup_stats.number(group, "memory.max") is None
    assert cgroup_stats.number(group, "memory.peak") is None


def test_a_table_is_read_by_name(group: str) -> None:
    write(group, "memory.events", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\n")
    assert cgroup_stats.events(group)["oom_kill"] == 1
    assert cgroup_stats.events(group, "pids") == {}


def test_io_is_read_by_device_also_where_a_device_has_no_figures(group: str) -> None:
    write(group, "io.stat", "8:16 rbytes=10 wbytes=20\n7:0\n7:1 254:0 rbytes=30\n")
    assert cgroup_stats.by_device(group) == {"8:16": {"rbytes": 10, "wbytes": 20}, "254:0": {"rbytes": 30}}


def test_pressure_is_read_as_averages_and_a_total(group: str) -> None:
    write(group, "io.pressure", "some avg10=1.50 avg60=0.20 avg300=0.00 total=12345\nfull avg10=0.00 total=7\n")
    pressure = cgroup_stats.pressure(group, "io")
    assert pressure["some"] == {"avg10": 1.5, "avg60": 0.2, "avg300": 0.0, "total": 12345}
    assert pressure["full"]["total"] == 7
    assert cgroup_stats.pressure(group, "cpu") == {}


def test_an_error_names_the_file_the_value_and_the_reason(group: str) -> None:
    with pytest.raises(FileNotFoundError) as failed:
        cgroups.write(group, "memory.max", "4096")
    assert failed.value.filename == f'write "4096" to {group}/memory.max'
    assert failed.value.strerror == "No such file or directory"


def test_a_mount_point_with_spaces_and_backslashes_is_unescaped() -> None:
    assert mount_table._unescape("/mnt/a\\040b\\134040") == "/mnt/a b\\040"
