"""How the integration tests are divided between test machines."""

from __future__ import annotations

from pathlib import Path

from tests.vm.shares import shares


def test_each_file_is_in_one_share_and_the_shares_are_about_the_same(tmp_path: Path) -> None:
    for name, size in (("a", 90), ("b", 50), ("c", 40), ("d", 10), ("e", 5)):
        (tmp_path / name).write_bytes(bytes(size))
    parts = [[file.name for file in part] for part in shares(sorted(tmp_path.iterdir()), 2)]
    assert parts == [["a", "d"], ["b", "c", "e"]]


def test_there_are_no_more_shares_than_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    assert shares([tmp_path / "a"], 4) == [[tmp_path / "a"]]
