"""Layers from strangers: whatever a tar archive says, nothing outside the layer's directory is touched."""

from __future__ import annotations

import gzip
import io
import os
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as any_of

from minidock.errors import MinidockError
from minidock.images.blobs import Content
from tests.tarballs import (
    CHARACTER,
    DIRECTORY,
    END,
    PAX,
    directory,
    file,
    hard_link,
    header,
    number,
    padded,
    pax,
    seal,
    symlink,
    unpacked,
)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file of the host that no layer may read, change or replace."""
    path = tmp_path / "outside"
    path.mkdir()
    (path / "secret").write_text("the host's")
    return path


def untouched(outside: Path) -> bool:
    return os.listdir(outside) == ["secret"] and (outside / "secret").read_text() == "the host's"


# What honest layers hold ----------------------------------------------------------------------------------


def test_files_directories_and_links_come_out_as_they_went_in(tmp_path: Path) -> None:
    archive = directory("./", mode=0o711, mtime=5)
    archive += directory("bin/", mode=0o750, mtime=7) + file("bin/a", b"content", mode=0o755, mtime=8)
    archive += hard_link("bin/b", "bin/a") + symlink("c", "/bin/a") + file("empty")
    tree = unpacked(archive + END, tmp_path / "layer")
    assert (tree / "bin/a").read_bytes() == b"content"
    assert (tree / "bin/a").stat().st_ino == (tree / "bin/b").stat().st_ino
    assert os.readlink(tree / "c") == "/bin/a"
    assert [path.stat().st_mtime for path in (tree, tree / "bin", tree / "bin/a")] == [5, 7, 8]
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tree, tree / "bin", tree / "bin/a")]
    assert modes == [0o711, 0o750, 0o755]


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        tree = unpacked(file("made/on/the/way", mode=0o4755) + END, tmp_path / "layer")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tree / "made/on/the").stat().st_mode) == 0o755
    assert stat.S_IMODE((tree / "made/on/the/way").stat().st_mode) == 0o4755


def test_a_later_entry_replaces_an_earlier_one(tmp_path: Path) -> None:
    archive = file("a", b"old") + file("a", b"new")
    archive += directory("b/") + file("b/deep/er", b"gone") + file("b", b"a file now")
    archive += file("c", b"a file") + directory("c/") + file("c/d")
    archive += directory("e/") + file("e/f", b"stays") + directory("e/", mode=0o700)
    tree = unpacked(archive + END, tmp_path / "layer")
    assert (tree / "a").read_bytes() == b"new"
    assert (tree / "b").read_bytes() == b"a file now"
    assert (tree / "c/d").exists()
    assert (tree / "e/f").read_bytes() == b"stays"
    assert stat.S_IMODE((tree / "e").stat().st_mode) == 0o700


def test_a_hard_link_to_itself_keeps_the_file(tmp_path: Path) -> None:
    tree = unpacked(file("a", b"kept") + hard_link("a", "a") + END, tmp_path / "layer")
    assert (tree / "a").read_bytes() == b"kept"


def test_a_directory_replaced_by_a_link_gets_no_time_through_it(tmp_path: Path) -> None:
    archive = directory("d", mtime=5) + directory("e", mtime=6) + symlink("d", "e")
    tree = unpacked(archive + END, tmp_path / "layer")
    assert (tree / "e").stat().st_mtime == 6


def test_pax_records_override_the_header(tmp_path: Path) -> None:
    long_name = "n" * 200
    archive = pax(path=long_name, mtime="1.000000007") + file("short", b"x")
    archive += pax(linkpath="t" * 300) + symlink("link", "short")
    archive += pax(mtime="-1.5") + file("before 1970")
    tree = unpacked(archive + END, tmp_path / "layer")
    assert (tree / long_name).stat().st_mtime_ns == 1_000_000_007
    assert os.readlink(tree / "link") == "t" * 300
    assert (tree / "before 1970").stat().st_mtime_ns == -1_500_000_000


def test_a_name_need_not_be_unicode(tmp_path: Path) -> None:
    tree = unpacked(file(os.fsdecode(b"\xff\xfe"), b"x") + END, tmp_path / "layer")
    assert os.listdir(os.fsencode(tree)) == [b"\xff\xfe"]


@pytest.mark.parametrize("form", ["v7", "oldgnu", "gnu", "ustar", "pax"])
def test_what_gnu_tar_wrote_is_read_the_same_in_each_of_its_formats(tmp_path: Path, form: str) -> None:
    source = tmp_path / "source"
    deep = source / ("d" * 60) / ("e" * 60 if form != "v7" else "e")
    deep.mkdir(parents=True)
    (deep / "f").write_bytes(bytes(range(256)) * 100)
    (source / "link").symlink_to("t" * (90 if form in ("v7", "ustar") else 150))
    os.utime(deep / "f", ns=(0, 1_234_567_891_000_000_000))
    command = ["tar", f"--format={form}", "--numeric-owner", "-C", str(source), "-c", "."]
    archive = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    tree = unpacked(archive, tmp_path / "layer")
    copy = tree / deep.relative_to(source) / "f"
    assert copy.read_bytes() == (deep / "f").read_bytes()
    assert copy.stat().st_mtime == (deep / "f").stat().st_mtime
    assert os.readlink(tree / "link") == os.readlink(source / "link")


@pytest.mark.parametrize("form", ["gnu", "pax --sparse-version=0.0", "pax --sparse-version=0.1", "pax"])
def test_holes_of_sparse_files_stay_holes(tmp_path: Path, form: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with open(source / "holes", "wb") as file_with_holes:
        for part in range(60):  # more than fit into one header
            file_with_holes.seek(part * 100_000)
            file_with_holes.write(b"%d" % part)
        file_with_holes.truncate(50_000_000)
    command = ["tar", "-S", *f"--format={form}".split(), "-C", str(source), "-c", "."]
    archive = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    assert len(archive) < 1_000_000
    copy = unpacked(archive, tmp_path / "layer") / "holes"
    assert copy.read_bytes() == (source / "holes").read_bytes()
    assert copy.stat().st_blocks * 512 < 5_000_000


# Names that climb -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "./../secret", "..", "a/b/../../../secret"])
def test_a_name_that_climbs_is_refused(tmp_path: Path, outside: Path, name: str) -> None:
    with pytest.raises(MinidockError, match="climbs out of the archive"):
        unpacked(file(name, b"evil") + END, outside / "layer")
    assert not (tmp_path / "secret").exists()
    assert (outside / "secret").read_text() == "the host's"


def test_a_name_that_climbs_in_a_pax_record_is_refused(outside: Path) -> None:
    with pytest.raises(MinidockError, match="climbs out of the archive"):
        unpacked(pax(path="../secret") + file("harmless", b"evil") + END, outside / "layer")
    assert (outside / "secret").read_text() == "the host's"


def test_an_absolute_name_begins_at_the_layers_root(tmp_path: Path, outside: Path) -> None:
    tree = unpacked(file(f"{outside}/secret", b"inside") + END, tmp_path / "layer")
    assert untouched(outside)
    assert Path(f"{tree}{outside}/secret").read_bytes() == b"inside"


def test_a_name_with_a_zero_byte_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MinidockError, match="zero byte"):
        unpacked(pax(path=b"a\0b") + file("c") + END, tmp_path / "layer")


def test_the_root_itself_cannot_be_replaced(tmp_path: Path) -> None:
    for entry in (symlink("./", "/etc"), file("."), file("a/..")):
        with pytest.raises(MinidockError, match="root directory"):
            unpacked(entry + END, tmp_path / f"layer{len(os.listdir(tmp_path))}")


# Links planted to lead out ----------------------------------------------------------------------------------


def test_a_planted_absolute_link_leads_to_the_layers_own_root(tmp_path: Path, outside: Path) -> None:
    archive = directory(str(outside)) + symlink("door", str(outside)) + file("door/secret", b"inside")
    tree = unpacked(archive + END, tmp_path / "layer")
    assert untouched(outside)
    assert Path(f"{tree}{outside}/secret").read_bytes() == b"inside"


def test_a_planted_relative_link_that_climbs_is_refused(tmp_path: Path, outside: Path) -> None:
    with pytest.raises(MinidockError, match="climbs out of the layer"):
        unpacked(symlink("door", "../outside") + file("door/secret", b"evil") + END, tmp_path / "layer")
    assert untouched(outside)


def test_links_that_climb_only_together_stay_inside(tmp_path: Path, outside: Path) -> None:
    archive = directory("a/b/c") + symlink("down", "a/b/c") + symlink("a/b/c/up", "../../..")
    archive += symlink("x", "down/up/down/up") + file("x/down/up/../outside/secret", b"inside")
    archive += symlink("a/b/deeper", "../../down/up/..") + file("a/b/deeper/outside/secret", b"inside")
    tree = unpacked(archive + END, tmp_path / "layer")
    assert untouched(outside)
    assert (tree / "outside/secret").read_bytes() == b"inside"


def test_a_file_in_place_of_a_planted_link_replaces_the_link(tmp_path: Path, outside: Path) -> None:
    secret = str(outside / "secret")
    tree = unpacked(symlink("a", secret) + file("a", b"new") + END, tmp_path / "layer")
    assert untouched(outside)
    assert not (tree / "a").is_symlink()


def test_a_directory_in_place_of_a_planted_link_replaces_the_link(tmp_path: Path, outside: Path) -> None:
    archive = symlink("a", str(outside)) + directory("a", mode=0o777) + file("a/secret", b"inside")
    tree = unpacked(archive + END, tmp_path / "layer")
    assert untouched(outside)
    assert (tree / "a/secret").read_bytes() == b"inside"


def test_a_parent_that_is_a_dangling_link_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MinidockError, match="cannot unpack 'a/b'"):
        unpacked(symlink("a", "/nowhere") + file("a/b") + END, tmp_path / "layer")


def test_a_parent_that_is_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MinidockError, match="cannot unpack 'a/b': Not a directory"):
        unpacked(file("a") + file("a/b") + END, tmp_path / "layer")


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MinidockError, match="Too many levels of symbolic links"):
        unpacked(symlink("a", "b") + symlink("b", "a") + file("a/c") + END, tmp_path / "layer")


def test_a_hard_link_to_a_file_of_the_host_is_refused(tmp_path: Path, outside: Path) -> None:
    for target in ("../outside/secret", "a/../../outside/secret"):
        with pytest.raises(MinidockError, match="climbs out of the archive"):
            unpacked(hard_link("a", target) + END, tmp_path / f"layer{len(os.listdir(tmp_path))}")
    for planted in (b"", symlink("door", str(outside))):
        target = "door/secret" if planted else str(outside / "secret")
        with pytest.raises(MinidockError, match="which the layer does not hold"):
            unpacked(planted + hard_link("a", target) + END, tmp_path / f"layer{len(os.listdir(tmp_path))}")
    assert (outside / "secret").stat().st_nlink == 1


def test_a_hard_link_to_a_planted_link_is_one_more_link_not_its_target(tmp_path: Path, outside: Path) -> None:
    archive = symlink("a", str(outside / "secret")) + hard_link("b", "a") + file("b", b"evil")
    tree = unpacked(archive + END, tmp_path / "layer")
    assert untouched(outside)
    assert (tree / "b").read_bytes() == b"evil"
    assert (tree / "a").is_symlink()


def test_a_hard_link_to_what_it_replaces_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MinidockError, match="which the layer does not hold"):
        unpacked(file("d/f") + hard_link("d", "d/f") + END, tmp_path / "layer")


# Whiteouts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh...", "a/.wh..."])
def test_a_whiteout_of_nothing_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(MinidockError, match="hides nothing"):
        unpacked(file(name) + END, tmp_path / "layer")


def test_the_bookkeeping_of_aufs_is_left_out(tmp_path: Path) -> None:
    tree = unpacked(file(".wh..wh.aufs") + directory(".wh..wh.plnk") + file("a") + END, tmp_path / "layer")
    assert os.listdir(tree) == ["a"]


# Damaged, cut off, and absurd -------------------------------------------------------------------------------


def test_an_archive_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    archive = file("a", b"x" * 1000)
    for length in (1, 511, 513, 1024, 1500, len(archive) - 1):
        with pytest.raises(MinidockError, match="cut off"):
            unpacked(archive[:length], tmp_path / str(length))


def test_garbage_after_an_entry_is_not_taken_for_the_end(tmp_path: Path) -> None:
    with pytest.raises(MinidockError, match="checksum"):
        unpacked(file("a") + b"garbage!" * 64 + END, tmp_path / "layer")


def test_an_entry_behind_a_lone_block_of_zeros_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MinidockError, match="goes on after its end"):
        unpacked(file("a") + bytes(512) + file("b") + END, tmp_path / "layer")


def test_an_empty_stream_is_an_empty_layer(tmp_path: Path) -> None:
    assert os.listdir(unpacked(b"", tmp_path / "nothing")) == os.listdir(unpacked(END, tmp_path / "end")) == []


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (header("a", size=b"\xff" * 12), "a size of -1"),
        (header("a", size=b"\x80" + b"\xff" * 11), "a size of"),
        (header("a", size=b"12345678x\0\0\0"), "not a number"),
        (header("a", size=b"1_000\0\0\0\0\0\0\0"), "not a number"),
        (pax(size="-1") + header("a"), "not a number"),
        (pax(uid="4294967295") + header("a"), "a uid of 4294967295"),
        (pax(mtime="9" * 20) + header("a"), "a time of"),
        (pax(mtime="never") + header("a"), "not a number"),
        (header("a", b"V"), "of a kind unknown"),
        (header("a", CHARACTER, device=(0o7777777, 0)), "device number"),
        (seal(header("a", PAX, size=number(1 << 30, 12))), "a tar header of 1073741824 bytes"),
        (file("pax", b"6 a=b\nrest", kind=PAX) + header("a"), "malformed pax record"),
        (file("pax", b"99 path=x\n", kind=PAX) + header("a"), "malformed pax record"),
        (file("pax", b"0 path=x\n", kind=PAX) + header("a"), "malformed pax record|not a number"),
        (file("pax", b"no length", kind=PAX) + header("a"), "malformed pax record|not a number"),
        (pax(path="x"), "ends where an entry should follow"),
        (pax(GNU__sparse__map="0,5,900,5", GNU__sparse__size="100") + file("a", b"x" * 10), "beyond its end"),
        (pax(GNU__sparse__map="0,99", GNU__sparse__size="100") + file("a", b"x" * 10), "does not fit"),
        (pax(GNU__sparse__map="0", GNU__sparse__size="100") + file("a"), "does not fit"),
        (
            pax(GNU__sparse__major="1", GNU__sparse__realsize="9") + file("a", padded(b"99999999\n0\n")),
            "number of extents",
        ),
        (pax(GNU__sparse__major="1", GNU__sparse__realsize="9") + file("a", padded(b"2\n0\n")), "holds less"),
        (file("/".join(["a"] * 5000)[:100]) + pax(path="a/" * 4000 + "b") + file("c"), "File name too long"),
    ],
)
def test_an_absurd_entry_is_refused(tmp_path: Path, entry: bytes, message: str) -> None:
    with pytest.raises(MinidockError, match=message):
        unpacked(entry + END, tmp_path / "layer")


def test_a_size_on_what_has_no_content_means_nothing(tmp_path: Path) -> None:
    archive = seal(header("d", DIRECTORY, size=number(4096, 12))) + file("a", b"x")
    assert sorted(os.listdir(unpacked(archive + END, tmp_path / "layer"))) == ["a", "d"]


def sound() -> bytes:
    """An archive with everything in it, to be damaged."""
    archive = pax(path="dir/long", SCHILY__xattr__trusted__x="v") + file("s", b"content")
    archive += symlink("dir/link", "/etc/passwd") + hard_link("hard", "dir/long") + directory("dir/sub/")
    archive += pax(GNU__sparse__map="0,3,90,4", GNU__sparse__size="100") + file("holes", b"content")
    return archive + file("dir/.wh..wh.x") + END


@settings(max_examples=400, deadline=None)
@given(
    damage=any_of.lists(
        any_of.tuples(any_of.integers(0, len(sound())), any_of.binary(min_size=1, max_size=12)), max_size=6
    ),
    resealed=any_of.booleans(),
)
def test_no_damage_to_an_archive_gets_further_than_a_clear_error(
    damage: list[tuple[int, bytes]], resealed: bool
) -> None:
    headers = [at for at in range(0, len(sound()), 512) if sound()[at : at + 512] == seal(sound()[at : at + 512])]
    archive = bytearray(sound())
    for position, change in damage:
        archive[position : position + len(change)] = change
    for at in headers if resealed else []:
        archive[at : at + 512] = seal(bytes(archive[at : at + 512]))
    with tempfile.TemporaryDirectory() as scratch:
        inside = Path(scratch) / "inside"
        inside.mkdir()
        try:
            unpacked(bytes(archive), inside / "layer")
        except MinidockError as error:
            assert error.message
        assert os.listdir(scratch) == ["inside"]
        assert os.listdir(inside) == ["layer"]


# Compression ------------------------------------------------------------------------------------------------


def test_a_gzip_of_several_members_is_one_stream(tmp_path: Path) -> None:
    archive = file("a", b"x" * 100_000) + file("b", os.urandom(600_000)) + END
    members = gzip.compress(archive[:70_000]) + gzip.compress(b"") + gzip.compress(archive[70_000:])
    tree = unpacked(members + bytes(512), tmp_path / "layer")
    assert (tree / "b").stat().st_size == 600_000


def test_content_is_the_same_however_it_is_read() -> None:
    original = os.urandom(300_000) + bytes(900_000)
    for size in (1000, 262_144, 5_000_000):
        content = Content(io.BytesIO(gzip.compress(original)))
        parts = []
        while part := content.read(size):
            parts.append(part)
        assert b"".join(parts) == original
        assert all(len(part) == size for part in parts[:-1])


def test_a_gzip_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(file("a", os.urandom(2000)) + END)
    for length in (10, 100, len(whole) - 1):
        with pytest.raises(MinidockError, match="cut off"):
            unpacked_to_the_end(whole[:length])
    with pytest.raises(MinidockError, match="cut off"):
        unpacked(whole[:100], tmp_path / "layer")


def test_a_damaged_gzip_is_refused() -> None:
    whole = bytearray(gzip.compress(file("a", os.urandom(2000)) + END))
    whole[-6] ^= 1  # its checksum
    with pytest.raises(MinidockError, match="damaged"):
        unpacked_to_the_end(bytes(whole))
    with pytest.raises(MinidockError, match="damaged"):
        unpacked_to_the_end(gzip.compress(END) + b"garbage")


def unpacked_to_the_end(stream: bytes) -> str:
    return Content(io.BytesIO(stream)).digest()


def test_a_bomb_is_never_in_memory_at_once() -> None:
    bomb = gzip.compress(gzip.compress(bytes(200 << 20)))
    content = Content(io.BytesIO(gzip.decompress(bomb)))
    largest = 0
    while chunk := content.some(1 << 30):
        largest = max(largest, len(chunk))
    assert largest <= 1 << 20


def test_padding_is_to_the_block() -> None:
    assert [len(padded(b"x" * size)) for size in (0, 1, 512, 513)] == [0, 512, 512, 1024]
