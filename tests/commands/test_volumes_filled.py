"""What a volume begins with: the files that the image has in its place; and parts of volumes."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest

from minidock.engine.engine import Engine
from minidock.images import drafts
from minidock.kernel import mounts
from minidock.progress import Work
from minidock.volumes import filling
from tests.integration.minidocks import Minidock
from tests.integration.volume_scene import (
    CAPABILITY,
    MANY,
    data,
    images,
    inspected,
    no_volumes,
    refused,
    volumes,
)
from tests.waiting import wait_until

__all__ = ["images", "no_volumes"]


# The first use --------------------------------------------------------------------------------------------------


def test_a_new_volume_begins_with_what_the_image_has_in_its_place(minidock: Minidock) -> None:
    minidock.ok("create", "-v", "mine:/data", "content")
    place = data(minidock, "mine")
    found = place.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (0o2750, 1000, 1000)
    assert {path.name for path in place.iterdir()} == {"again", "attributes", "file", "link", "null", "pipe", "sub"}
    assert (place / "file").read_text() == "from the image\n"
    assert stat.S_IMODE((place / "file").stat().st_mode) == 0o4711
    assert (place / "again").samefile(place / "file")
    assert os.readlink(place / "link") == "/etc/passwd"
    null = (place / "null").lstat()
    assert stat.S_ISCHR(null.st_mode)
    assert (null.st_rdev, stat.S_IMODE(null.st_mode)) == (os.makedev(1, 3), 0o666)
    assert stat.S_ISFIFO((place / "pipe").lstat().st_mode)
    assert os.getxattr(place / "attributes", "user.colour") == b"red"
    assert os.getxattr(place / "attributes", "security.capability") == CAPABILITY
    assert stat.S_IMODE((place / "sub").stat().st_mode) == 0o700
    assert (place / "sub/below").stat().st_mtime == 1234567890
    assert (place / "sub/more").read_text() == "from above\n"


def test_the_image_keeps_what_was_copied_from_it(minidock: Minidock) -> None:
    minidock.output("-v", "mine:/data", "content", "sh", "-c", "echo changed > /data/file; rm /data/sub/below")
    assert minidock.output("-v", "other:/data", "content", "cat", "/data/file", "/data/sub/below") == (
        "from the image\ndeep\n"
    )


def test_a_volume_that_holds_something_stays_as_it_is(minidock: Minidock) -> None:
    minidock.output("-v", "mine:/a", "busybox", "touch", "/a/own")
    minidock.output("-v", "mine:/data", "content", "true")
    assert [path.name for path in data(minidock, "mine").iterdir()] == ["own"]
    assert data(minidock, "mine").stat().st_uid == 0


@pytest.mark.parametrize(
    "words", [["-v", "mine:/data:nocopy"], ["--mount", "src=mine,dst=/data,volume-nocopy"]], ids=["v", "mount"]
)
def test_nocopy_copies_neither_content_nor_owner(minidock: Minidock, words: list[str]) -> None:
    assert minidock.output(*words, "content", "ls", "/data") == ""
    found = data(minidock, "mine").stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (0, 0o755)


def test_a_read_only_volume_is_filled_as_well(minidock: Minidock) -> None:
    assert minidock.output("-v", "mine:/data:ro", "content", "cat", "/data/file") == "from the image\n"


def test_a_volume_that_was_emptied_is_not_filled_again_by_the_same_container(minidock: Minidock) -> None:
    minidock.ok("run", "--name", "box", "-v", "mine:/data", "content", "sh", "-c", "ls /data; rm -rf /data/*")
    assert minidock.ok("start", "-a", "box") == ""
    assert "file" in minidock.output("-v", "mine:/data", "content", "ls", "/data")


def test_a_directory_that_is_empty_in_the_image_still_gives_its_owner(minidock: Minidock) -> None:
    minidock.ok("create", "-v", "mine:/data/sub", "plain")
    assert stat.S_IMODE(data(minidock, "mine").stat().st_mode) == 0o700
    minidock.ok("create", "-v", "new:/not/in/the/image", "plain")
    assert stat.S_IMODE(data(minidock, "new").stat().st_mode) == 0o755


def test_the_volumes_that_an_image_declares_are_nameless_and_filled(minidock: Minidock) -> None:
    minidock.ok("create", "--name", "box", "content")
    (found,) = inspected(minidock, "box")
    assert (found["Type"], found["Destination"], found["Mode"], found["RW"]) == ("volume", "/data", "", True)
    assert (data(minidock, str(found["Name"])) / "file").read_text() == "from the image\n"


@pytest.mark.parametrize(
    "words",
    [["-v", "mine:/data"], ["-v", "/usr:/data:ro"], ["--tmpfs", "/data"], ["--mount", "type=tmpfs,dst=/data"]],
    ids=["volume", "bind", "tmpfs", "mount"],
)
def test_a_declared_volume_gives_way_to_what_was_asked_for(minidock: Minidock, words: list[str]) -> None:
    minidock.ok("create", *words, "content")
    assert set(volumes(minidock)) <= {"mine"}


def test_a_volume_cannot_take_the_place_of_a_file_and_nothing_is_left_of_the_try(minidock: Minidock) -> None:
    assert "cannot mount volume over existing file, file exists /bin/sh" in refused(
        minidock, "create", "-v", "/bin/sh", "busybox"
    )
    assert volumes(minidock) == []
    assert minidock.remains() == []


def test_a_link_in_the_image_leads_nowhere_but_into_the_image(minidock: Minidock) -> None:
    """The host's /etc has a machine-id, or another file that busybox's lacks: it must not be copied."""
    minidock.ok("create", "-v", "mine:/out", "hostile")
    copied = {path.name for path in data(minidock, "mine").iterdir()}
    inside = set(minidock.output("busybox", "ls", "-A", "/etc").split())
    assert "passwd" in copied
    assert copied <= inside
    assert set(os.listdir("/etc")) - copied
    assert "Too many levels of symbolic links" in refused(minidock, "create", "-v", "two:/loop", "hostile")


def test_two_containers_made_at_once_fill_a_volume_once(minidock: Minidock) -> None:
    started = [minidock.start("create", "-v", "mine:/many", "large", stdout=subprocess.PIPE) for _ in range(3)]
    for process in started:
        assert process.communicate(timeout=100)[0]
        assert process.returncode == 0
    assert len(list(data(minidock, "mine").iterdir())) == MANY
    assert [path.name for path in data(minidock, "mine").parent.iterdir()] == ["_data"]


@pytest.mark.parametrize("later", [0, 0.005, 0.015, 0.03, 0.06])
def test_a_kill_while_a_volume_is_filled_never_leaves_half_of_it(minidock: Minidock, later: float) -> None:
    words = ("create", "-v", "mine:/many", "large")
    process = minidock.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    place = data(minidock, "mine").parent
    wait_until(lambda: (place / ".minidock-unfinished").exists() or process.poll() is not None)
    time.sleep(later)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    assert len(list((place / "_data").iterdir())) in (0, MANY) or (place / ".minidock-ready").exists()
    assert int(minidock.output("-v", "mine:/many", "large", "sh", "-c", "ls /many | wc -l")) == MANY
    assert [path.name for path in place.iterdir()] == ["_data"]


def test_a_container_whose_making_was_killed_before_its_volume_was_filled_fills_it_when_it_starts(
    minidock: Minidock,
) -> None:
    minidock.ok("create", "--name", "box", "-v", "mine:/data", "content", "cat", "/data/file")
    for path in data(minidock, "mine").iterdir():
        drafts.remove(str(path))
    engine = Engine(str(minidock.root), str(minidock.state))
    with engine.database.change() as change:
        assert change.do("UPDATE uses SET unfilled = 1") == 1
    engine.database.close()
    half = data(minidock, "mine").parent / ".minidock-unfinished/tree"
    half.mkdir(parents=True)
    (half / "half").touch()
    assert minidock.ok("start", "-a", "box") == "from the image\n"
    assert not (data(minidock, "mine") / "half").exists()
    assert not half.exists()


def test_what_was_ready_when_the_copying_was_killed_is_moved_in(minidock: Minidock) -> None:
    minidock.ok("volume", "create", "mine")
    ready = data(minidock, "mine").parent / ".minidock-ready"
    ready.mkdir(0o700)
    (ready / "tree").mkdir(0o700)
    (ready / "tree/whole").write_text("whole")
    (ready / "tree/taken").write_text("copied")
    (ready / "place").symlink_to(".")
    (data(minidock, "mine") / "taken").write_text("moved before")
    minidock.ok("create", "-v", "mine:/data", "content")
    assert sorted(path.name for path in data(minidock, "mine").iterdir()) == ["taken", "whole"]
    assert (data(minidock, "mine") / "taken").read_text() == "moved before"
    assert stat.S_IMODE(data(minidock, "mine").stat().st_mode) == 0o700
    assert not ready.exists()


def test_a_container_cannot_pretend_that_something_is_ready(tmp_path: Path) -> None:
    """It would be given the directory that it names: here one of root's, in a volume where everybody may write."""
    (tmp_path / "roots").mkdir(0o700)
    forged = tmp_path / ".minidock-ready"
    (forged / "tree").mkdir(parents=True)
    (forged / "place").symlink_to("roots")
    for path in (forged, forged / "tree"):
        path.chmod(0o700)
        os.chown(path, 1000, 1000)
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    filling.Target(fd, fd).recover()
    os.close(fd)
    assert (tmp_path / "roots").stat().st_uid == 0
    assert not forged.exists()


def test_deleting_what_is_unfinished_never_leaves_the_volume(tmp_path: Path) -> None:
    precious, volume = tmp_path / "precious/tree", tmp_path / "volume"
    precious.mkdir(parents=True)
    (precious / "file").touch()
    volume.mkdir()
    (volume / ".minidock-unfinished").symlink_to(precious.parent)
    fd = os.open(volume, os.O_RDONLY | os.O_DIRECTORY)
    with pytest.raises(OSError, match="symbolic links"):
        filling.Target(fd, fd).recover()
    os.close(fd)
    assert (precious / "file").exists()


def test_a_hole_in_a_file_stays_a_hole(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    with (source / "sparse").open("wb") as sparse:
        sparse.seek(1 << 26)
        sparse.write(b"end")
        sparse.truncate(1 << 27)
    fds = [os.open(place, os.O_RDONLY | os.O_DIRECTORY) for place in (source, target)]
    try:
        filling.Target(fds[1], fds[1]).fill(fds[0], Work("a test"))
    finally:
        for fd in fds:
            os.close(fd)
    found = (target / "sparse").stat()
    assert (found.st_size, found.st_blocks < 1000) == (1 << 27, True)
    with (target / "sparse").open("rb") as sparse:
        sparse.seek(1 << 26)
        assert sparse.read(4) == b"end\0"


def test_a_volume_is_filled_on_a_full_disk_not_at_all(tmp_path: Path) -> None:
    source, disk = tmp_path / "source", tmp_path / "disk"
    source.mkdir()
    disk.mkdir()
    for number in range(20):
        (source / str(number)).write_bytes(bytes(10000))
    full = mounts.new("tmpfs", ["size=64k"], source="tmpfs")
    fds = [full, os.open(source, os.O_RDONLY | os.O_DIRECTORY)]
    try:
        target = filling.Target(full, full)
        with pytest.raises(OSError, match="No space left"):
            target.fill(fds[1], Work("a test"))
        assert target.is_empty()
        assert os.listdir(f"/proc/self/fd/{full}") == []
    finally:
        for fd in fds:
            os.close(fd)


# A part of a volume ---------------------------------------------------------------------------------------------


def _with_parts(minidock: Minidock) -> Path:
    minidock.ok("volume", "create", "mine")
    place = data(minidock, "mine")
    (place / "a/b").mkdir(parents=True)
    (place / "a/b/file").write_text("part\n")
    (place / "a/single").write_text("one file\n")
    (place / "here").symlink_to("a/b")
    (place / "absolute").symlink_to("/a/b")
    (place / "host").symlink_to("/etc")
    (place / "climbs").symlink_to("../../../../../../../../etc")
    return place


@pytest.mark.parametrize("part", ["a/b", "a/../a/b/.", "here", "absolute"])
def test_a_part_of_a_volume_is_seen_alone(minidock: Minidock, part: str) -> None:
    place = _with_parts(minidock)
    words = ("--mount", f"src=mine,dst=/x,volume-subpath={part}")
    assert minidock.output(*words, "busybox", "sh", "-c", "ls -A /x; cat /x/file; touch /x/new; ls /x/..") != ""
    assert (place / "a/b/new").exists()
    assert minidock.output(*words, "busybox", "ls", "-A", "/x").split() == ["file", "new"]


def test_a_single_file_of_a_volume_is_seen_as_a_file(minidock: Minidock) -> None:
    _with_parts(minidock)
    words = ("--mount", "src=mine,dst=/x/y,volume-subpath=a/single", "busybox", "cat", "/x/y")
    assert minidock.output(*words) == "one file\n"


@pytest.mark.parametrize("copy", ["", ",volume-nocopy"])
@pytest.mark.parametrize("part", ["host", "climbs", "nosuch", "a/b/file/x"])
def test_no_link_in_a_volume_leads_out_of_it(minidock: Minidock, part: str, copy: str) -> None:
    """Without copying it is the runtime that meets the link, else the engine."""
    place = _with_parts(minidock)
    words = ("run", "--rm", "--mount", f"src=mine,dst=/x,volume-subpath={part}{copy}", "busybox", "ls", "/x")
    assert f"cannot access path {place}/{part}: " in refused(minidock, *words)


def test_a_link_that_is_put_there_between_making_and_starting_leads_nowhere(minidock: Minidock) -> None:
    place = _with_parts(minidock)
    minidock.ok("create", "--name", "box", "--mount", "src=mine,dst=/x,volume-subpath=a/b", "busybox", "ls", "/x")
    drafts.remove(str(place / "a/b"))
    (place / "a/b").symlink_to("/etc")
    done = minidock("start", "-a", "box")
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot access path" in done.stderr


def test_nobody_who_swaps_a_part_for_a_link_at_the_right_moment_gets_out(minidock: Minidock) -> None:
    """CVE-2021-30465: between looking and mounting by path there would be time for it."""
    place = _with_parts(minidock)
    (place / "trap").symlink_to("/etc")
    (place / "part").mkdir()
    (place / "part/harmless").touch()
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            for one, other in (("part", "aside"), ("trap", "part"), ("part", "trap"), ("aside", "part")):
                os.rename(place / one, place / other)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        words = ("run", "--rm", "--mount", "src=mine,dst=/x,volume-subpath=part,volume-nocopy", "busybox", "ls", "/x")
        shown = [minidock(*words).stdout for _ in range(12)]
    finally:
        over.set()
        thread.join()
    assert {line for text in shown for line in text.split()} <= {"harmless"}


def test_a_part_is_filled_if_it_is_empty(minidock: Minidock) -> None:
    place = _with_parts(minidock)
    (place / "empty").mkdir()
    words = ("--mount", "src=mine,dst=/data,volume-subpath=empty", "content", "cat", "/data/file")
    assert minidock.output(*words) == "from the image\n"
    assert (place / "empty/file").exists()
    assert not (place / "file").exists()
