"""Images of many layers, of one large layer and of many files, to Debian's docker-registry and back.

Content and registry are in memory: a disk would take minutes. How much memory a pull takes is the kernel's word.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from minidock.images import image
from minidock.images.layout import LAYER_GZIP, Layout
from tests.integration.minidocks import LAUNCH, Minidock
from tests.peers.debian_registry import PROGRAM, DebianRegistry
from tests.peers.networks import own_network
from tests.peers.test_archives import fifty_thousand_files, hundred_layers
from tests.tarballs import END, header, number

_MEGABYTE = 1 << 20
_MOST_MEMORY = 80  # megabytes, whatever is pulled
_FILES, _SIZE = 4, 256  # megabytes each
# Run by a small process: the size that a child has had counts from its parent's size on. wait4(2)
_MEASURED = """
import os, sys
_, status, usage = os.wait4(os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:]), 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.fixture(scope="module", autouse=True)
def alone() -> Iterator[None]:
    """A network of this process's own, in which the registry is."""
    if os.geteuid() != 0:
        pytest.skip("layers have owners, which only root can give")
    for program in (PROGRAM, "skopeo"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    with own_network():
        yield


@pytest.fixture
def memory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="minidock-test-", dir="/dev/shm") as directory:
        yield Path(directory)


@pytest.fixture
def registry(memory: Path) -> Iterator[DebianRegistry]:
    with DebianRegistry(memory / "registry") as made:
        yield made


def pulled(minidock: Minidock, name: str) -> float:
    """The largest resident memory of a pull, in megabytes."""
    command = [sys.executable, "-I", "-S", "-c", _MEASURED, *LAUNCH, "minidock.cli.main", "pull", "--quiet", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=minidock.environment)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1]) / 1024


def goes_both_ways(memory: Path, minidock: Minidock, name: str) -> list[Path]:
    """Push an image, let skopeo check it, and pull it into a store that is empty; its layers there."""
    minidock.ok("push", "--quiet", name)
    target = f"oci:{memory}/checked:1"
    subprocess.run(
        ["skopeo", "copy", "--quiet", "--src-tls-verify=false", "--preserve-digests", f"docker://{name}", target],
        check=True,
    )
    shutil.rmtree(memory / "checked")
    other = Minidock(memory / "other")
    assert pulled(other, name) < _MOST_MEMORY
    found = image.resolve(str(other.root), name)
    assert found.id == image.resolve(str(minidock.root), name).id
    assert json.loads(minidock.ok("manifest", "inspect", name))["config"]["digest"] == found.id
    return [Path(layer) for layer in found.layers]


@pytest.mark.parametrize("make", [hundred_layers, fifty_thousand_files])
@pytest.mark.timeout(600)
def test_many_layers_and_many_files(memory: Path, registry: DebianRegistry, make: Callable[[], bytes]) -> None:
    minidock, name = Minidock(memory / "minidock"), f"{registry.host}/team/many:1"
    done = minidock("load", stdin=None, input=make(), text=False)
    assert done.returncode == 0, done.stderr
    minidock.ok("tag", "many:1", name)
    layers = goes_both_ways(memory, minidock, name)
    ours = [Path(layer) for layer in image.resolve(str(minidock.root), name).layers]
    assert [_contents(layer) for layer in layers] == [_contents(layer) for layer in ours]


def _contents(tree: Path) -> dict[str, Any]:
    found = {}
    for path, _, names in os.walk(tree):
        for each in names:
            file = os.path.join(path, each)
            found[os.path.relpath(file, tree)] = (os.lstat(file).st_mode, os.lstat(file).st_uid, _read(file))
    return found


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


@pytest.mark.timeout(300)
def test_a_layer_of_a_gigabyte_takes_no_more_memory_than_others(memory: Path, registry: DebianRegistry) -> None:
    minidock, name = Minidock(memory / "minidock"), f"{registry.host}/team/large:1"
    digests = _make_large(Layout(str(minidock.root)), name)
    (layer,) = goes_both_ways(memory, minidock, name)
    for number_, digest in enumerate(digests):
        with open(layer / f"f{number_}", "rb") as file:
            assert hashlib.file_digest(file, "sha256").digest() == digest
            assert os.fstat(file.fileno()).st_blocks * 512 < _SIZE * _MEGABYTE / 4, "what is zeros became holes"


def _make_large(layout: Layout, name: str) -> list[bytes]:
    """Each megabyte of its files is a tenth noise, the rest zeros; the digest of each file."""
    from isal import isal_zlib

    packer, content, digests = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31), hashlib.sha256(), []
    chance = random.Random(1)
    with layout.new_blob() as blob:

        def put(data: bytes) -> None:
            content.update(data)
            blob.write(packer.compress(data))

        for each in range(_FILES):
            put(header(f"f{each}", size=number(_SIZE * _MEGABYTE, 12)))
            came = hashlib.sha256()
            for _ in range(_SIZE):
                data = chance.randbytes(_MEGABYTE // 10).ljust(_MEGABYTE, b"\0")
                came.update(data)
                put(data)
            digests.append(came.digest())
        put(END)
        blob.write(packer.flush())
        entry = {"mediaType": LAYER_GZIP, "digest": blob.commit(), "size": blob.size}
    document = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"]}}
    image.make(layout, name, document, [(f"sha256:{content.hexdigest()}", entry)])
    return digests
