"""The initramfs: the little file system in memory with which the guest finds its disk.

Debian's kernel has the drivers of disks as modules, and modules are on the disk. So the kernel first gets a
file system in memory with those few modules, a static busybox, and a script that loads the ones with the
other, mounts the disk and goes on from there. It is not compressed, so that another archive, with what
differs from run to run, can simply follow it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from minidock.errors import MinidockError
from tests.vm import cpio

_DRIVERS = ("virtio_pci", "virtio_blk", "ext4")
_SCRIPT = Path(__file__).with_name("guest") / "initramfs"
_BUSYBOX = Path("/bin/busybox")


def build(root: Path, release: str) -> bytes:
    """The archive for the kernel `release`, whose modules are under `root`."""
    modules = _in_loading_order(root, release)
    order = "".join(f"{Path(module).name}\n" for module in modules)
    files = {
        "init": _SCRIPT.read_bytes(),
        "bin/busybox": (root / _BUSYBOX.relative_to("/")).read_bytes(),
        "modules/order": order.encode(),
    }
    files |= {f"modules/{Path(module).name}": (root / module).read_bytes() for module in modules}
    return cpio.archive(files)


def _in_loading_order(root: Path, release: str) -> list[str]:
    """The drivers' modules and those that they need, the needed first, as paths within `root`."""
    ask = ["chroot", str(root), "modprobe", "--set-version", release, "--show-depends", "--all", *_DRIVERS]
    said = subprocess.run(ask, capture_output=True, text=True, check=False)
    if said.returncode != 0:
        raise MinidockError(f"the kernel {release} lacks a driver: {said.stderr.strip()}")
    lines = (line.split() for line in said.stdout.splitlines())
    return list(dict.fromkeys(words[1].lstrip("/") for words in lines if words[0] == "insmod"))
