"""rootfs-builder's debian and python: they download Debian's packages, so they need the network, and root."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tarballs import unpacked

_BUILD = Path(__file__).parents[2] / "rootfs-builder/build"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def scratch() -> Iterator[Path]:
    """Unlike tmp_path, which keeps what three runs have made: here that is gigabytes."""
    with tempfile.TemporaryDirectory(prefix="minidock-") as path:
        yield Path(path)


def build(name: str, place: Path) -> str:
    """Build a root file system; returns what was said last, which is size and digest."""
    built = subprocess.run([str(_BUILD), name, "-o", str(place)], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return built.stderr.splitlines()[-1]


def run(rootfs: Path, *command: str) -> str:
    ran = subprocess.run(
        ["/usr/sbin/chroot", str(rootfs), *command],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin"},
    )
    return ran.stdout


def test_two_builds_of_debian_have_one_digest_and_dpkg_finds_it_sound(scratch: Path) -> None:
    said = {build("debian", scratch / name) for name in ("one.tar", "two.tar")}
    archive = (scratch / "one.tar").read_bytes()
    assert said == {f"debian: {len(archive)} bytes, sha256:{hashlib.sha256(archive).hexdigest()}"}
    rootfs = unpacked(archive, scratch / "rootfs")
    assert "VERSION_CODENAME=bookworm" in (rootfs / "etc/os-release").read_text()
    assert run(rootfs, "dpkg", "--audit") == ""
    assert run(rootfs, "bash", "-c", "echo $((6 * 7))") == "42\n"
    for of_the_host in ("hostname", "hosts", "resolv.conf"):
        assert (rootfs / "etc" / of_the_host).read_bytes() == b""
    assert {"proc", "sys", "dev", "tmp"} <= set(os.listdir(rootfs))


def test_python_has_an_interpreter_and_a_pip_that_installs(scratch: Path) -> None:
    build("python", scratch / "python.tar")
    rootfs = unpacked((scratch / "python.tar").read_bytes(), scratch / "rootfs")
    assert run(rootfs, "python", "-c", "import ssl, sqlite3; print(6 * 7)") == "42\n"
    package = rootfs / "root/hello"
    package.mkdir()
    (package / "setup.py").write_text("from setuptools import setup; setup(name='hello', py_modules=['hello'])")
    (package / "hello.py").write_text("print('from a package')")
    run(rootfs, "pip", "install", "--no-index", "--no-build-isolation", "/root/hello")
    assert run(rootfs, "python", "-m", "hello") == "from a package\n"
