"""Layers as root unpacks them: owners, devices, attributes, and whiteouts as the kernel's overlayfs obeys them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from minidock.images import image
from minidock.images.layout import LAYER, Layout
from tests.integration.trees import facts, make_everything
from tests.tarballs import END, directory, file, hard_link, header, pax, symlink, unpacked

_PROCESSES = multiprocessing.get_context("fork")
_NAME = "docker.io/library/a:latest"


def store(layout: Layout, *archives: bytes) -> None:
    digests = [layout.put(archive) for archive in archives]
    blobs = [{"mediaType": LAYER, "digest": digest, "size": 0} for digest in digests]
    image.make(layout, _NAME, {}, list(zip(digests, blobs, strict=True)))


def merged(root: Path, *archives: bytes) -> set[str]:
    """What there is, file by file, where the kernel's overlayfs has laid the layers over one another."""
    layout = Layout(str(root))
    store(layout, *archives)
    options = "lowerdir=" + ":".join(reversed(image.resolve(layout.root, "a").layers))
    target = root / "merged"
    target.mkdir()
    script = 'mount -t overlay overlay -o "$1" "$2" && cd "$2" && find . ! -name .'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", options, str(target)]
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return {name.removeprefix("./") for name in found}


def test_a_whiteout_hides_what_the_layers_below_have(tmp_path: Path) -> None:
    below = file("d/gone") + file("d/stays") + file("dir/file") + END
    above = file("d/.wh.gone") + file(".wh.dir") + file(".wh.never-there") + END
    assert merged(tmp_path, below, above) == {"d", "d/stays"}


def test_an_opaque_directory_hides_all_that_was_in_it_below(tmp_path: Path) -> None:
    below = file("d/old") + file("d/sub/old") + file("e/stays") + END
    above = directory("d") + file("d/.wh..wh..opq") + file("d/new") + END
    assert merged(tmp_path, below, above) == {"d", "d/new", "e", "e/stays"}


@pytest.mark.parametrize("whiteout_first", [True, False])
def test_a_directory_removed_and_made_again_in_one_layer_is_empty(tmp_path: Path, whiteout_first: bool) -> None:
    below = file("d/old") + END
    parts = [file(".wh.d"), directory("d") + file("d/new")]
    above = b"".join(parts if whiteout_first else reversed(parts)) + END
    assert merged(tmp_path, below, above) == {"d", "d/new"}


@pytest.mark.parametrize("whiteout_first", [True, False])
def test_a_file_removed_and_made_again_in_one_layer_is_there(tmp_path: Path, whiteout_first: bool) -> None:
    below = file("f", b"old") + END
    parts = [file(".wh.f"), file("f", b"new")]
    above = b"".join(parts if whiteout_first else reversed(parts)) + END
    assert merged(tmp_path, below, above) == {"f"}
    assert Path(image.resolve(str(tmp_path), "a").layers[1], "f").read_bytes() == b"new"


def test_a_layer_cannot_say_what_only_overlayfs_may(tmp_path: Path) -> None:
    archive = pax(SCHILY__xattr__trusted__overlay__opaque="y", SCHILY__xattr__trusted__mine="x") + directory("d")
    archive += pax(SCHILY__xattr__trusted__overlay__redirect="/etc") + directory("e") + END
    tree = unpacked(archive, tmp_path / "layer")
    assert os.listxattr(tree / "d") == ["trusted.mine"]
    assert os.listxattr(tree / "e") == []


# Fidelity ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["", "--gzip"])
def test_everything_a_file_system_holds_survives_the_way_through_a_layer(tmp_path: Path, compression: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    make_everything(source)
    command = ["tar", "--format=pax", "--sparse", "--xattrs", "--xattrs-include=*", *compression.split()]
    archive = subprocess.run([*command, "-C", str(source), "-c", "."], stdout=subprocess.PIPE, check=True).stdout
    assert facts(unpacked(archive, tmp_path / "layer")) == facts(source)


def test_a_hard_link_and_a_device_replace_what_was_there(tmp_path: Path) -> None:
    archive = file("a") + file("b") + directory("c") + file("c/d")
    archive += hard_link("b", "a") + header("c", b"3", device=(1, 3)) + symlink("a", "b") + END
    tree = unpacked(archive, tmp_path / "layer")
    assert (tree / "b").stat().st_nlink == 1
    assert (tree / "c").stat().st_rdev == os.makedev(1, 3)
    assert os.readlink(tree / "a") == "b"


# Crashes and crowds -----------------------------------------------------------------------------------------


def test_a_process_killed_while_it_unpacks_leaves_the_store_whole(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path))
    store(layout, b"".join(file(f"d/{number}") for number in range(20_000)) + END)
    child = _PROCESSES.Process(target=image.resolve, args=(layout.root, "a"))
    child.start()
    while not list(tmp_path.glob("unfinished/*/diff/d/100")):
        assert child.is_alive()
        time.sleep(0.001)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert os.listdir(tmp_path / "layers") == []
    layers = image.resolve(layout.root, "a").layers
    assert len(os.listdir(f"{layers[0]}/d")) == 20_000
    assert os.listdir(tmp_path / "unfinished") == []
