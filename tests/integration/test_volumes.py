"""Volumes, binds, memory and images in containers: what is mounted, what is copied, what stays and what goes."""

from __future__ import annotations

import json
import os
import shlex
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from minidock.engine.engine import Engine
from minidock.engine.life import volume_mounts
from minidock.images import drafts, image
from minidock.images.layout import LAYER, Layout
from minidock.kernel import mounts
from minidock.progress import Work
from minidock.volumes import filling, mounting
from tests.integration.facts import mounts as mounts_of
from tests.integration.minidocks import Minidock
from tests.tarballs import CHARACTER, END, directory, file, hard_link, header, pax, symlink
from tests.waiting import wait_until

# cap_net_raw, effective and permitted: struct vfs_cap_data, version 2
_CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")
_MANY = 800

_CONTENT = (
    header("data", b"5", mode=0o2750, uid=1000)
    + file("data/file", b"from the image\n", mode=0o4711)
    + hard_link("data/again", "data/file")
    + symlink("data/link", "/etc/passwd")
    + header("data/null", CHARACTER, device=(1, 3), mode=0o666)
    + header("data/pipe", b"6", mode=0o600)
    + pax(SCHILY__xattr__user__colour="red", SCHILY__xattr__security__capability=_CAPABILITY)
    + file("data/attributes")
    + directory("data/sub", mode=0o700)
    + file("data/sub/below", b"deep\n", mtime=1234567890)
    + file("data/gone")
    + END
)
_CHANGES = (
    header("data", b"5", mode=0o2750, uid=1000)
    + directory("data/sub", mode=0o700)
    + file("data/.wh.gone")
    + file("data/sub/more", b"from above\n")
    + END
)
_HOSTILE = symlink("out", "/etc") + symlink("loop", "loop") + directory("real") + file("real/x") + END
_LARGE = directory("many") + b"".join(file(f"many/{number}", b"x" * 100) for number in range(_MANY)) + END


@pytest.fixture(scope="module", autouse=True)
def images(store: Minidock) -> None:
    """busybox with something in /data, in several layers; with traps; with very much."""
    _add_image(store, "content", _CONTENT, _CHANGES, config={"Volumes": {"/data": {}}})
    _add_image(store, "plain", _CONTENT)
    _add_image(store, "hostile", _HOSTILE)
    _add_image(store, "large", _LARGE)


def _add_image(store: Minidock, name: str, *archives: bytes, config: dict[str, object] | None = None) -> None:
    layout = Layout(str(store.root))
    busybox = image.resolve(layout.root, "busybox")
    manifest = layout.document(busybox.digest)
    stack = list(zip(busybox.document["rootfs"]["diff_ids"], manifest["layers"], strict=True))
    for archive in archives:
        digest = layout.put(archive)
        stack.append((digest, {"mediaType": LAYER, "digest": digest, "size": len(archive)}))
    document = {**busybox.document, "config": {**busybox.config, **(config or {})}}
    image.make(layout, f"docker.io/library/{name}:latest", document, stack)


@pytest.fixture(autouse=True)
def no_volumes(minidock: Minidock) -> Generator[None]:
    """Each test begins without volumes, and must be able to remove its own."""
    yield
    minidock.clear()
    assert _mounted(minidock) == []
    engine = Engine(str(minidock.root), str(minidock.state))
    for volume in engine.volumes():
        engine.remove_volume(volume.name)
    engine.database.close()
    assert not list((minidock.root / "volumes").glob("*"))


def _data(minidock: Minidock, name: str) -> Path:
    return minidock.root / "volumes" / name / "_data"


def _mounted(minidock: Minidock) -> list[str]:
    """What is mounted on the host in the directory of the volumes."""
    place = os.path.realpath(minidock.root / "volumes")
    return [mount.point for mount in mounts_of() if mount.point.startswith(place)]


def _volumes(minidock: Minidock) -> list[str]:
    return minidock.ok("volume", "ls", "-q").split()


def _inspected(minidock: Minidock, container: str) -> list[dict[str, object]]:
    engine = Engine(str(minidock.root), str(minidock.state))
    found = [point.shown() for point in engine.options(engine.find(container)).mount_points]
    engine.database.close()
    return found


def _refused(minidock: Minidock, *words: str) -> str:
    done = minidock(*words)
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stderr
    return str(done.stderr)


# What outlives containers -------------------------------------------------------------------------------------


def test_what_one_container_writes_another_reads(minidock: Minidock) -> None:
    minidock.output("-v", "shared:/a", "busybox", "sh", "-c", "echo hi > /a/file")
    assert minidock.output("-v", "shared:/b:ro", "busybox", "cat", "/b/file") == "hi\n"
    assert (_data(minidock, "shared") / "file").read_text() == "hi\n"


def test_a_read_only_volume_cannot_be_written(minidock: Minidock) -> None:
    assert "Read-only file system" in _refused(
        minidock, "run", "--rm", "-v", "shared:/a:ro", "busybox", "touch", "/a/x"
    )
    words = ("--mount", "type=volume,src=shared,dst=/a,readonly")
    assert "Read-only file system" in _refused(minidock, "run", "--rm", *words, "busybox", "touch", "/a/x")


def test_one_volume_in_two_places_is_one_directory(minidock: Minidock) -> None:
    words = ("-v", "shared:/a", "-v", "shared:/b", "busybox", "sh", "-c", "echo hi > /a/file; cat /b/file")
    assert minidock.output(*words) == "hi\n"


def test_a_volume_in_use_is_not_removed_and_the_error_says_by_whom(minidock: Minidock) -> None:
    container = minidock.ok("create", "-v", "mine:/a", "busybox").strip()
    assert f"remove mine: volume is in use - [{container}]" in _refused(minidock, "volume", "rm", "mine")
    assert f"volume is in use - [{container}]" in _refused(minidock, "volume", "rm", "-f", "mine")
    minidock.ok("rm", container)
    assert minidock.ok("volume", "rm", "mine") == "mine\n"
    assert not _data(minidock, "mine").parent.exists()


@pytest.mark.parametrize(("words", "stays"), [(["rm"], True), (["rm", "-v"], False), (["rm", "-f", "-v"], False)])
def test_rm_v_takes_the_nameless_volumes_along_and_no_others(minidock: Minidock, words: list[str], stays: bool) -> None:
    minidock.ok("create", "--name", "box", "-v", "/a", "-v", "named:/b", "busybox")
    (nameless,) = set(_volumes(minidock)) - {"named"}
    minidock.ok(*words, "box")
    assert set(_volumes(minidock)) == ({nameless, "named"} if stays else {"named"})
    assert _data(minidock, nameless).exists() == stays


def test_a_volume_whose_data_an_administrator_moved_to_another_disk_works_and_stays_there(
    minidock: Minidock, tmp_path: Path
) -> None:
    minidock.ok("volume", "create", "mine")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "minidock-test", str(disk)], check=True)
    try:
        _data(minidock, "mine").rmdir()
        _data(minidock, "mine").symlink_to(disk)
        assert minidock.output("-v", "mine:/data", "content", "cat", "/data/file") == "from the image\n"
        assert (disk / "sub/more").exists()
        minidock.ok("volume", "rm", "mine")
        assert (disk / "sub/more").exists()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_container_that_removes_itself_takes_its_nameless_volumes_along(minidock: Minidock) -> None:
    minidock.output("-v", "/a", "-v", "named:/b", "--mount", "dst=/c", "busybox", "true")
    assert _volumes(minidock) == ["named"]


def test_a_nameless_volume_stays_as_long_as_another_container_has_it(minidock: Minidock) -> None:
    minidock.ok("run", "--name", "first", "-v", "/a", "busybox", "sh", "-c", "echo hi > /a/file")
    minidock.ok("create", "--name", "second", "--volumes-from", "first", "busybox", "cat", "/a/file")
    minidock.ok("rm", "-v", "first")
    assert minidock.ok("start", "-a", "second") == "hi\n"
    minidock.ok("rm", "-v", "second")
    assert _volumes(minidock) == []


def test_volumes_from_ro_cannot_be_written(minidock: Minidock) -> None:
    minidock.ok("create", "--name", "web", "-v", "named:/a", "busybox")
    words = ("run", "--rm", "--volumes-from", "web:ro", "busybox", "touch", "/a/x")
    assert "Read-only file system" in _refused(minidock, *words)
    minidock.output("--volumes-from", "web", "busybox", "touch", "/a/x")
    assert (_data(minidock, "named") / "x").exists()


def test_a_container_finds_its_volumes_again_at_each_start(minidock: Minidock) -> None:
    minidock.ok("run", "--name", "box", "-v", "/a", "busybox", "sh", "-c", "echo x >> /a/file; cat /a/file")
    assert minidock.ok("start", "-a", "box") == "x\nx\n"


def test_events_tell_of_volumes(minidock: Minidock) -> None:
    engine = Engine(str(minidock.root), str(minidock.state))
    (before,) = engine.database.rows("SELECT max(number) FROM events")[0]
    minidock.output("-v", "mine:/a:ro", "busybox", "true")
    minidock.ok("volume", "rm", "mine")
    sql = "SELECT action, attributes FROM events WHERE number > ? AND kind = 'volume' AND actor = 'mine'"
    told = [(action, json.loads(attributes)) for action, attributes in engine.database.rows(sql, before)]
    engine.database.close()
    assert [action for action, _ in told] == ["create", "mount", "unmount", "destroy"]
    mount = told[1][1]
    assert len(mount.pop("container")) == 64
    assert mount == {"destination": "/a", "driver": "local", "propagation": "", "read/write": "false"}


# The first use --------------------------------------------------------------------------------------------------


def test_a_new_volume_begins_with_what_the_image_has_in_its_place(minidock: Minidock) -> None:
    minidock.ok("create", "-v", "mine:/data", "content")
    place = _data(minidock, "mine")
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
    assert os.getxattr(place / "attributes", "security.capability") == _CAPABILITY
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
    assert [path.name for path in _data(minidock, "mine").iterdir()] == ["own"]
    assert _data(minidock, "mine").stat().st_uid == 0


@pytest.mark.parametrize(
    "words", [["-v", "mine:/data:nocopy"], ["--mount", "src=mine,dst=/data,volume-nocopy"]], ids=["v", "mount"]
)
def test_nocopy_copies_neither_content_nor_owner(minidock: Minidock, words: list[str]) -> None:
    assert minidock.output(*words, "content", "ls", "/data") == ""
    found = _data(minidock, "mine").stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (0, 0o755)


def test_a_read_only_volume_is_filled_as_well(minidock: Minidock) -> None:
    assert minidock.output("-v", "mine:/data:ro", "content", "cat", "/data/file") == "from the image\n"


def test_a_volume_that_was_emptied_is_not_filled_again_by_the_same_container(minidock: Minidock) -> None:
    minidock.ok("run", "--name", "box", "-v", "mine:/data", "content", "sh", "-c", "ls /data; rm -rf /data/*")
    assert minidock.ok("start", "-a", "box") == ""
    assert "file" in minidock.output("-v", "mine:/data", "content", "ls", "/data")


def test_a_directory_that_is_empty_in_the_image_still_gives_its_owner(minidock: Minidock) -> None:
    minidock.ok("create", "-v", "mine:/data/sub", "plain")
    assert stat.S_IMODE(_data(minidock, "mine").stat().st_mode) == 0o700
    minidock.ok("create", "-v", "new:/not/in/the/image", "plain")
    assert stat.S_IMODE(_data(minidock, "new").stat().st_mode) == 0o755


def test_the_volumes_that_an_image_declares_are_nameless_and_filled(minidock: Minidock) -> None:
    minidock.ok("create", "--name", "box", "content")
    (found,) = _inspected(minidock, "box")
    assert (found["Type"], found["Destination"], found["Mode"], found["RW"]) == ("volume", "/data", "", True)
    assert (_data(minidock, str(found["Name"])) / "file").read_text() == "from the image\n"


@pytest.mark.parametrize(
    "words",
    [["-v", "mine:/data"], ["-v", "/usr:/data:ro"], ["--tmpfs", "/data"], ["--mount", "type=tmpfs,dst=/data"]],
    ids=["volume", "bind", "tmpfs", "mount"],
)
def test_a_declared_volume_gives_way_to_what_was_asked_for(minidock: Minidock, words: list[str]) -> None:
    minidock.ok("create", *words, "content")
    assert set(_volumes(minidock)) <= {"mine"}


def test_a_volume_cannot_take_the_place_of_a_file_and_nothing_is_left_of_the_try(minidock: Minidock) -> None:
    assert "cannot mount volume over existing file, file exists /bin/sh" in _refused(
        minidock, "create", "-v", "/bin/sh", "busybox"
    )
    assert _volumes(minidock) == []
    assert minidock.remains() == []


def test_a_link_in_the_image_leads_nowhere_but_into_the_image(minidock: Minidock) -> None:
    """The host's /etc has a machine-id, or another file that busybox's lacks: it must not be copied."""
    minidock.ok("create", "-v", "mine:/out", "hostile")
    copied = {path.name for path in _data(minidock, "mine").iterdir()}
    inside = set(minidock.output("busybox", "ls", "-A", "/etc").split())
    assert "passwd" in copied
    assert copied <= inside
    assert set(os.listdir("/etc")) - copied
    assert "Too many levels of symbolic links" in _refused(minidock, "create", "-v", "two:/loop", "hostile")


def test_two_containers_made_at_once_fill_a_volume_once(minidock: Minidock) -> None:
    started = [minidock.start("create", "-v", "mine:/many", "large", stdout=subprocess.PIPE) for _ in range(3)]
    for process in started:
        assert process.communicate(timeout=100)[0]
        assert process.returncode == 0
    assert len(list(_data(minidock, "mine").iterdir())) == _MANY
    assert [path.name for path in _data(minidock, "mine").parent.iterdir()] == ["_data"]


@pytest.mark.parametrize("later", [0, 0.005, 0.015, 0.03, 0.06])
def test_a_kill_while_a_volume_is_filled_never_leaves_half_of_it(minidock: Minidock, later: float) -> None:
    words = ("create", "-v", "mine:/many", "large")
    process = minidock.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    place = _data(minidock, "mine").parent
    wait_until(lambda: (place / ".minidock-unfinished").exists() or process.poll() is not None)
    time.sleep(later)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    assert len(list((place / "_data").iterdir())) in (0, _MANY) or (place / ".minidock-ready").exists()
    assert int(minidock.output("-v", "mine:/many", "large", "sh", "-c", "ls /many | wc -l")) == _MANY
    assert [path.name for path in place.iterdir()] == ["_data"]


def test_a_container_whose_making_was_killed_before_its_volume_was_filled_fills_it_when_it_starts(
    minidock: Minidock,
) -> None:
    minidock.ok("create", "--name", "box", "-v", "mine:/data", "content", "cat", "/data/file")
    for path in _data(minidock, "mine").iterdir():
        drafts.remove(str(path))
    engine = Engine(str(minidock.root), str(minidock.state))
    with engine.database.change() as change:
        assert change.do("UPDATE uses SET unfilled = 1") == 1
    engine.database.close()
    half = _data(minidock, "mine").parent / ".minidock-unfinished/tree"
    half.mkdir(parents=True)
    (half / "half").touch()
    assert minidock.ok("start", "-a", "box") == "from the image\n"
    assert not (_data(minidock, "mine") / "half").exists()
    assert not half.exists()


def test_what_was_ready_when_the_copying_was_killed_is_moved_in(minidock: Minidock) -> None:
    minidock.ok("volume", "create", "mine")
    ready = _data(minidock, "mine").parent / ".minidock-ready"
    ready.mkdir(0o700)
    (ready / "tree").mkdir(0o700)
    (ready / "tree/whole").write_text("whole")
    (ready / "tree/taken").write_text("copied")
    (ready / "place").symlink_to(".")
    (_data(minidock, "mine") / "taken").write_text("moved before")
    minidock.ok("create", "-v", "mine:/data", "content")
    assert sorted(path.name for path in _data(minidock, "mine").iterdir()) == ["taken", "whole"]
    assert (_data(minidock, "mine") / "taken").read_text() == "moved before"
    assert stat.S_IMODE(_data(minidock, "mine").stat().st_mode) == 0o700
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
    place = _data(minidock, "mine")
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
    assert f"cannot access path {place}/{part}: " in _refused(minidock, *words)


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


# Volumes that are more than a directory ----------------------------------------------------------------------------

_MEMORY = ("-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m,mode=711,uid=5")


def test_containers_with_a_volume_in_memory_share_it_and_it_goes_with_the_last(minidock: Minidock) -> None:
    minidock.ok("volume", "create", *_MEMORY, "fast")
    assert _mounted(minidock) == []
    minidock.ok("run", "-d", "--name", "one", "-v", "fast:/a", "busybox", "sleep", "1000")
    minidock.ok("run", "-d", "--name", "two", "-v", "fast:/b", "busybox", "sleep", "1000")
    minidock.ok("exec", "one", "sh", "-c", "echo hi > /a/file")
    assert minidock.ok("exec", "two", "cat", "/b/file") == "hi\n"
    assert minidock.ok("exec", "two", "stat", "-c", "%a %u", "/b") == "711 5\n"
    assert minidock.output("-v", "fast:/c", "busybox", "cat", "/c/file") == "hi\n"
    assert _mounted(minidock) == [str(_data(minidock, "fast"))]
    minidock.ok("kill", "one")
    minidock("wait", "one")
    assert _mounted(minidock) == [str(_data(minidock, "fast"))]
    minidock.ok("rm", "-f", "two")
    assert _mounted(minidock) == []
    assert minidock.output("-v", "fast:/c", "busybox", "ls", "/c") == ""


def test_a_volume_in_memory_is_filled_when_it_is_mounted(minidock: Minidock) -> None:
    options = "volume-opt=type=tmpfs,volume-opt=device=tmpfs"
    script = "cat /data/file; ls -A /data; rm -r /data/*"
    shown = minidock.ok(
        "run", "--name", "box", "--mount", f"src=fast,dst=/data,{options}", "content", "sh", "-c", script
    )
    assert shown.split("\n")[0] == "from the image"
    assert sorted(shown.split("\n")[1:-1]) == ["again", "attributes", "file", "link", "null", "pipe", "sub"]
    assert list(_data(minidock, "fast").iterdir()) == []
    assert minidock.ok("start", "-a", "box") == shown


def test_a_directory_of_the_host_can_be_a_volume(minidock: Minidock, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("of the host\n")
    options = ("-o", "type=none", "-o", f"device={tmp_path}", "-o", "o=bind,ro")
    minidock.ok("volume", "create", *options, "mine")
    assert minidock.output("-v", "mine:/a", "busybox", "cat", "/a/file") == "of the host\n"
    assert "Read-only file system" in _refused(minidock, "run", "--rm", "-v", "mine:/a", "busybox", "touch", "/a/x")
    minidock.ok("volume", "rm", "mine")
    assert (tmp_path / "file").exists()


def test_removing_a_volume_leaves_what_it_was_mounted_from(minidock: Minidock, tmp_path: Path) -> None:
    """Also if it is still mounted, because all who knew of it were killed."""
    (tmp_path / "precious").touch()
    options = {"type": "none", "device": str(tmp_path), "o": "bind"}
    minidock.ok("volume", "create", *(f"-o={key}={value}" for key, value in options.items()), "mine")
    mounting.mount(str(_data(minidock, "mine")), options)
    assert _mounted(minidock)
    minidock.ok("volume", "rm", "mine")
    assert _mounted(minidock) == []
    assert (tmp_path / "precious").exists()


def test_a_volume_in_which_somebody_has_mounted_something_is_not_removed(minidock: Minidock, tmp_path: Path) -> None:
    minidock.ok("volume", "create", "mine")
    place = _data(minidock, "mine") / "mounted here"
    place.mkdir()
    (tmp_path / "precious").touch()
    subprocess.run(["mount", "--bind", str(tmp_path), str(place)], check=True)
    try:
        assert f"remove mine: {place} is mounted in it" in _refused(minidock, "volume", "rm", "mine")
    finally:
        subprocess.run(["umount", str(place)], check=True)
    assert (tmp_path / "precious").exists()
    assert _volumes(minidock) == ["mine"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["type=none", "o=bind", "device=/nosuch"], "mount /nosuch:{place}, data: bind: no such file or directory"),
        (["type=nosuchfs", "device=x"], "mount x:{place}: no such device"),
        (["type=tmpfs", "device=tmpfs", "o=foo"], "data: foo: invalid argument (tmpfs: Unknown parameter 'foo')"),
        (["type=nfs", "device=:/x", "o=addr=..,ro"], "error resolving passed in network volume address: lookup ..:"),
    ],
)
def test_what_cannot_be_mounted_is_an_error_that_leaves_nothing(
    minidock: Minidock, options: list[str], says: str
) -> None:
    minidock.ok("volume", "create", *(f"-o={option}" for option in options), "bad")
    complaint = _refused(minidock, "run", "--rm", "-v", "bad:/a", "busybox", "true")
    assert f"error while mounting volume '{_data(minidock, 'bad')}': " in complaint
    assert says.format(place=_data(minidock, "bad")) in complaint
    assert minidock.remains() == []
    assert _mounted(minidock) == []


def test_when_a_monitor_is_killed_the_next_look_unmounts_its_volumes(minidock: Minidock) -> None:
    minidock.ok("volume", "create", *_MEMORY, "fast")
    minidock.ok("run", "-d", "--name", "box", "-v", "fast:/a", "busybox", "sleep", "1000")
    engine = Engine(str(minidock.root), str(minidock.state))
    os.kill(int(engine.find("box").owner.split()[0]), signal.SIGKILL)
    wait_until(lambda: engine.find("box").status == "exited")
    engine.database.close()
    assert _mounted(minidock) == []


def test_who_starts_at_the_moment_of_unmounting_keeps_the_volume_mounted(minidock: Minidock) -> None:
    minidock.ok("volume", "create", *_MEMORY, "fast")
    minidock.ok("create", "--name", "box", "-v", "fast:/a", "busybox")
    place = _data(minidock, "fast")
    mounting.mount(str(place), {"type": "tmpfs", "device": "tmpfs"})
    thread = threading.Thread(target=lambda: volume_mounts.settle(Engine(str(minidock.root), str(minidock.state))))
    engine = Engine(str(minidock.root), str(minidock.state))
    try:
        with mounting.Lock(str(place.parent)):
            thread.start()
            waits = f"{place.parent.stat().st_ino} 0 EOF"
            wait_until(
                lambda: any("->" in line and waits in line for line in Path("/proc/locks").read_text().splitlines())
            )
            with engine.database.change() as change:
                change.do("UPDATE containers SET status = 'starting'")
        thread.join(60)
        assert _mounted(minidock) == [str(place)]
    finally:
        with engine.database.change() as change:
            change.do("UPDATE containers SET status = 'created'")
        volume_mounts.settle(engine)
        engine.database.close()


# Binds, memory, images ---------------------------------------------------------------------------------------------


def test_mount_binds_what_is_there_and_makes_nothing(minidock: Minidock, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("one file\n")
    words = ("--mount", f"type=bind,src={tmp_path}/file,dst=/a/b,readonly", "busybox", "cat", "/a/b")
    assert minidock.output(*words) == "one file\n"
    complaint = _refused(minidock, "create", "--mount", f"type=bind,src={tmp_path}/nosuch,dst=/a", "busybox")
    assert f"bind source path does not exist: {tmp_path}/nosuch" in complaint
    minidock.ok("create", "--name", "box", "--mount", f"type=bind,src={tmp_path}/file,dst=/a", "busybox")
    (tmp_path / "file").unlink()
    assert "bind source path does not exist" in _refused(minidock, "start", "box")
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(
    ("recursive", "shown"),
    [("enabled", "ro ro"), ("writable", "ro rw"), ("readonly,bind-propagation=rprivate", "ro ro"), ("disabled", "ro")],
)
def test_what_is_mounted_below_a_bind_is_as_writable_as_was_asked_for(
    minidock: Minidock, tmp_path: Path, recursive: str, shown: str
) -> None:
    (tmp_path / "below").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "minidock-test", str(tmp_path / "below")], check=True)
    try:
        option = f"type=bind,src={tmp_path},dst=/a,readonly,bind-recursive={recursive}"
        table = minidock.output("--mount", option, "busybox", "cat", "/proc/self/mountinfo")
    finally:
        subprocess.run(["umount", str(tmp_path / "below")], check=True)
    rows = [line.split() for line in table.splitlines()]
    assert " ".join(row[5].split(",")[0] for row in rows if row[4] in ("/a", "/a/below")) == shown


def test_memory_has_the_size_and_mode_it_was_given(minidock: Minidock) -> None:
    words = ("--mount", "type=tmpfs,dst=/a,tmpfs-size=64k,tmpfs-mode=0711", "busybox", "sh", "-c")
    shown = minidock.output(
        *words, "stat -c %a /a; grep ' /a ' /proc/mounts; dd if=/dev/zero of=/a/x bs=1k count=99 2>&1 | tail -1"
    )
    mode, mount = shown.splitlines()[:2]
    assert mode == "711"
    assert mount.startswith("tmpfs /a tmpfs rw,nosuid,nodev,noexec,relatime,size=64k,mode=711")


def test_an_image_is_seen_in_the_container_of_another_and_cannot_be_changed(minidock: Minidock) -> None:
    words = ("--mount", "type=image,src=content,dst=/i")
    script = "cat /i/data/sub/more /i/data/file; test -e /i/data/gone || echo hidden; touch /i/x || echo read-only"
    assert minidock.output(*words, "busybox", "sh", "-c", script).split("\n")[:-1] == [
        *("from above", "from the image", "hidden", "read-only")
    ]
    part = ("--mount", "type=image,src=content,dst=/i,image-subpath=data/sub")
    assert minidock.output(*part, "busybox", "ls", "/i").split() == ["below", "more"]
    single = ("--mount", "type=image,src=busybox,dst=/i,image-subpath=etc")
    assert "passwd" in minidock.output(*single, "busybox", "ls", "/i")


def test_a_link_in_an_image_that_is_shown_does_not_lead_out_of_it(minidock: Minidock) -> None:
    words = ("--mount", "type=image,src=hostile,dst=/i,image-subpath=out", "busybox", "ls", "-A", "/i")
    assert set(minidock.output(*words).split()) == set(minidock.output("busybox", "ls", "-A", "/etc").split())


def test_the_plan_shows_what_would_be_mounted_and_makes_nothing(minidock: Minidock) -> None:
    words = ("-v", "mine:/a:ro", "--mount", "type=image,src=content,dst=/i", "--mount", "src=mine,dst=/b", "busybox")
    shown = minidock.ok("plan", *words)
    assert f"{_data(minidock, 'mine')} on /a" in shown
    assert "layers as one on /i" in shown
    assert _volumes(minidock) == []


# The commands ----------------------------------------------------------------------------------------------------


def test_create_prints_the_name_and_a_mistake_is_dockers_words(minidock: Minidock) -> None:
    assert minidock.ok("volume", "create", "--label", "a=b", "--label", "c", "mine") == "mine\n"
    assert minidock.ok("volume", "create", "mine") == "mine\n"
    nameless = minidock.ok("volume", "create").strip()
    assert set(_volumes(minidock)) == {"mine", nameless}
    assert "volume name is too short" in _refused(minidock, "volume", "create", "h")
    assert 'invalid option: "foo"' in _refused(minidock, "volume", "create", "-o", "foo=bar", "xx")
    assert 'plugin "foo" not found' in _refused(minidock, "volume", "create", "-d", "foo", "xx")


def test_ls_has_dockers_columns_and_forms(minidock: Minidock) -> None:
    minidock.ok("volume", "create", "--label", "b=2", "--label", "a=1", "data10")
    minidock.ok("volume", "create", "data9")
    assert minidock.ok("volume", "ls") == "DRIVER    VOLUME NAME\nlocal     data9\nlocal     data10\n"
    assert minidock.ok("volume", "list", "-q", "-f", "label=a=1") == "data10\n"
    form = '{{.Name}}|{{.Driver}}|{{.Scope}}|{{.Labels}}|{{.Label "a"}}|{{.Links}}|{{.Size}}|{{.Mountpoint}}'
    place = _data(minidock, "data10")
    shown = minidock.ok("volume", "ls", "--format", form, "-f", "name=10")
    assert shown == f"data10|local|local|a=1,b=2|1|0|0B|{place}\n"
    document = json.loads(minidock.ok("volume", "ls", "--format", "json", "-f", "name=10"))
    assert (document["Name"], document["Mountpoint"], document["Group"]) == ("data10", str(place), "N/A")


def test_ls_tells_how_much_is_used_by_how_many(minidock: Minidock) -> None:
    minidock.ok("create", "-v", "mine:/data", "content")
    shown = minidock.ok("volume", "ls", "--format", "{{.Links}} {{.Size}}").split()
    assert (shown[0], shown[1] != "0B") == ("1", True)


def test_inspect_shows_what_there_is_and_complains_of_the_rest(minidock: Minidock) -> None:
    minidock.ok("volume", "create", "mine")
    done = minidock("volume", "inspect", "nosuch", "mine")
    assert done.returncode == 1
    assert "get nosuch: no such volume" in done.stderr
    (document,) = json.loads(done.stdout)
    assert document["Mountpoint"] == str(_data(minidock, "mine"))
    assert minidock.ok("volume", "inspect", "-f", "{{.Name}} {{.Labels}} {{json .Options}}", "mine") == (
        "mine map[] null\n"
    )


def test_rm_removes_what_it_can_and_says_what_it_cannot(minidock: Minidock) -> None:
    minidock.ok("volume", "create", "mine")
    done = minidock("volume", "rm", "nosuch", "mine")
    assert (done.returncode, done.stdout) == (1, "mine\n")
    assert "get nosuch: no such volume" in done.stderr
    assert minidock.ok("volume", "remove", "--force", "nosuch") == "nosuch\n"


def test_prune_takes_nameless_volumes_and_all_if_asked(minidock: Minidock) -> None:
    minidock.ok("volume", "create", "--label", "keep", "kept")
    minidock.ok("volume", "create", "mine")
    minidock.ok("volume", "create", *_MEMORY, "fast")
    minidock.ok("create", "--name", "box", "-v", "used:/a", "-v", "/b", "busybox")
    nameless = minidock.ok("volume", "create").strip()
    (_data(minidock, nameless) / "file").write_bytes(bytes(2000))
    asked = minidock("volume", "prune", input="n\n", stdin=None)
    assert asked.stdout.startswith("WARNING! This will remove anonymous local volumes not used by at least one")
    assert nameless in _volumes(minidock)
    assert minidock.ok("volume", "prune", "-f") == f"Deleted Volumes:\n{nameless}\n\nTotal reclaimed space: 2kB\n"
    assert "Deleted Volumes:\nmine\n" in minidock.ok(
        "volume", "prune", "--all", "--filter", "label!=keep", input="y\n", stdin=None
    )
    assert "Deleted Volumes:\nkept\n" in minidock.ok("volume", "prune", "-af")
    assert {"used", "fast"} < set(_volumes(minidock))
    assert len(_volumes(minidock)) == 3


def test_the_longest_name_can_be_removed_too(minidock: Minidock) -> None:
    name = "a" * 230
    minidock.output("-v", f"{name}:/a", "busybox", "touch", "/a/x")
    assert minidock.ok("volume", "rm", name) == f"{name}\n"


def test_what_a_volume_held_is_deleted_however_deep(minidock: Minidock) -> None:
    script = "cd /a; for i in $(seq 300); do mkdir d; cd d; touch f; done"
    minidock.output("-v", "mine:/a", "busybox", "sh", "-c", script)
    minidock.ok("volume", "rm", "mine")
    assert list((minidock.root / "volumes").iterdir()) == []


def test_no_command_of_ours_follows_a_link_in_a_volume(minidock: Minidock, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x" * 5000)
    minidock.output("-v", "mine:/a", "busybox", "ln", "-s", str(tmp_path), "/a/link")
    size = minidock.ok("volume", "ls", "--format", "{{.Size}}").strip()
    assert size == f"{len(str(tmp_path))}B"
    minidock.ok("volume", "rm", "mine")
    assert (tmp_path / "precious").exists()


def test_a_volume_is_gone_for_users_of_the_host_who_are_not_root(minidock: Minidock) -> None:
    """CVE-2021-41091: a container can put a set-user-id program there."""
    minidock.ok("volume", "create", "mine")
    script = f"ls {shlex.quote(str(_data(minidock, 'mine')))}"
    done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", "sh", "-c", script], capture_output=True)
    assert b"Permission denied" in done.stderr
    assert _data(minidock, "mine").is_dir()
