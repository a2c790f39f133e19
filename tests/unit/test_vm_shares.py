"""How the integration tests are divided between test machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vm.shares import shares

SIZES = {"a": 90, "b": 50, "c": 40, "d": 10, "e": 5}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    for name, size in SIZES.items():
        (tmp_path / name).write_bytes(bytes(size))
    return sorted(tmp_path.iterdir())


def names(parts: list[list[Path]]) -> list[list[str]]:
    return [[file.name for file in part] for part in parts]


def test_each_file_is_in_one_share_and_the_shares_take_about_as_long(files: list[Path]) -> None:
    assert names(shares(files, {"a": 10, "b": 30, "c": 5, "d": 20, "e": 5}, 2)) == [["b", "c"], ["a", "d", "e"]]


def test_files_that_nobody_has_timed_count_by_their_size(files: list[Path]) -> None:
    assert names(shares(files, {}, 2)) == [["a", "d"], ["b", "c", "e"]]
    assert names(shares(files, {"a": 1, "d": 1000}, 2)) == [["d"], ["a", "b", "c", "e"]]


def test_there_are_no_more_shares_than_files(files: list[Path]) -> None:
    assert names(shares(files[:1], {}, 4)) == [["a"]]
