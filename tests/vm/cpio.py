"""Initial file systems: archives in cpio's "newc" format, which the kernel unpacks into memory at boot.

The kernel accepts several archives one after the other, so that a fixed part can be kept and a part that
differs from run to run appended (Documentation/driver-api/early-userspace/buffer-format.rst).
"""

from __future__ import annotations

import stat


def entry(name: str, mode: int, data: bytes = b"", *, device: tuple[int, int] = (0, 0)) -> bytes:
    """One file, directory or device node. Its fields are thirteen numbers of eight hexadecimal digits."""
    encoded = name.encode() + b"\0"
    numbers = (0, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0)
    header = b"070701" + b"".join(b"%08X" % number for number in numbers)
    return _padded(header + encoded) + _padded(data)


def archive(files: dict[str, bytes]) -> bytes:
    """An archive of executable files, with the directories that their names need."""
    directories = sorted(
        {"/".join(name.split("/")[:depth]) for name in files for depth in range(1, name.count("/") + 1)}
    )
    entries = [entry(name, stat.S_IFDIR | 0o755) for name in directories]
    entries += [entry(name, stat.S_IFREG | 0o755, data) for name, data in files.items()]
    return b"".join(entries) + end()


def end() -> bytes:
    return entry("TRAILER!!!", 0)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
