"""Mounts in a container: bind mounts and what they may do, tmpfs, owners, and how mounts spread or do not."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from minidock.kernel import cgroups
from tests.integration.bundles import Bundle
from tests.integration.facts import inside, mount_at, mounts

REFUSED = "Read-only file system"


@pytest.fixture
def source(bundle: Bundle) -> Path:
    """A directory of the host with a file in it, to be shown in containers."""
    path = bundle.path / "source"
    path.mkdir()
    (path / "file").write_text("of the host")
    return path


@pytest.fixture
def tree(source: Path) -> Generator[Path]:
    """A shared mount of the host with another one below it."""
    (source / "sub").mkdir()
    for place in (source, source / "sub"):
        subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
        (place / "sub").mkdir()
        (place / "late").mkdir()
    subprocess.run(["mount", "--make-rshared", source], check=True)
    yield source
    subprocess.run(["umount", "--recursive", "--lazy", source], check=True)


# Bind mounts ---------------------------------------------------------------------------------------------


def test_a_directory_and_a_file_of_the_host_are_shown_in_the_container(bundle: Bundle, source: Path) -> None:
    bundle.mount("/data", str(source)).mount("/etc/one/file", str(source / "file"))
    bundle.mount("/etc/passwd", str(source / "file"), options=("ro",))
    script = "cat /data/file /etc/one/file /etc/passwd; echo ' changed' > /data/file; echo > /etc/passwd"
    done = bundle.script(script).run()
    assert done.stdout == "of the host" * 3
    assert done.stderr == f"sh: can't create /etc/passwd: {REFUSED}\n"
    assert (source / "file").read_text() == " changed\n"
    assert (bundle.rootfs / "data").is_dir(), "what is mounted on is made where it is missing"
    assert (bundle.rootfs / "etc/one/file").is_file()


def test_hosts_hostname_and_resolv_conf_can_be_given_by_files(bundle: Bundle) -> None:
    for name in ("hosts", "hostname", "resolv.conf"):
        (bundle.path / name).write_text(f"{name} by minidock\n")
        bundle.mount(f"/etc/{name}", str(bundle.path / name))
    pid = bundle.sleeping()
    for name in ("hosts", "hostname", "resolv.conf"):
        assert inside(pid, f"/etc/{name}").read_text() == f"{name} by minidock\n"
        assert os.path.samestat(inside(pid, f"/etc/{name}").stat(), (bundle.path / name).stat())
        assert mount_at(pid, f"/etc/{name}")


def test_a_bind_mount_has_the_attributes_it_is_given_and_the_source_keeps_its_own(bundle: Bundle, tree: Path) -> None:
    bundle.mount("/mnt", str(tree), options=("ro", "nosuid", "nodev", "noexec", "noatime"))
    before = mounts()
    pid = bundle.sleeping()
    assert {"ro", "nosuid", "nodev", "noexec", "noatime"} <= set(mount_at(pid, "/mnt").options)
    assert mounts() == before


def test_the_later_of_two_opposite_options_counts(bundle: Bundle, source: Path) -> None:
    bundle.mount("/mnt/a", str(source), options=("ro", "rw")).mount("/mnt/b", str(source), options=("rw", "ro"))
    bundle.mount("/mnt/c", str(source), options=("noatime", "strictatime"))
    bundle.mount("/mnt/d", str(source), options=("rro", "rrw")).mount("/mnt/e", str(source), options=("rrw", "rro"))
    pid = bundle.sleeping()
    assert ["ro" in mount_at(pid, f"/mnt/{name}").options for name in "abde"] == [False, True, False, True]
    assert not {"noatime", "relatime"} & set(mount_at(pid, "/mnt/c").options)


def test_only_what_is_bound_recursively_has_what_is_mounted_below(bundle: Bundle, tree: Path) -> None:
    (tree / "sub/deep").touch()
    bundle.mount("/mnt/one", str(tree), options=("bind",)).mount("/mnt/all", str(tree))
    pid = bundle.sleeping()
    assert [inside(pid, f"/mnt/{name}/sub/deep").exists() for name in ("one", "all")] == [False, True]


def test_read_only_leaves_mounts_below_writable_and_recursive_read_only_does_not(bundle: Bundle, tree: Path) -> None:
    bundle.mount("/mnt/ro", str(tree), options=("ro",)).mount("/mnt/rro", str(tree), options=("rro",))
    pid = bundle.sleeping()
    places = ("/mnt/ro", "/mnt/ro/sub", "/mnt/rro", "/mnt/rro/sub")
    assert ["ro" in mount_at(pid, place).options for place in places] == [True, False, True, True]
    done = bundle.execute("touch", *(f"{place}/new" for place in places))
    assert done.stderr.splitlines() == [f"touch: {place}/new: {REFUSED}" for place in places if place != "/mnt/ro/sub"]
    assert sorted(path.name for path in tree.rglob("new")) == ["new"]


def test_every_option_that_the_features_name_can_be_used_on_a_bind_mount(bundle: Bundle, source: Path) -> None:
    known = json.loads(bundle.runtime("features").stdout)["mountOptions"]
    usable = [option for option in known if option not in ("idmap", "ridmap")]
    assert {"ro", "rro", "rbind", "rslave", "noatime", "nosymfollow"} <= set(usable)
    for option in usable:
        bundle.mount(f"/mnt/{option}", str(source), options=(option,))
    assert bundle.output("cat /mnt/*/file") == "of the host" * len(usable)


def test_an_option_that_no_bind_mount_has_is_named(bundle: Bundle, source: Path) -> None:
    done = bundle.mount("/mnt", str(source), options=("size=1m",)).run()
    assert done.returncode == 1
    assert "the bind mount on /mnt: unknown option size=1m" in done.stderr


def test_a_source_that_is_missing_is_named_with_the_step(bundle: Bundle) -> None:
    done = bundle.mount("/mnt", "/not/there").run()
    assert done.returncode == 1
    assert "step mount.mnt" in done.stderr
    assert "/not/there" in done.stderr
    assert "cause: there is no /not\n" in done.stderr


def test_a_directory_cannot_be_mounted_on_a_file_and_the_error_says_so(bundle: Bundle, source: Path) -> None:
    done = bundle.mount("/etc/passwd", str(source)).run()
    assert done.returncode == 1
    assert "step mount.etc.passwd" in done.stderr
    assert "/etc/passwd is a file, and a directory is needed there" in done.stderr


def test_of_two_mounts_on_one_place_the_later_is_seen(bundle: Bundle, source: Path) -> None:
    bundle.mount("/mnt", kind="tmpfs").mount("/mnt", str(source))
    pid = bundle.sleeping()
    assert [mount.point for mount in mounts(pid)].count("/mnt") == 2
    assert inside(pid, "/mnt/file").read_text() == "of the host"


def test_links_of_the_root_lead_to_places_in_the_root(bundle: Bundle, source: Path) -> None:
    (bundle.rootfs / "data").symlink_to("/mnt/real")
    (bundle.rootfs / "mnt/real").mkdir()
    (bundle.rootfs / "up").symlink_to("../../../../mnt")
    bundle.mount("/data", str(source)).mount("/up/made", kind="tmpfs")
    pid = bundle.sleeping()
    assert mount_at(pid, "/mnt/real")
    assert mount_at(pid, "/mnt/made").type == "tmpfs"


# How mounts spread ---------------------------------------------------------------------------------------


def test_a_later_mount_on_the_host_appears_where_the_bind_mount_is_a_slave(bundle: Bundle, tree: Path) -> None:
    bundle.mount("/mnt/slave", str(tree), options=("rslave",)).mount("/mnt/private", str(tree))
    pid = bundle.sleeping()
    assert mount_at(pid, "/mnt/slave").propagation[0].startswith("master:")
    assert mount_at(pid, "/mnt/private").propagation == []
    for place in ("late", "sub/late"):
        subprocess.run(["mount", "-t", "tmpfs", "none", tree / place], check=True)
    points = {mount.point for mount in mounts(pid)}
    assert {"/mnt/slave/late", "/mnt/slave/sub/late"} <= points
    assert not {"/mnt/private/late", "/mnt/private/sub/late"} & points


def test_a_mount_in_the_container_appears_on_the_host_where_the_bind_mount_is_shared(
    bundle: Bundle, tree: Path
) -> None:
    bundle.linux["rootfsPropagation"] = "rshared"
    bundle.process["capabilities"] = {name: ["CAP_SYS_ADMIN"] for name in ("bounding", "effective", "permitted")}
    bundle.mount("/mnt/shared", str(tree), options=("rshared",)).mount("/mnt/slave", str(tree), options=("rslave",))
    bundle.sleeping()
    done = bundle.execute("mount", "-t", "tmpfs", "none", "/mnt/shared/late")
    done = bundle.execute("mount", "-t", "tmpfs", "none", "/mnt/slave/sub/late") if not done.returncode else done
    assert done.returncode == 0, done.stderr
    points = {mount.point for mount in mounts()}
    assert str(tree / "late") in points
    assert str(tree / "sub/late") not in points


# File systems of its own ---------------------------------------------------------------------------------


def test_a_tmpfs_has_the_size_and_mode_it_is_given_or_the_mode_of_what_it_covers(bundle: Bundle) -> None:
    (bundle.rootfs / "mnt").chmod(0o1751)
    bundle.mount("/mnt", kind="tmpfs", options=("size=64k", "noexec"))
    bundle.mount("/root/new/tmp", kind="tmpfs", options=("mode=700", "uid=1000"))
    pid = bundle.sleeping()
    room = os.statvfs(inside(pid, "/mnt"))
    assert room.f_blocks * room.f_frsize == 64 * 1024
    assert stat.S_IMODE(inside(pid, "/mnt").stat().st_mode) == 0o1751
    made = inside(pid, "/root/new/tmp").stat()
    assert (stat.S_IMODE(made.st_mode), made.st_uid) == (0o700, 1000)
    assert "noexec" in mount_at(pid, "/mnt").options


def test_a_file_system_that_the_kernel_does_not_know_is_named_with_the_step(bundle: Bundle) -> None:
    done = bundle.mount("/mnt", kind="nosuchfs").run()
    assert done.returncode == 1
    assert "step mount.mnt" in done.stderr
    assert "nosuchfs" in done.stderr


def test_an_option_that_a_file_system_does_not_know_is_named_with_the_step(bundle: Bundle) -> None:
    done = bundle.mount("/mnt", kind="tmpfs", options=("colour=red",)).run()
    assert done.returncode == 1
    assert "step mount.mnt" in done.stderr
    assert "colour" in done.stderr


def test_the_cgroup_tree_in_the_container_is_its_own_and_read_only(bundle: Bundle) -> None:
    pid = bundle.sleeping()
    assert mount_at(pid, "/sys/fs/cgroup").type == "cgroup2"
    assert "ro" in mount_at(pid, "/sys/fs/cgroup").options
    done = bundle.execute("sh", "-c", "cat /sys/fs/cgroup/cgroup.procs; mkdir /sys/fs/cgroup/new")
    assert "1" in done.stdout.split()
    assert len(done.stdout.split()) <= 3, "the container's own processes alone"
    assert REFUSED in done.stderr


def test_without_a_cgroup_namespace_the_host_s_tree_is_shown_and_its_mount_left_as_it_is(bundle: Bundle) -> None:
    before = mounts()
    pid = bundle.namespaces(cgroup=None).sleeping()
    assert mounts() == before
    shown, own = inside(pid, "/sys/fs/cgroup"), Path(cgroups.mount_point())
    assert os.path.samestat(shown.stat(), own.stat())
    assert "ro" in mount_at(pid, "/sys/fs/cgroup").options


# Owners --------------------------------------------------------------------------------------------------


def test_a_bind_mount_into_a_user_namespace_can_have_its_owners_mapped(open_bundle: Bundle) -> None:
    """What root owns outside, root of the container owns inside, and the files are not changed."""
    source = open_bundle.path / "source"
    source.mkdir()
    (source / "of-root").touch()
    (source / "of-alice").touch()
    os.chown(source / "of-alice", 1000, 1000)
    open_bundle.map_users()
    open_bundle.mount("/mnt/mapped", str(source), options=("idmap",)).mount("/mnt/plain", str(source))
    pid = open_bundle.sleeping()
    files = ("/mnt/mapped/of-root", "/mnt/mapped/of-alice", "/mnt/plain/of-root")
    owners = open_bundle.execute("stat", "-c", "%u:%g", *files).stdout.split()
    assert owners == ["0:0", "1000:1000", "65534:65534"]
    assert open_bundle.execute("touch", "/mnt/mapped/new").returncode == 0
    assert ((source / "new").stat().st_uid, (source / "of-alice").stat().st_uid) == (0, 1000)
    assert inside(pid, "/mnt/mapped/new").stat().st_uid == 100000
    assert open_bundle.execute("touch", "/mnt/plain/new").returncode == 1


def test_a_mount_can_have_a_mapping_of_its_own_without_a_user_namespace(bundle: Bundle, source: Path) -> None:
    os.chown(source / "file", 1000, 1000)
    mapping = {
        "uidMappings": [{"containerID": 1000, "hostID": 3000, "size": 1}],
        "gidMappings": [{"containerID": 0, "hostID": 0, "size": 5000}],
    }
    bundle.mount("/mnt", str(source))
    bundle.config["mounts"][-1] |= mapping
    pid = bundle.sleeping()
    file = inside(pid, "/mnt/file").stat()
    assert (file.st_uid, file.st_gid) == (3000, 1000)
    assert (source / "file").stat().st_uid == 1000


def test_a_mapping_of_owners_needs_ids_to_map(bundle: Bundle, source: Path) -> None:
    done = bundle.mount("/mnt", str(source), options=("idmap",)).run()
    assert done.returncode == 1
    assert "the mount on /mnt: idmap needs ids to map" in done.stderr
