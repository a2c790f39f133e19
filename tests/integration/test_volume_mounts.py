"""What is mounted in containers beside their root: volumes in memory, directories of the host, images."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from minidock.engine.engine import Engine
from minidock.engine.life import volume_mounts
from minidock.volumes import mounting
from tests.integration.minidocks import Minidock
from tests.integration.volume_scene import (
    IN_MEMORY,
    data,
    images,
    mounted,
    no_volumes,
    refused,
    volumes,
)
from tests.waiting import wait_until

__all__ = ["images", "no_volumes"]


# Volumes that are more than a directory ----------------------------------------------------------------------------


def test_containers_with_a_volume_in_memory_share_it_and_it_goes_with_the_last(minidock: Minidock) -> None:
    minidock.ok("volume", "create", *IN_MEMORY, "fast")
    assert mounted(minidock) == []
    minidock.ok("run", "-d", "--name", "one", "-v", "fast:/a", "busybox", "sleep", "1000")
    minidock.ok("run", "-d", "--name", "two", "-v", "fast:/b", "busybox", "sleep", "1000")
    minidock.ok("exec", "one", "sh", "-c", "echo hi > /a/file")
    assert minidock.ok("exec", "two", "cat", "/b/file") == "hi\n"
    assert minidock.ok("exec", "two", "stat", "-c", "%a %u", "/b") == "711 5\n"
    assert minidock.output("-v", "fast:/c", "busybox", "cat", "/c/file") == "hi\n"
    assert mounted(minidock) == [str(data(minidock, "fast"))]
    minidock.ok("kill", "one")
    minidock("wait", "one")
    assert mounted(minidock) == [str(data(minidock, "fast"))]
    minidock.ok("rm", "-f", "two")
    assert mounted(minidock) == []
    assert minidock.output("-v", "fast:/c", "busybox", "ls", "/c") == ""


def test_a_volume_in_memory_is_filled_when_it_ismounted(minidock: Minidock) -> None:
    options = "volume-opt=type=tmpfs,volume-opt=device=tmpfs"
    script = "cat /data/file; ls -A /data; rm -r /data/*"
    shown = minidock.ok(
        "run", "--name", "box", "--mount", f"src=fast,dst=/data,{options}", "content", "sh", "-c", script
    )
    assert shown.split("\n")[0] == "from the image"
    assert sorted(shown.split("\n")[1:-1]) == ["again", "attributes", "file", "link", "null", "pipe", "sub"]
    assert list(data(minidock, "fast").iterdir()) == []
    assert minidock.ok("start", "-a", "box") == shown


def test_a_directory_of_the_host_can_be_a_volume(minidock: Minidock, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("of the host\n")
    options = ("-o", "type=none", "-o", f"device={tmp_path}", "-o", "o=bind,ro")
    minidock.ok("volume", "create", *options, "mine")
    assert minidock.output("-v", "mine:/a", "busybox", "cat", "/a/file") == "of the host\n"
    assert "Read-only file system" in refused(minidock, "run", "--rm", "-v", "mine:/a", "busybox", "touch", "/a/x")
    minidock.ok("volume", "rm", "mine")
    assert (tmp_path / "file").exists()


def test_removing_a_volume_leaves_what_it_was_mounted_from(minidock: Minidock, tmp_path: Path) -> None:
    """Also if it is still mounted, because all who knew of it were killed."""
    (tmp_path / "precious").touch()
    options = {"type": "none", "device": str(tmp_path), "o": "bind"}
    minidock.ok("volume", "create", *(f"-o={key}={value}" for key, value in options.items()), "mine")
    mounting.mount(str(data(minidock, "mine")), options)
    assert mounted(minidock)
    minidock.ok("volume", "rm", "mine")
    assert mounted(minidock) == []
    assert (tmp_path / "precious").exists()


def test_a_volume_in_which_somebody_has_mounted_something_is_not_removed(minidock: Minidock, tmp_path: Path) -> None:
    minidock.ok("volume", "create", "mine")
    place = data(minidock, "mine") / "mounted here"
    place.mkdir()
    (tmp_path / "precious").touch()
    subprocess.run(["mount", "--bind", str(tmp_path), str(place)], check=True)
    try:
        assert f"remove mine: {place} is mounted in it" in refused(minidock, "volume", "rm", "mine")
    finally:
        subprocess.run(["umount", str(place)], check=True)
    assert (tmp_path / "precious").exists()
    assert volumes(minidock) == ["mine"]


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
    complaint = refused(minidock, "run", "--rm", "-v", "bad:/a", "busybox", "true")
    assert f"error while mounting volume '{data(minidock, 'bad')}': " in complaint
    assert says.format(place=data(minidock, "bad")) in complaint
    assert minidock.remains() == []
    assert mounted(minidock) == []


def test_when_a_monitor_is_killed_the_next_look_unmounts_itsvolumes(minidock: Minidock) -> None:
    minidock.ok("volume", "create", *IN_MEMORY, "fast")
    minidock.ok("run", "-d", "--name", "box", "-v", "fast:/a", "busybox", "sleep", "1000")
    engine = Engine(str(minidock.root), str(minidock.state))
    os.kill(int(engine.find("box").owner.split()[0]), signal.SIGKILL)
    wait_until(lambda: engine.find("box").status == "exited")
    engine.database.close()
    assert mounted(minidock) == []


def test_who_starts_at_the_moment_of_unmounting_keeps_the_volumemounted(minidock: Minidock) -> None:
    minidock.ok("volume", "create", *IN_MEMORY, "fast")
    minidock.ok("create", "--name", "box", "-v", "fast:/a", "busybox")
    place = data(minidock, "fast")
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
        assert mounted(minidock) == [str(place)]
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
    complaint = refused(minidock, "create", "--mount", f"type=bind,src={tmp_path}/nosuch,dst=/a", "busybox")
    assert f"bind source path does not exist: {tmp_path}/nosuch" in complaint
    minidock.ok("create", "--name", "box", "--mount", f"type=bind,src={tmp_path}/file,dst=/a", "busybox")
    (tmp_path / "file").unlink()
    assert "bind source path does not exist" in refused(minidock, "start", "box")
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
    assert f"{data(minidock, 'mine')} on /a" in shown
    assert "layers as one on /i" in shown
    assert volumes(minidock) == []
