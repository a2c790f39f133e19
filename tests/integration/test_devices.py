"""/dev: the nodes and links that every program may expect, those that are asked for, and no others."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.integration.bundles import Bundle
from tests.integration.facts import inside, mount_at

NODES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Generator[int]:
    """The first process of a container that nobody changed anything of."""
    made = Bundle(tmp_path_factory.mktemp("plain"))
    try:
        yield made.sleeping()
    finally:
        made.remove()


def node(path: Path) -> tuple[str, int, int, int]:
    """What ls shows of a device: its type, mode, and numbers."""
    found = path.lstat()
    kind = {stat.S_IFCHR: "c", stat.S_IFBLK: "b", stat.S_IFIFO: "p"}.get(stat.S_IFMT(found.st_mode), "?")
    return kind, stat.S_IMODE(found.st_mode), os.major(found.st_rdev), os.minor(found.st_rdev)


def test_dev_has_the_standard_nodes_and_links_and_nothing_else(plain: int) -> None:
    dev = inside(plain, "/dev")
    assert {name: node(dev / name) for name in NODES} == {
        name: ("c", 0o666, major, minor) for name, (major, minor) in NODES.items()
    }
    assert {name: os.readlink(dev / name) for name in LINKS} == LINKS
    assert set(os.listdir(dev)) == {*NODES, *LINKS, "pts", "shm", "mqueue"}


def test_the_standard_devices_work(bundle: Bundle) -> None:
    script = """
        head -c 4 /dev/zero | od -An -tx1; head -c 8 /dev/urandom | wc -c; cat /dev/null; echo gone > /dev/null
        echo x > /dev/full; echo to stdout > /dev/stdout; echo to stderr > /dev/stderr
        exec 3<>/dev/ptmx && ls /dev/pts
    """
    done = bundle.script(script).run()
    assert done.stdout.split() == ["00", "00", "00", "00", "8", "to", "stdout", "0", "ptmx"]
    assert done.stderr.splitlines()[-1] == "to stderr"
    assert "No space left on device" in done.stderr


def test_devices_that_are_asked_for_are_made_as_described(bundle: Bundle) -> None:
    bundle.linux["devices"] = [
        {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 1000, "gid": 44},
        {"path": "/dev/disk/by-name/one", "type": "b", "major": 7, "minor": 255, "fileMode": 0o600},
        {"path": "/dev/pipe", "type": "p"},
        {"path": "/mnt/unbuffered", "type": "u", "major": 1, "minor": 3},
    ]
    pid = bundle.sleeping()
    assert node(inside(pid, "/dev/fuse")) == ("c", 0o640, 10, 229)
    owner = inside(pid, "/dev/fuse").stat()
    assert (owner.st_uid, owner.st_gid) == (1000, 44)
    assert node(inside(pid, "/dev/disk/by-name/one")) == ("b", 0o600, 7, 255)
    assert node(inside(pid, "/dev/pipe")) == ("p", 0o666, 0, 0)
    assert node(inside(pid, "/mnt/unbuffered")) == ("c", 0o666, 1, 3)


def test_what_an_image_has_in_the_place_of_a_device_gives_way(bundle: Bundle) -> None:
    bundle.config["mounts"] = [mount for mount in bundle.config["mounts"] if mount["destination"] != "/dev"]
    dev = bundle.rootfs / "dev"
    (dev / "null").write_text("a trap")
    (dev / "zero").symlink_to("/etc/passwd")
    os.mknod(dev / "full", stat.S_IFCHR | 0o600, os.makedev(1, 11))
    os.mknod(dev / "ptmx", stat.S_IFCHR | 0o600, os.makedev(5, 2))
    pid = bundle.sleeping()
    found = {name: node(inside(pid, f"/dev/{name}"))[2:] for name in NODES}
    assert found == NODES
    assert os.readlink(inside(pid, "/dev/ptmx")) == "pts/ptmx"
    assert (bundle.rootfs / "etc/passwd").read_text().startswith("root:")


def test_root_of_a_user_namespace_is_shown_the_host_s_devices(open_bundle: Bundle) -> None:
    """It may not make any."""
    open_bundle.map_users()
    open_bundle.linux["devices"] = [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}]
    host = Path("/dev/fuse")
    made = not host.exists()
    if made:
        os.mknod(host, stat.S_IFCHR | 0o666, os.makedev(10, 229))
    try:
        pid = open_bundle.sleeping()
    finally:
        if made:
            host.unlink()
    for name in (*NODES, "fuse"):
        assert mount_at(pid, f"/dev/{name}")
    assert {name: node(inside(pid, f"/dev/{name}"))[2:] for name in NODES} == NODES
    assert node(inside(pid, "/dev/fuse"))[2:] == (10, 229)
    assert {name: os.readlink(inside(pid, f"/dev/{name}")) for name in LINKS} == LINKS
    assert open_bundle.execute("sh", "-c", "head -c 3 /dev/zero | wc -c; exec 3<>/dev/ptmx").stdout == "3\n"


def test_the_host_s_dev_by_bind_mount_is_left_as_it_is(bundle: Bundle) -> None:
    host = bundle.path / "dev"
    host.mkdir()
    os.mknod(host / "null", stat.S_IFCHR | 0o640, os.makedev(1, 3))
    (host / "zero").write_text("the host's own affair")
    bundle.config["mounts"] = [
        mount for mount in bundle.config["mounts"] if not mount["destination"].startswith("/dev")
    ]
    bundle.mount("/dev", str(host))
    pid = bundle.sleeping()
    assert sorted(os.listdir(inside(pid, "/dev"))) == sorted(os.listdir(host)) == ["null", "zero"]
    assert node(host / "null") == ("c", 0o640, 1, 3)
    assert (host / "zero").read_text() == "the host's own affair"
