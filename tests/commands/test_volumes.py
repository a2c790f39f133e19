"""Volumes: what outlives containers, what a new one begins with, and the commands."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from minidock.engine.engine import Engine
from tests.integration.minidocks import Minidock
from tests.integration.volume_scene import (
    IN_MEMORY,
    data,
    images,
    no_volumes,
    refused,
    volumes,
)

__all__ = ["images", "no_volumes"]


# What outlives containers -------------------------------------------------------------------------------------


def test_what_one_container_writes_another_reads(minidock: Minidock) -> None:
    minidock.output("-v", "shared:/a", "busybox", "sh", "-c", "echo hi > /a/file")
    assert minidock.output("-v", "shared:/b:ro", "busybox", "cat", "/b/file") == "hi\n"
    assert (data(minidock, "shared") / "file").read_text() == "hi\n"


def test_a_read_only_volume_cannot_be_written(minidock: Minidock) -> None:
    assert "Read-only file system" in refused(minidock, "run", "--rm", "-v", "shared:/a:ro", "busybox", "touch", "/a/x")
    words = ("--mount", "type=volume,src=shared,dst=/a,readonly")
    assert "Read-only file system" in refused(minidock, "run", "--rm", *words, "busybox", "touch", "/a/x")


def test_one_volume_in_two_places_is_one_directory(minidock: Minidock) -> None:
    words = ("-v", "shared:/a", "-v", "shared:/b", "busybox", "sh", "-c", "echo hi > /a/file; cat /b/file")
    assert minidock.output(*words) == "hi\n"


def test_a_volume_in_use_is_not_removed_and_the_error_says_by_whom(minidock: Minidock) -> None:
    container = minidock.ok("create", "-v", "mine:/a", "busybox").strip()
    assert f"remove mine: volume is in use - [{container}]" in refused(minidock, "volume", "rm", "mine")
    assert f"volume is in use - [{container}]" in refused(minidock, "volume", "rm", "-f", "mine")
    minidock.ok("rm", container)
    assert minidock.ok("volume", "rm", "mine") == "mine\n"
    assert not data(minidock, "mine").parent.exists()


@pytest.mark.parametrize(("words", "stays"), [(["rm"], True), (["rm", "-v"], False), (["rm", "-f", "-v"], False)])
def test_rm_v_takes_the_nameless_volumes_along_and_no_others(minidock: Minidock, words: list[str], stays: bool) -> None:
    minidock.ok("create", "--name", "box", "-v", "/a", "-v", "named:/b", "busybox")
    (nameless,) = set(volumes(minidock)) - {"named"}
    minidock.ok(*words, "box")
    assert set(volumes(minidock)) == ({nameless, "named"} if stays else {"named"})
    assert data(minidock, nameless).exists() == stays


def test_a_volume_whose_data_an_administrator_moved_to_another_disk_works_and_stays_there(
    minidock: Minidock, tmp_path: Path
) -> None:
    minidock.ok("volume", "create", "mine")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "minidock-test", str(disk)], check=True)
    try:
        data(minidock, "mine").rmdir()
        data(minidock, "mine").symlink_to(disk)
        assert minidock.output("-v", "mine:/data", "content", "cat", "/data/file") == "from the image\n"
        assert (disk / "sub/more").exists()
        minidock.ok("volume", "rm", "mine")
        assert (disk / "sub/more").exists()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_container_that_removes_itself_takes_its_nameless_volumes_along(minidock: Minidock) -> None:
    minidock.output("-v", "/a", "-v", "named:/b", "--mount", "dst=/c", "busybox", "true")
    assert volumes(minidock) == ["named"]


def test_a_nameless_volume_stays_as_long_as_another_container_has_it(minidock: Minidock) -> None:
    minidock.ok("run", "--name", "first", "-v", "/a", "busybox", "sh", "-c", "echo hi > /a/file")
    minidock.ok("create", "--name", "second", "--volumes-from", "first", "busybox", "cat", "/a/file")
    minidock.ok("rm", "-v", "first")
    assert minidock.ok("start", "-a", "second") == "hi\n"
    minidock.ok("rm", "-v", "second")
    assert volumes(minidock) == []


def test_volumes_from_ro_cannot_be_written(minidock: Minidock) -> None:
    minidock.ok("create", "--name", "web", "-v", "named:/a", "busybox")
    words = ("run", "--rm", "--volumes-from", "web:ro", "busybox", "touch", "/a/x")
    assert "Read-only file system" in refused(minidock, *words)
    minidock.output("--volumes-from", "web", "busybox", "touch", "/a/x")
    assert (data(minidock, "named") / "x").exists()


def test_a_container_finds_its_volumes_again_at_each_start(minidock: Minidock) -> None:
    minidock.ok("run", "--name", "box", "-v", "/a", "busybox", "sh", "-c", "echo x >> /a/file; cat /a/file")
    assert minidock.ok("start", "-a", "box") == "x\nx\n"


def test_events_tell_ofvolumes(minidock: Minidock) -> None:
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


# The commands ----------------------------------------------------------------------------------------------------


def test_create_prints_the_name_and_a_mistake_is_dockers_words(minidock: Minidock) -> None:
    assert minidock.ok("volume", "create", "--label", "a=b", "--label", "c", "mine") == "mine\n"
    assert minidock.ok("volume", "create", "mine") == "mine\n"
    nameless = minidock.ok("volume", "create").strip()
    assert set(volumes(minidock)) == {"mine", nameless}
    assert "volume name is too short" in refused(minidock, "volume", "create", "h")
    assert 'invalid option: "foo"' in refused(minidock, "volume", "create", "-o", "foo=bar", "xx")
    assert 'plugin "foo" not found' in refused(minidock, "volume", "create", "-d", "foo", "xx")


def test_ls_has_dockers_columns_and_forms(minidock: Minidock) -> None:
    minidock.ok("volume", "create", "--label", "b=2", "--label", "a=1", "data10")
    minidock.ok("volume", "create", "data9")
    assert minidock.ok("volume", "ls") == "DRIVER    VOLUME NAME\nlocal     data9\nlocal     data10\n"
    assert minidock.ok("volume", "list", "-q", "-f", "label=a=1") == "data10\n"
    form = '{{.Name}}|{{.Driver}}|{{.Scope}}|{{.Labels}}|{{.Label "a"}}|{{.Links}}|{{.Size}}|{{.Mountpoint}}'
    place = data(minidock, "data10")
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
    assert document["Mountpoint"] == str(data(minidock, "mine"))
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
    minidock.ok("volume", "create", *IN_MEMORY, "fast")
    minidock.ok("create", "--name", "box", "-v", "used:/a", "-v", "/b", "busybox")
    nameless = minidock.ok("volume", "create").strip()
    (data(minidock, nameless) / "file").write_bytes(bytes(2000))
    asked = minidock("volume", "prune", input="n\n", stdin=None)
    assert asked.stdout.startswith("WARNING! This will remove anonymous local volumes not used by at least one")
    assert nameless in volumes(minidock)
    assert minidock.ok("volume", "prune", "-f") == f"Deleted Volumes:\n{nameless}\n\nTotal reclaimed space: 2kB\n"
    assert "Deleted Volumes:\nmine\n" in minidock.ok(
        "volume", "prune", "--all", "--filter", "label!=keep", input="y\n", stdin=None
    )
    assert "Deleted Volumes:\nkept\n" in minidock.ok("volume", "prune", "-af")
    assert {"used", "fast"} < set(volumes(minidock))
    assert len(volumes(minidock)) == 3


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
    script = f"ls {shlex.quote(str(data(minidock, 'mine')))}"
    done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", "sh", "-c", script], capture_output=True)
    assert b"Permission denied" in done.stderr
    assert data(minidock, "mine").is_dir()
