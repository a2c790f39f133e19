"""minidock/images/files.py: an archive among files that are there already."""

from __future__ import annotations

import os
import stat
from io import BytesIO
from pathlib import Path

import pytest

from minidock.errors import MinidockError
from minidock.images.blobs import Content
from minidock.images.files import Files
from minidock.images.tar import Tar
from tests.tarballs import END, directory, file, hard_link, symlink


def fill(root: Path, archive: bytes, base: str = "", *, keep_owners: bool = False) -> None:
    fd = os.open(root, os.O_PATH)
    try:
        Files(fd, base, f"/{base}", keep_owners=keep_owners).fill(Tar(Content(BytesIO(archive + END))))
    finally:
        os.close(fd)


def test_directories_merge_and_files_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/stays").write_text("stays")
    (tmp_path / "d/file").write_text("old")
    fill(tmp_path, directory("d") + file("d/file", b"new") + file("d/more"))
    assert sorted(os.listdir(tmp_path / "d")) == ["file", "more", "stays"]
    assert (tmp_path / "d/file").read_text() == "new"


def test_a_file_that_is_replaced_is_another_file_afterwards(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    os.link(tmp_path / "file", tmp_path / "elsewhere")
    fill(tmp_path, file("file", b"new"))
    assert ((tmp_path / "file").read_text(), (tmp_path / "elsewhere").read_text()) == ("new", "old")


def test_a_link_in_the_way_is_replaced_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("target")
    (tmp_path / "link").symlink_to("target")
    fill(tmp_path, file("link", b"new"))
    assert (tmp_path / "target").read_text() == "target"
    assert not (tmp_path / "link").is_symlink()


def test_a_directory_does_not_give_way_to_a_file_nor_a_file_to_a_directory(tmp_path: Path) -> None:
    (tmp_path / "base/d").mkdir(parents=True)
    (tmp_path / "base/f").touch()
    with pytest.raises(MinidockError, match='cannot overwrite directory "/base/d" with non-directory "/base"'):
        fill(tmp_path, file("d"), "base")
    with pytest.raises(MinidockError, match='cannot overwrite directory "/base/d" with non-directory "/base"'):
        fill(tmp_path, symlink("./d", "x"), "base")
    with pytest.raises(MinidockError, match='cannot overwrite non-directory "/base/f" with directory "/base"'):
        fill(tmp_path, directory("f"), "base")
    assert (tmp_path / "base/d").is_dir()
    assert (tmp_path / "base/f").is_file()


def test_the_directory_itself_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    fill(tmp_path, directory("./", mode=0o777, mtime=5) + file("./f"))
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750
    assert tmp_path.stat().st_mtime != 5


def test_names_that_mean_something_in_a_layer_are_plain_names_here(tmp_path: Path) -> None:
    (tmp_path / "gone").touch()
    fill(tmp_path, file(".wh.gone") + file("d/.wh..wh..opq"))
    assert sorted(os.listdir(tmp_path)) == [".wh.gone", "d", "gone"]
    assert os.listdir(tmp_path / "d") == [".wh..wh..opq"]


def test_links_lead_everywhere_below_the_root_and_nowhere_else(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "base").mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "base/absolute").symlink_to("/etc")
    (root / "base/climbing").symlink_to("../../../../../etc")
    fill(root, file("absolute/a") + file("climbing/b"), "base")
    assert sorted(os.listdir(root / "etc")) == ["a", "b"]


def test_a_link_may_point_anywhere_since_it_is_only_text(tmp_path: Path) -> None:
    fill(tmp_path, symlink("link", "../../../etc/passwd"))
    assert os.readlink(tmp_path / "link") == "../../../etc/passwd"


def test_a_name_that_climbs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    with pytest.raises(MinidockError, match="climbs out"):
        fill(tmp_path, file("../evil"), "base")
    with pytest.raises(MinidockError, match="climbs out"):
        fill(tmp_path, file("a") + hard_link("b", "../secret"), "base")
    assert sorted(os.listdir(tmp_path)) == ["base"]


@pytest.mark.parametrize(("keep", "mode"), [(True, 0o6755), (False, 0o755)])
def test_set_user_id_is_kept_only_together_with_the_owner(tmp_path: Path, keep: bool, mode: int) -> None:
    fill(tmp_path, file("program", mode=0o6755), keep_owners=keep)
    assert stat.S_IMODE((tmp_path / "program").stat().st_mode) == mode
