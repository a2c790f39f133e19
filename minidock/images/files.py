"""An archive unpacked among files that are there already, and in use: what `cp` does at its end.

Unlike a layer it has no names with a meaning of their own, it does not change the directory that it is unpacked
in, and a directory does not give way to a file, nor a file to a directory. The messages are Docker's.
"""

from __future__ import annotations

import os
import stat

from minidock.errors import MinidockError
from minidock.images import tar
from minidock.images.unpack import Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.images.tar import Entry

_SET_ID = stat.S_ISUID | stat.S_ISGID


class Files(Target):
    """Files for a directory: `base`, as those who look for it call it, below `root`."""

    def __init__(self, root: int, base: str, shown: str, *, keep_owners: bool) -> None:
        super().__init__(root, base)
        self._shown = shown.rstrip("/")
        self._keep_owners = keep_owners  # else what is new is ours, and what was there remains whose it was

    def owner(self, entry: Entry) -> tuple[int, int] | None:
        return super().owner(entry) if self._keep_owners else None

    def mode(self, entry: Entry) -> int:
        """Set-user-id means "with the rights of the owner". With another owner that was never meant."""
        return entry.mode if self._keep_owners else entry.mode & ~_SET_ID

    def place_root(self, root: int, entry: Entry) -> None:
        """It is there, and stays as it is."""

    def clear(self, parent: int, name: str, entry: Entry) -> None:
        path, into = os.path.normpath(f"{self._shown}/{entry.name}"), self._shown or "/"
        is_directory = stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode)
        if is_directory and entry.kind != tar.DIRECTORY:
            raise MinidockError(f'cannot overwrite directory "{path}" with non-directory "{into}"')
        if entry.kind == tar.DIRECTORY and not is_directory:
            raise MinidockError(f'cannot overwrite non-directory "{path}" with directory "{into}"')
        if _is_mounted_on(parent, name):
            raise MinidockError(
                f"unlinkat {path}: device or resource busy",
                hint="something is mounted there: write to its source, or in the container",
            )
        os.unlink(name, dir_fd=parent)


def mount_id(fd: int) -> str:
    """Which mount a descriptor is on. proc_pid_fdinfo(5)"""
    with open(f"/proc/self/fdinfo/{fd}") as lines:
        return next(line for line in lines if line.startswith("mnt_id:"))


def _is_mounted_on(parent: int, name: str) -> bool:
    """Whether a file has a mount on it, as a container's /etc/hosts has.

    To remove it would take the mount away from the container: what is mounted in other mount namespaces than
    one's own does not keep a file from being removed. rename(2), mount_namespaces(7)
    """
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        return mount_id(handle) != mount_id(parent)
    finally:
        os.close(handle)
