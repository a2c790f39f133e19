"""Trees with one of each thing that a file system can hold, and what the kernel says of them: to be compared."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

# cap_net_raw, effective and permitted: struct vfs_cap_data, version 2
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")


def holes(path: Path) -> list[tuple[int, int]]:
    """Where a file has data: what lies between needs no room on disk."""
    found, at, size = [], 0, path.stat().st_size
    with path.open("rb") as file:
        while at < size:
            try:
                start = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:  # nothing but holes from here on
                break
            at = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            found.append((start, at))
    return found


def facts(tree: Path) -> dict[str, object]:
    """All that the kernel says of each file; of hard links, which go together."""
    found: dict[str, object] = {}
    first_names: dict[int, str] = {}
    for path in sorted([tree, *tree.rglob("*")]):
        of = path.lstat()
        xattrs = {
            key: os.getxattr(path, key, follow_symlinks=False) for key in os.listxattr(path, follow_symlinks=False)
        }
        content: object = None
        if stat.S_ISREG(of.st_mode):
            content = (of.st_size, holes(path), hashlib.sha256(path.read_bytes()).hexdigest())
        elif stat.S_ISLNK(of.st_mode):
            content = os.readlink(path)
        same = first_names.setdefault(of.st_ino, str(path.relative_to(tree)))
        kernel = (of.st_mode, of.st_uid, of.st_gid, of.st_mtime_ns, of.st_rdev, of.st_nlink)
        found[str(path.relative_to(tree))] = (kernel, xattrs, content, same)
    return found


def make_everything(tree: Path) -> None:
    """One of each thing that a file system can hold."""
    deep = tree / ("d" * 100) / ("é" * 60) / ("f" * 90)
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(os.urandom(300_000))
    (tree / "program").write_bytes(b"#!")
    os.chown(tree / "program", 4_000_000, 3_000_000)
    (tree / "program").chmod(0o6711)
    os.setxattr(tree / "program", "security.capability", CAPABILITY)
    os.setxattr(tree / "program", "trusted.binary", bytes(range(256)))
    os.link(tree / "program", tree / "other name")
    (tree / "link").symlink_to("t" * 200)
    os.chown(tree / "link", 5, 6, follow_symlinks=False)
    os.setxattr(tree / "link", "trusted.on-a-link", b"x", follow_symlinks=False)
    os.utime(tree / "link", ns=(0, 123_456_789), follow_symlinks=False)
    os.mkfifo(tree / "fifo", 0o622)
    os.mknod(tree / "character", stat.S_IFCHR | 0o620, os.makedev(5, 1))
    os.mknod(tree / "block", stat.S_IFBLK | 0o660, os.makedev(253, 70_000))
    with open(tree / "sparse", "wb") as sparse:
        for part in range(50):
            sparse.seek(part * 200_000)
            sparse.write(b"%d" % part)
        sparse.truncate(20_000_000)
    (tree / "shared").mkdir()
    os.chown(tree / "shared", 0, 50)
    (tree / "shared").chmod(0o3775)
    (tree / "shared/not of that group").touch()
    os.chown(tree / "shared/not of that group", 0, 0)
    os.utime(tree / "shared", ns=(0, 987_654_321_987_654_321))
