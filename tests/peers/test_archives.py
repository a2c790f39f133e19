"""Images as archives, between minidock and others: Skopeo, umoci, Podman, and Docker where it is installed.

What is compared are digests, which cover every bit, and the files as the kernel shows them once each has unpacked the
image in its own way.
"""

from __future__ import annotations

import json
import os
import random
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from minidock.engine.engine import Engine
from minidock.images.catalog import Listed, catalog
from minidock.images.layout import Layout
from tests.archives import Archive
from tests.integration.minidocks import Minidock
from tests.integration.trees import facts, make_everything
from tests.peers.dockers import CLIENT, CannotRun, Docker
from tests.tarballs import END, directory, file

REMOVALS = (
    "rm -r /everything/shared /bin/vi; mkdir /everything/shared; touch /everything/shared/new; rm /everything/fifo"
)


def run(*command: str | Path) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minidock]:
    """A store with an image that has one of each thing, in three layers; the last one takes some of it away."""
    minidock = Minidock(tmp_path_factory.mktemp("minidock"))
    minidock.ok("create", "--name", "c1", "busybox", "true")
    engine = Engine(str(minidock.root), str(minidock.state))
    make_everything(_made(Path(engine.place(engine.find("c1").id).file("upper/everything"))))
    engine.database.close()
    minidock.ok("commit", "-m", "one of each", "c1", "everything:1")
    minidock.ok("run", "--name", "c2", "everything:1", "sh", "-c", REMOVALS)
    minidock.ok("commit", "--change", "ENV A=1", "c2", "everything:2")
    minidock.clear()
    yield minidock
    minidock.clear()


def _made(directory: Path) -> Path:
    directory.mkdir(mode=0o755)
    return directory


@pytest.fixture
def saved(ours: Minidock, tmp_path: Path) -> Path:
    """That image as we write it."""
    ours.ok("save", "-o", str(tmp_path / "ours.tar"), "everything:2")
    return tmp_path / "ours.tar"


@pytest.fixture
def theirs(tmp_path: Path) -> Minidock:
    """A store without any image."""
    return Minidock(tmp_path / "theirs")


def image(minidock: Minidock, name: str = "") -> Listed:
    """The image of that name, or the one that there is."""
    (found,) = [one for one in catalog(Layout(str(minidock.root))) if not name or name in one.tags]
    return found


def layers(minidock: Minidock, which: Listed) -> list[dict[str, object]]:
    """The files of each layer, with all that the kernel says of them: whiteouts and opaque directories as well."""
    return [comparable(minidock.root / "layers" / chain_id[7:] / "diff") for chain_id in which.chain]


def assert_same_files(ours: Minidock, theirs: Minidock) -> None:
    mine, other = image(ours, "everything:2"), image(theirs)
    assert other.chain == mine.chain
    assert layers(theirs, other) == layers(ours, mine)


@contextmanager
def merged(minidock: Minidock, which: Listed) -> Iterator[Path]:
    """The image's tree, as the kernel lays its layers over one another."""
    places = [str(minidock.root / "layers" / chain_id[7:] / "diff") for chain_id in reversed(which.chain)]
    with tempfile.TemporaryDirectory(prefix="minidock-test-") as target:
        run("mount", "-t", "overlay", "overlay", "-o", f"ro,lowerdir={':'.join(places)}", target)
        try:
            yield Path(target)
        finally:
            run("umount", target)


def comparable(tree: Path, *, by_umoci: bool = False) -> dict[str, object]:
    """The files but for what no archive holds: the root's time, a whiteout's, how many directories are in one. And
    umoci, which has one tree and no layers, writes zeros where there were holes, and removes names of lower files."""
    found: dict[str, object] = {}
    every: dict[str, Any] = {**facts(tree)}
    every.pop(".")
    for name, ((mode, uid, gid, time, device, links), xattrs, content, same) in every.items():
        what = (content[0], content[2]) if isinstance(content, tuple) and by_umoci else content
        when = 0 if stat.S_ISCHR(mode) and device == 0 else time
        names = 0 if stat.S_ISDIR(mode) or by_umoci else links
        found[name] = (mode, uid, gid, when, device, names, xattrs, what, same)
    return found


# What we write ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["docker-archive:{}:everything:2", "oci-archive:{}:2", "oci-archive:{}"])
def test_skopeo_reads_what_we_save_in_both_forms(ours: Minidock, saved: Path, tmp_path: Path, source: str) -> None:
    kept = ["--preserve-digests"] if source.startswith("oci") else []  # else it makes a manifest of its own
    run("skopeo", "copy", "--quiet", *kept, source.format(saved), f"oci:{tmp_path}/layout:copy")
    (entry,) = json.loads((tmp_path / "layout/index.json").read_text())["manifests"]
    manifest = json.loads((tmp_path / "layout/blobs/sha256" / entry["digest"][7:]).read_text())
    mine = image(ours, "everything:2")
    if kept:
        assert entry["digest"] == mine.manifests[0]
        assert manifest["config"]["digest"] == mine.id
        assert [blob["digest"] for blob in manifest["layers"]] == [blob["digest"] for blob in mine.layers]
    config = json.loads((tmp_path / "layout/blobs/sha256" / manifest["config"]["digest"][7:]).read_text())
    assert config["rootfs"]["diff_ids"] == mine.document["rootfs"]["diff_ids"]
    assert config["config"]["Env"][-1] == "A=1"
    assert [step.get("comment", "") for step in config["history"]] == ["", "one of each", ""]


def test_umoci_unpacks_what_we_save_to_the_same_files(ours: Minidock, saved: Path, tmp_path: Path) -> None:
    with tarfile.open(saved) as opened:
        opened.extractall(tmp_path / "layout")
    run("umoci", "unpack", "--image", f"{tmp_path}/layout:2", tmp_path / "bundle")
    with merged(ours, image(ours, "everything:2")) as tree:
        assert comparable(tmp_path / "bundle/rootfs", by_umoci=True) == comparable(tree, by_umoci=True)
        assert not (tree / "bin/vi").exists()
        assert os.listdir(tree / "everything/shared") == ["new"]


# What others write ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
def test_what_skopeo_writes_we_load_to_the_same_files(
    ours: Minidock, theirs: Minidock, saved: Path, tmp_path: Path, form: str
) -> None:
    source, target = f"docker-archive:{saved}:everything:2", f"{form}:{tmp_path}/skopeo.tar:example.com/copied:3"
    run("skopeo", "copy", "--quiet", source, target)
    assert theirs.ok("load", "-i", str(tmp_path / "skopeo.tar")) == "Loaded image: example.com/copied:3\n"
    assert_same_files(ours, theirs)
    if form == "docker-archive":
        assert image(theirs).id == image(ours, "everything:2").id


class Other:
    """Another engine, by the beginning of its command lines."""

    def __init__(self, *command: str, env: dict[str, str] | None = None) -> None:
        self._command = command
        self._env = {**os.environ, **(env or {})}

    def __call__(self, *words: str) -> str:
        done = subprocess.run([*self._command, *words], capture_output=True, text=True, check=False, env=self._env)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def podman() -> Iterator[Other]:
    with tempfile.TemporaryDirectory(prefix="podman-") as place:  # Podman refuses a longer path than 50 letters
        made = Other("podman", f"--root={place}/storage", f"--runroot={place}/run", f"--tmpdir={place}/tmp")
        yield made
        made("rmi", "--all", "--force")


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
def test_podman_loads_what_we_save_and_we_load_what_podman_saves(
    ours: Minidock, theirs: Minidock, saved: Path, podman: Other, tmp_path: Path, form: str
) -> None:
    assert "docker.io/library/everything:2" in podman("load", "--input", str(saved))
    podman("save", "--format", form, "--output", str(tmp_path / "podman.tar"), "docker.io/library/everything:2")
    assert theirs.ok("load", "-i", str(tmp_path / "podman.tar")) == "Loaded image: everything:2\n"
    assert_same_files(ours, theirs)


@pytest.fixture
def docker() -> Iterator[Other]:
    with tempfile.TemporaryDirectory(prefix="minidock-peer-") as place:
        daemon = Docker(Path(place) / "daemon")
        try:
            daemon.start()
            yield Other(str(CLIENT), env={"DOCKER_HOST": daemon.socket, "DOCKER_CONFIG": f"{place}/config"})
        except CannotRun as reason:
            pytest.skip(f"Docker cannot run here: {reason}")
        finally:
            daemon.end()


def test_docker_loads_what_we_save_and_we_load_what_docker_saves(
    ours: Minidock, theirs: Minidock, saved: Path, docker: Other, tmp_path: Path
) -> None:
    assert docker("load", "--input", str(saved)) == "Loaded image: everything:2\n"
    mine = image(ours, "everything:2")
    found = json.loads(docker("image", "inspect", "everything:2"))[0]
    assert (found["Id"], found["RootFS"]["Layers"]) == (mine.id, mine.document["rootfs"]["diff_ids"])
    history = ("history", "--no-trunc", "--format", "{{.CreatedBy}}|{{.Size}}|{{.Comment}}", "everything:2")
    assert docker(*history) == ours.ok(*history)
    docker("save", "--output", str(tmp_path / "docker.tar"), "everything:2")
    assert theirs.ok("load", "-i", str(tmp_path / "docker.tar")) == "Loaded image: everything:2\n"
    assert image(theirs).id == mine.id
    assert_same_files(ours, theirs)


# Many -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def memory() -> Iterator[Path]:
    """A directory in memory: a disk would take minutes."""
    with tempfile.TemporaryDirectory(prefix="minidock-test-", dir="/dev/shm") as directory:
        yield Path(directory)


def hundred_layers() -> bytes:
    layers = [directory(f"d{number}") + file(f"d{number}/f", b"%d" % number) + END for number in range(100)]
    archive = Archive()
    archive.add(archive.manifest(*layers, config=archive.config(*layers)), "docker.io/library/many:1")
    return archive.written()


def fifty_thousand_files() -> bytes:
    """As many small files in a thousand directories, none like another."""
    chance = random.Random(1)
    entries = [directory(f"d{number}") for number in range(1000)]
    entries += [file(f"d{number % 1000}/f{number}", chance.randbytes(number % 3000)) for number in range(50_000)]
    layer = b"".join(entries) + END
    archive = Archive()
    archive.add(archive.manifest(layer), "docker.io/library/many:1")
    return archive.written()


@pytest.mark.parametrize("make", [hundred_layers, fifty_thousand_files])
@pytest.mark.timeout(600)
def test_an_image_of_very_many_parts_goes_both_ways(memory: Path, make: Callable[[], bytes]) -> None:
    theirs, archive = Minidock(memory / "minidock"), make()
    done = theirs("load", stdin=None, input=archive, text=False)
    assert done.returncode == 0, done.stderr
    theirs.ok("save", "-o", str(memory / "many.tar"), "many:1")
    run("skopeo", "copy", "--quiet", f"docker-archive:{memory}/many.tar:many:1", f"oci:{memory}/layout:1")
    run("umoci", "unpack", "--image", f"{memory}/layout:1", memory / "bundle")
    target = memory / "target"
    target.mkdir()
    _lay_over(theirs, image(theirs), target)
    assert _contents(memory / "bundle/rootfs") == _contents(target)


def _lay_over(minidock: Minidock, which: Listed, target: Path) -> None:
    """All layers in one directory: there is nothing in them that hides anything."""
    for chain_id in which.chain:
        run("cp", "-a", f"{minidock.root}/layers/{chain_id[7:]}/diff/.", target)


def _contents(tree: Path) -> dict[str, Any]:
    return {
        str(path.relative_to(tree)): (path.lstat().st_mode, path.lstat().st_uid, path.read_bytes())
        for path in tree.rglob("*")
        if path.is_file()
    }
