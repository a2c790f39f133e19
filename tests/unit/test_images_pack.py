"""minidock/images/tar_writer.py and pack.py: trees as archives, that our reader and everybody else's understand."""

from __future__ import annotations

import io
import os
import socket
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidock.errors import MinidockError
from minidock.images import tar, tar_writer
from minidock.images.blobs import Content
from minidock.images.drafts import remove
from minidock.images.pack import Packed, Packing
from minidock.images.unpack import unpack
from tests.integration.trees import holes

_NAMES = st.binary(min_size=1, max_size=400).filter(lambda name: b"\0" not in name and not name.startswith(b"\x1f\x8b"))


def packed(tree: Path, name: str = "") -> bytes:
    root = os.open(tree, os.O_PATH)
    try:
        return b"".join(Packing(root).tree("", name))
    finally:
        os.close(root)


def entries(archive: bytes) -> list[tarfile.TarInfo]:
    """As the standard library reads it."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as opened:
        return opened.getmembers()


def names(archive: bytes) -> list[str]:
    return [entry.name for entry in entries(archive)]


# Entries ----------------------------------------------------------------------------------------------------


@given(
    name=_NAMES,
    link=_NAMES,
    mode=st.integers(0, 0o7777),
    owner=st.integers(0, (1 << 32) - 2),
    time=st.integers(-(10**9 << 40), 10**9 << 40) | st.integers(-(10**9), 10**9),
    xattr=st.binary(max_size=300),
)
def test_what_is_written_is_read_again(
    name: bytes, link: bytes, mode: int, owner: int, time: int, xattr: bytes
) -> None:
    entry = tar.plain_entry(os.fsdecode(name), tar.SYMLINK, mode)
    entry.link, entry.uid, entry.gid, entry.mtime = os.fsdecode(link), owner, owner // 2, time
    entry.xattrs = {"user.any": xattr}
    (read,) = tar.Tar(Content(io.BytesIO(tar_writer.header(entry) + tar_writer.END)))
    assert vars(read) == vars(entry)


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 8 << 30, (1 << 36) + 1])
def test_sizes_are_what_others_read(size: int) -> None:
    entry = tar.plain_entry("file", tar.FILE, 0o644)
    entry.size = size
    with tarfile.open(fileobj=io.BytesIO(tar_writer.header(entry) + tar_writer.END), mode="r|") as opened:
        read = opened.next()
    assert read is not None
    assert read.size == size


@pytest.mark.parametrize("length", [1, 99, 100, 101, 155, 156, 255, 256, 300, 1000])
@pytest.mark.parametrize("slash_at", [0, 50, 99, 101, 150])
def test_names_of_every_length_are_what_others_read(length: int, slash_at: int) -> None:
    name = "n" * length
    if 0 < slash_at < length - 1:
        name = name[:slash_at] + "/" + name[slash_at + 1 :]
    entry = tar.plain_entry(name, tar.FILE, 0o644)
    assert names(tar_writer.header(entry) + tar_writer.END) == [name]


def test_a_device_is_what_others_read() -> None:
    entry = tar.plain_entry("null", tar.CHARACTER, 0o666)
    entry.device = os.makedev(1, 3)
    (read,) = entries(tar_writer.header(entry) + tar_writer.END)
    assert (read.ischr(), read.devmajor, read.devminor) == (True, 1, 3)


# Trees ------------------------------------------------------------------------------------------------------


def test_a_tree_is_packed_in_one_order_whatever_order_it_was_made_in(tmp_path: Path) -> None:
    archives = []
    for place, order in (("one", ["b", "a/x", "a/y/z", "c"]), ("two", ["c", "a/y/z", "a/x", "b"])):
        for name in order:
            path = tmp_path / place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        for path in (tmp_path / place).rglob("*"):
            os.utime(path, (5, 5))
        archives.append(packed(tmp_path / place))
    assert archives[0] == archives[1]
    assert names(archives[0]) == ["b", "c", "a", "a/x", "a/y", "a/y/z"]


def test_a_tree_can_have_another_name_in_the_archive(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old/file").touch()
    os.link(tmp_path / "old/file", tmp_path / "old/other")
    read = entries(packed(tmp_path / "old", "new"))
    assert [(entry.name, entry.linkname) for entry in read] == [
        ("new", ""),
        ("new/file", ""),
        ("new/other", "new/file"),
    ]


def test_a_socket_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        assert names(packed(tmp_path)) == ["file"]


def test_the_content_of_a_directory_can_be_left_out(tmp_path: Path) -> None:
    for name in ("proc/1", "other/2"):
        (tmp_path / name).mkdir(parents=True)
    root = os.open(tmp_path, os.O_PATH)
    archive = b"".join(Packing(root, empty=["/proc/"]).tree(""))
    os.close(root)
    assert names(archive) == ["other", "other/2", "proc"]


def test_no_link_leads_the_packing_astray(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "file").write_text("secret")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "directory").symlink_to(secret)
    (tree / "file").symlink_to(secret / "file")
    archive = packed(tree)
    assert [entry.issym() for entry in entries(archive)] == [True, True]
    assert b"secret\0" not in archive.replace(b"/secret", b"")


def test_a_directory_that_becomes_a_link_meanwhile_is_not_followed(tmp_path: Path) -> None:
    secret, tree = tmp_path / "secret", tmp_path / "tree"
    for directory in (tree / "a", tree / "b", secret):
        directory.mkdir(parents=True)
        (directory / "file").write_bytes(bytes(600_000))
    root = os.open(tree, os.O_PATH)
    pieces = Packing(root).tree("")
    archive = next(pieces)  # in the middle of the first directory; that the second is one is known by now
    (tree / "b").rename(tmp_path / "aside")
    (tree / "b").symlink_to(secret)
    archive += b"".join(pieces)
    os.close(root)
    assert names(archive) == ["a", "a/file"]


@pytest.mark.parametrize("change", ["shrink", "grow", "remove"])
def test_a_file_that_changes_while_it_is_packed_does_not_damage_the_archive(tmp_path: Path, change: str) -> None:
    (tmp_path / "big").write_bytes(b"x" * 1_000_000)
    (tmp_path / "next").write_text("next")
    root = os.open(tmp_path, os.O_PATH)
    pieces = Packing(root).tree("")
    archive = next(pieces)
    if change == "remove":
        (tmp_path / "big").unlink()
    else:
        os.truncate(tmp_path / "big", {"shrink": 10, "grow": 2_000_000}[change])
    archive += b"".join(pieces)
    os.close(root)
    assert [(entry.name, entry.size) for entry in entries(archive)] == [("big", 1_000_000), ("next", 4)]


def test_a_path_too_long_for_the_kernel_is_an_error_not_an_omission(tmp_path: Path) -> None:
    inner = os.open(tmp_path, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("d" * 200, dir_fd=inner)
        outer, inner = inner, os.open("d" * 200, os.O_RDONLY, dir_fd=inner)
        os.close(outer)
    os.close(inner)
    with pytest.raises(MinidockError, match=r"a path of 4\d\d\d bytes"):
        packed(tmp_path)
    for path in tmp_path.iterdir():
        remove(str(path))


def test_a_tree_of_many_levels_needs_neither_many_descriptors_nor_a_deep_stack(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 1500)
    inner = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=inner)
        outer, inner = inner, os.open("d", os.O_RDONLY, dir_fd=inner)
        os.close(outer)
    os.close(inner)
    assert names(packed(tmp_path))[-1] == str(deep.relative_to(tmp_path))
    remove(str(tmp_path / "d"))


def test_holes_go_as_zeros_and_become_holes_again(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    with open(source / "sparse", "wb") as file:
        for part in range(5):
            file.seek(part * 1_000_001)
            file.write(b"part")
        file.truncate(60_000_000)
    archive = packed(source)
    assert len(archive) > 60_000_000
    fd = os.open(target, os.O_RDONLY)
    unpack(Content(io.BytesIO(archive)), fd)
    os.close(fd)
    assert holes(target / "sparse") == holes(source / "sparse")
    assert (target / "sparse").read_bytes() == (source / "sparse").read_bytes()


def test_an_archive_can_be_unpacked_while_it_is_made(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "d").mkdir(parents=True)
    (source / "d/big").write_bytes(os.urandom(3_000_000))
    target.mkdir()
    fds = [os.open(path, os.O_RDONLY) for path in (source, target)]
    stream = Packed(Packing(fds[0]).tree(""))
    unpack(stream, fds[1])
    for fd in fds:
        os.close(fd)
    assert (target / "d/big").read_bytes() == (source / "d/big").read_bytes()
    assert stream.read_so_far == len(packed(source))
