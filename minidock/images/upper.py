"""What a container has changed: the upper directory of its overlay, read as overlayfs writes it.

A file that was made or changed is there as a whole, a directory with those of its content that were touched. What
was removed is marked by a character device 0:0, a whiteout. A directory that was removed and made again carries
the attribute trusted.overlay.opaque: nothing of the layers below shows in it. A layer's archive says the same by
the names `.wh.NAME` and `.wh..wh..opq`, which unpack.py turns back.
https://docs.kernel.org/filesystems/overlayfs.html, github.com/opencontainers/image-spec, layer.md
"""

from __future__ import annotations

import os
import stat

from minidock.errors import MinidockError
from minidock.images import settings, tar, tar_writer
from minidock.images.layers import OPAQUE, OPAQUE_ATTRIBUTE, WHITEOUT
from minidock.images.pack import Packing

# Places where the runtime mounts something in every container. Where the image has no such file or directory, an
# empty one was made for that, and /etc for three of them, which is no change of the container's.
PLACEHOLDERS = frozenset(("dev", "proc", "sys", "etc", "etc/hosts", "etc/hostname", "etc/resolv.conf"))
# A file of which only the owner is here and the content below, a directory whose content is elsewhere: what
# overlayfs does when told to. Without that, a container's changes are not in its upper directory alone.
_ELSEWHERE = ("trusted.overlay.metacopy", "trusted.overlay.redirect")


class UpperPacking(Packing):
    """An upper directory as a layer."""

    def __init__(self, root: int) -> None:
        super().__init__(root)
        self._largest = settings.load().largest_layer

    def is_left_out(self, path: str, directory: int, names: list[str]) -> bool:
        _check_whole(directory, path)
        _check_name(path)
        return path in PLACEHOLDERS and not names

    def own_entry(self, directory: int, name: str) -> bytes:
        """Also that of the root: nothing that a container could choose stands at the beginning of the archive,
        by which its compression is told."""
        header = super().own_entry(directory, name or ".")
        return header + _marker(f"{name or '.'}/{OPAQUE}") if is_opaque(directory) else header

    def instead(self, path: str, name: str, status: os.stat_result) -> bytes | None:
        directory, _, base = name.rpartition("/")
        if is_whiteout(status):
            return _marker(f"{directory}/{WHITEOUT}{base}" if directory else f"{WHITEOUT}{base}")
        _check_name(name)
        return b"" if path in PLACEHOLDERS and not status.st_size else None

    def check_file(self, file: int, name: str) -> None:
        _check_whole(file, name)
        size = os.fstat(file).st_size
        if size > self._largest:  # a file of holes is made in a moment, and may be larger than all disks
            raise MinidockError(
                f"'/{name}' has {size} bytes, holes included; a layer may have {self._largest}",
                hint=f"remove it, or set largest-layer in {settings.directory()}/images.json",
            )


def is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def is_opaque(directory: int) -> bool:
    try:
        return os.getxattr(directory, OPAQUE_ATTRIBUTE) == b"y"
    except OSError:
        return False


def has_changes(directory: str) -> bool:
    """Whether there is anything in an upper directory that would be in a layer."""
    return any(_is_change(directory, name) for name in os.listdir(directory))


def _is_change(directory: str, name: str) -> bool:
    path = f"{directory}/{name}"
    return name not in PLACEHOLDERS or not stat.S_ISDIR(os.lstat(path).st_mode) or bool(os.listdir(path))


def _check_whole(file: int | str, path: str) -> None:
    for key in os.listxattr(file):
        if key in _ELSEWHERE:
            raise MinidockError(
                f"the container's '/{path}' has its content in another layer ({key})",
                hint="it was written by an overlay with metacopy or redirect_dir, which minidock does not use",
            )


def _check_name(path: str) -> None:
    if path.rpartition("/")[2].startswith(WHITEOUT):
        raise MinidockError(
            f"'/{path}' cannot be in a layer: a name that begins with {WHITEOUT} says there that a file is gone",
            hint="rename or remove it in the container",
        )


def _marker(name: str) -> bytes:
    """An empty file: its name alone says something."""
    return tar_writer.header(tar.plain_entry(name, tar.FILE, 0))
