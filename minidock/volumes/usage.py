"""How much a tree of files takes. It may be in use, and what changes while we look must not lead us astray."""

from __future__ import annotations

import os
import stat

from minidock.kernel import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def size(directory: str) -> int:
    """The bytes of all files below a directory, one with several names counted once; 0 if there is none."""
    try:
        root = paths.open_root(directory)
    except (FileNotFoundError, NotADirectoryError):
        return 0
    try:
        return sum(found.st_size for found in _files(root))
    finally:
        os.close(root)


def _files(root: int) -> Iterator[os.stat_result]:
    waiting, seen = ["."], set()
    while waiting:
        path = waiting.pop()
        try:
            fd = paths.open_inside(root, path, os.O_RDONLY | os.O_DIRECTORY, follow=False)
        except OSError:  # gone, or another thing by now; or deeper than a path can say
            continue
        try:
            for name in os.listdir(fd):
                found = _status(name, fd)
                if found is None or (found.st_dev, found.st_ino) in seen:
                    continue
                if stat.S_ISDIR(found.st_mode):
                    waiting.append(f"{path}/{name}")
                    continue
                if found.st_nlink > 1:
                    seen.add((found.st_dev, found.st_ino))
                yield found
        finally:
            os.close(fd)


def _status(name: str, directory: int) -> os.stat_result | None:
    try:
        return os.lstat(name, dir_fd=directory)
    except FileNotFoundError:
        return None
