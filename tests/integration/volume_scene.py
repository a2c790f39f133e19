"""What tests of volumes begin with: images that have something in /data, and no volumes."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from minidock.engine.engine import Engine
from minidock.images import image
from minidock.images.layout import LAYER, Layout
from tests.integration.facts import mounts as mounts_of
from tests.integration.minidocks import Minidock
from tests.tarballs import CHARACTER, END, directory, file, hard_link, header, pax, symlink

# cap_net_raw, effective and permitted: struct vfs_cap_data, version 2
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")
MANY = 800
IN_MEMORY = ("-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m,mode=711,uid=5")

_CONTENT = (
    header("data", b"5", mode=0o2750, uid=1000)
    + file("data/file", b"from the image\n", mode=0o4711)
    + hard_link("data/again", "data/file")
    + symlink("data/link", "/etc/passwd")
    + header("data/null", CHARACTER, device=(1, 3), mode=0o666)
    + header("data/pipe", b"6", mode=0o600)
    + pax(SCHILY__xattr__user__colour="red", SCHILY__xattr__security__capability=CAPABILITY)
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
_LARGE = directory("many") + b"".join(file(f"many/{number}", b"x" * 100) for number in range(MANY)) + END


@pytest.fixture(scope="module", autouse=True)
def images(store: Minidock) -> Generator[None]:
    """busybox with something in /data, in several layers; with traps; with very much."""
    before = store.ok("images", "--no-trunc", "-q")
    add_image(store, "content", _CONTENT, _CHANGES, config={"Volumes": {"/data": {}}})
    add_image(store, "plain", _CONTENT)
    add_image(store, "hostile", _HOSTILE)
    add_image(store, "large", _LARGE)
    yield
    store.ok("rmi", "content", "plain", "hostile", "large")
    assert store.ok("images", "--no-trunc", "-q") == before


def add_image(store: Minidock, name: str, *archives: bytes, config: dict[str, object] | None = None) -> None:
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
    assert mounted(minidock) == []
    engine = Engine(str(minidock.root), str(minidock.state))
    for volume in engine.volumes():
        engine.remove_volume(volume.name)
    engine.database.close()
    assert not list((minidock.root / "volumes").glob("*"))


def data(minidock: Minidock, name: str) -> Path:
    return minidock.root / "volumes" / name / "_data"


def mounted(minidock: Minidock) -> list[str]:
    """What is mounted on the host in the directory of the volumes."""
    place = os.path.realpath(minidock.root / "volumes")
    return [mount.point for mount in mounts_of() if mount.point.startswith(place)]


def volumes(minidock: Minidock) -> list[str]:
    return minidock.ok("volume", "ls", "-q").split()


def inspected(minidock: Minidock, container: str) -> list[dict[str, object]]:
    engine = Engine(str(minidock.root), str(minidock.state))
    found = [point.shown() for point in engine.options(engine.find(container)).mount_points]
    engine.database.close()
    return found


def refused(minidock: Minidock, *words: str) -> str:
    done = minidock(*words)
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stderr
    return str(done.stderr)
