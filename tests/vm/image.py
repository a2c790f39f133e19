"""The machine's image: a Debian 12 disk, Debian's cloud kernel, and an initramfs; built once and kept.

An image is a directory named by a hash of all that it is made from, so a changed input makes a new image and
an unchanged one costs nothing. No loop device, boot loader or KVM is needed to build it:

    mmdebstrap            installs Debian's packages into a directory
    provision/machine     makes that directory a machine for minidock, as it does for people's own machines
    apt-get download      fetches the kernel's package, which is unpacked but not installed
    mke2fs -d             turns the directory into a disk
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from minidock.errors import MinidockError
from tests.vm import initramfs, wheels
from tests.vm.places import CACHE, PROJECT

_INPUTS = (
    "provision/commands",
    "provision/debian-packages",
    "provision/greet",
    "provision/greeting",
    "provision/machine",
    "provision/packages",
    "provision/python-packages",
    "tests/vm/cpio.py",
    "tests/vm/guest/initramfs",
    "tests/vm/image.py",
    "tests/vm/initramfs.py",
    "tests/vm/wheels.py",
)
_GIB = 1024**3
_KEPT_SECONDS = 7 * 24 * 3600  # an image that nothing has used for so long goes when another is built
_NOT_INSTALLED = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")

_CLEAN = "env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8"  # nothing of this machine's settings

# Run by mmdebstrap, whose configuration of apt names Debian's archive, and whose package lists are fresh.
_FETCH_KERNEL = (
    'cd "$KERNEL_DIRECTORY" && export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" && '
    "apt-get download -qq $(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: //p')"
)


@dataclass(frozen=True)
class Image:
    """The files that qemu needs."""

    directory: Path

    @property
    def disk(self) -> Path:
        return self.directory / "root.ext4"

    @property
    def spare(self) -> Path:
        """An empty ext4 disk, for tests that slow a device down."""
        return self.directory / "spare.ext4"

    @property
    def swap(self) -> Path:
        return self.directory / "swap"

    @property
    def kernel(self) -> Path:
        return self.directory / "vmlinuz"

    @property
    def initramfs(self) -> Path:
        return self.directory / "initramfs"


@contextlib.contextmanager
def ready_image() -> Iterator[Image]:
    """The image for the inputs as they are now, built if need be, and kept from removal while it is used."""
    image = Image(CACHE / f"image-{_hash_of_inputs()}")
    CACHE.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as held:
        with _locked(CACHE / "building", fcntl.LOCK_EX):
            if not image.directory.exists():
                _remove_what_is_old()
                _build_beside(image)
            held.enter_context(_locked(image.directory, fcntl.LOCK_SH))
        os.utime(image.directory)
        yield image


def _hash_of_inputs() -> str:
    digest = hashlib.sha256("\n".join(wheels.requirements()).encode())
    for name in _INPUTS:
        content = (PROJECT / name).read_bytes()
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _build_beside(image: Image) -> None:
    """Build in a temporary directory and give it its name at the end: an image is whole or not there."""
    if os.geteuid() != 0:
        raise MinidockError("only root can build the test machine's image", hint="sudo make vm")
    print("Building the test machine's image: about a minute, once", file=sys.stderr)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="unfinished-") as name:
        unfinished = Image(Path(name) / "image")
        unfinished.directory.mkdir()
        _build(unfinished, Path(name))
        unfinished.directory.rename(image.directory)
    print(f"Built {image.directory} in {time.monotonic() - begun:.0f} s", file=sys.stderr)


def _build(image: Image, scratch: Path) -> None:
    root, package = scratch / "root", scratch / "kernel"
    package.mkdir()
    _install_debian(root, package, _provisioning_files(scratch / "project"))
    release = _unpack_kernel(root, package, image.kernel)
    image.initramfs.write_bytes(initramfs.build(root, release))
    _make_empty(image.disk, 6 * _GIB)
    _run("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", str(root), str(image.disk))
    _make_empty(image.spare, _GIB)
    _run("mke2fs", "-q", "-t", "ext4", str(image.spare))
    _make_empty(image.swap, _GIB // 2)
    _run("mkswap", "--quiet", str(image.swap))


def _provisioning_files(directory: Path) -> Path:
    """What provision/machine needs to see of the project, and wheels, so that it needs no compiler there."""
    shutil.copytree(PROJECT / "provision", directory / "provision", ignore=shutil.ignore_patterns("wheels"))
    shutil.copytree(wheels.ready_wheels(), directory / "provision/wheels")
    (directory / "minidock").mkdir()
    for name in ("pyproject.toml", "README.md", "minidock/__init__.py"):
        shutil.copy(PROJECT / name, directory / name)
    return directory


def _install_debian(root: Path, package: Path, project: Path) -> None:
    listing = [str(project / "provision/debian-packages"), "guest", "--list"]
    names = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split()
    hooks = (
        f'cp -r "{project}" "$1/minidock"',
        f'{_CLEAN} chroot "$1" /minidock/provision/machine guest',
        _FETCH_KERNEL,
    )
    _run(
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        "--quiet",
        f"--include={','.join(names)}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _NOT_INSTALLED),
        *(f"--customize-hook={hook}" for hook in hooks),
        "bookworm",
        str(root),
        environment={"KERNEL_DIRECTORY": str(package)},
    )


def _unpack_kernel(root: Path, package: Path, kernel: Path) -> str:
    """Put the modules on the disk and the kernel beside it; return the kernel's release."""
    [archive] = package.glob("*.deb")
    _run("dpkg", "-x", str(archive), str(package))
    [modules] = (package / "lib/modules").iterdir()
    shutil.copytree(modules, root / "lib/modules" / modules.name, symlinks=True)
    shutil.copy(package / f"boot/vmlinuz-{modules.name}", kernel)
    _run("chroot", str(root), "depmod", modules.name)
    return modules.name


def _make_empty(disk: Path, size: int) -> None:
    """A file of holes: it takes room only where something is written."""
    disk.touch(mode=0o600)
    os.truncate(disk, size)


def _remove_what_is_old() -> None:
    """Called by the one process that may build: what is unfinished now was left by one that was killed."""
    for directory in CACHE.glob("unfinished-*"):
        shutil.rmtree(directory)
    for directory in (*CACHE.glob("image-*"), *CACHE.glob("wheels-*")):
        if time.time() - directory.stat().st_mtime > _KEPT_SECONDS:
            with contextlib.suppress(BlockingIOError), _locked(directory, fcntl.LOCK_EX | fcntl.LOCK_NB):
                shutil.rmtree(directory)


@contextlib.contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    if not path.exists():
        path.touch()
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)


def _run(*command: str, environment: dict[str, str] | None = None) -> None:
    try:
        subprocess.run(
            command,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,  # standard output is the command's in the guest
            env=os.environ | (environment or {}),
        )
    except FileNotFoundError as error:
        raise MinidockError(f"{command[0]} is not installed", hint="sudo make test installs it") from error
    except subprocess.CalledProcessError as error:
        raise MinidockError(f"building the image: {command[0]} failed with status {error.returncode}") from error
