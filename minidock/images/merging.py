"""Several layers as one: what `build --squash` makes of those it has built.

Layers are laid over one another as overlayfs would show them, but the result is still a layer: what it hides of
those below stays hidden. A whiteout takes away what earlier layers had, and stays; an opaque directory likewise.
Files are linked, not copied: layers never change. Nobody else has these directories, and no link in them is
followed: each is entered only after a look at what it is.
"""

from __future__ import annotations

import os
import shutil
import stat

from minidock.images import drafts
from minidock.images.layers import OPAQUE_ATTRIBUTE
from minidock.images.upper import is_whiteout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def merge(directories: Iterable[str], into: str) -> None:
    """Lay directories, bottom first, over one another."""
    for directory in directories:
        waiting = [""]
        while waiting:
            waiting += _merge_one(directory, into, waiting.pop())


def _merge_one(directory: str, into: str, path: str) -> list[str]:
    """One directory of a layer; the directories in it, which come next."""
    inner = []
    with os.scandir(f"{directory}/{path}") as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            target = f"{into}/{path}/{entry.name}"
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                _merge_directory(entry.path, target)
                inner.append(f"{path}/{entry.name}")
            else:
                _replace(entry.path, target, status)
    if path == "" or inner:
        shutil.copystat(f"{directory}/{path}", f"{into}/{path}")
    return inner


def _merge_directory(source: str, target: str) -> None:
    status = _status(target)
    hides = OPAQUE_ATTRIBUTE in os.listxattr(source)
    if status is not None and (hides or not stat.S_ISDIR(status.st_mode)):
        hides = hides or is_whiteout(status)
        drafts.remove(target)
        status = None
    if status is None:
        os.mkdir(target)
    owner = os.stat(source)
    os.chown(target, owner.st_uid, owner.st_gid)
    shutil.copystat(source, target)
    if hides:
        os.setxattr(target, OPAQUE_ATTRIBUTE, b"y")


def _replace(source: str, target: str, status: os.stat_result) -> None:
    if _status(target) is not None:
        drafts.remove(target)
    if is_whiteout(status):
        os.mknod(target, stat.S_IFCHR, os.makedev(0, 0))
    else:
        os.link(source, target, follow_symlinks=False)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None
