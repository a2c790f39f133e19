"""Pulls and pushes that are killed just before any of their effects: the store is whole, and the next goes on."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from minidock.engine.engine import Engine
from minidock.images import image, partials, removing
from minidock.images.catalog import catalog
from minidock.images.layout import LAYER, Layout
from tests.integration.minidocks import Minidock
from tests.registries import Registry, sha256
from tests.tarballs import END, file

KILLED = str(Path(__file__).with_name("killed.py"))
STEP = 1 if os.environ.get("MINIDOCK_EVERY_EFFECT") == "1" else 3  # which effects a kill comes before
ARCHIVES = [file(name, name.encode() * 1000) + END for name in "ab"]


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as made:
        yield made


def died(minidock: Minidock, which: int, *words: str) -> bool:
    """Whether a command has so many effects, and so was killed."""
    note = minidock.root.parent / "died"
    note.unlink(missing_ok=True)
    environment = {**minidock.environment, "DIED": str(note), "MINIDOCK_CONFIG": str(minidock.root.parent)}
    command = [sys.executable, "-I", "-S", KILLED, "command", str(which), *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert note.exists() == (done.returncode == -signal.SIGKILL), done.stderr
    return note.exists()


def each_time(directory: Path, *words: str, begin: Callable[[Minidock], object] = bool) -> Iterator[Minidock]:
    """A store for every effect of a command, or every third, which is killed just before that one."""
    for which in range(1, 1000, STEP):
        minidock = Minidock(directory / str(which))
        minidock.root.parent.mkdir()
        begin(minidock)
        if not died(minidock, which, *words):
            assert which > 10, "too few effects: they were not seen"
            return
        yield minidock


def assert_whole(minidock: Minidock) -> None:
    """Whatever is in its place is what it should be, to the last byte; nothing is listed that is not all there."""
    root, layout = minidock.root, Layout(str(minidock.root))
    for blob in (root / "blobs/sha256").glob("*"):
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    for layer in (root / "layers").glob("*"):
        (found,) = (layer / "diff").iterdir()
        assert found.read_bytes() == found.name.encode() * 1000
        assert (layer / "size").read_text() == "1000\n"
    for listed in catalog(layout):
        assert not listed.damage
        assert all((root / "layers" / chain_id[7:]).is_dir() for chain_id in listed.chain)
        assert len(listed.chain) == len(ARCHIVES)


def test_a_pull_can_be_killed_at_any_moment(tmp_path: Path, registry: Registry) -> None:
    registry.image("app:1", *ARCHIVES)
    name = f"{registry.host}/app:1"
    for minidock in each_time(tmp_path, "pull", name):
        assert_whole(minidock)
        engine = Engine(str(minidock.root), str(minidock.state))
        engine.pull(name)
        assert_whole(minidock)
        assert len(image.resolve(engine.root, name).layers) == 2
        assert removing.strays(Layout(engine.root)) == []
        assert os.listdir(minidock.root / "unfinished") == []
        partials.sweep(Layout(engine.root))  # a second name of a blob may be left, which the next sweep takes
        assert os.listdir(minidock.root / "partial") == []
        engine.database.close()


def test_a_push_can_be_killed_at_any_moment(tmp_path: Path, registry: Registry) -> None:
    """Of an image that has to be compressed on its way."""
    name = f"{registry.host}/app:1"

    def begin(minidock: Minidock) -> None:
        registry.blobs.clear()
        registry.manifests.clear()
        layout = Layout(str(minidock.root))
        stack = [
            (sha256(archive), {"mediaType": LAYER, "digest": layout.put(archive), "size": len(archive)})
            for archive in ARCHIVES
        ]
        image.make(layout, name, {"architecture": "amd64", "os": "linux"}, stack)
        image.resolve(layout.root, name)

    for minidock in each_time(tmp_path, "push", name, begin=begin):
        assert_whole(minidock)
        engine = Engine(str(minidock.root), str(minidock.state))
        engine.push(name)
        assert ("app", "1") in registry.manifests
        assert removing.strays(Layout(engine.root)) == []
        assert os.listdir(minidock.root / "unfinished") == []
        engine.database.close()
