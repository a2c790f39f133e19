"""Digests of files: of one, and of all that a COPY takes.

What counts is what ends in the layer: names, kinds, modes, content, targets of links; not times, and not owners, as
COPY sets them. A file is not read again when device, inode, size and times are what they were, which the kernel
keeps: nobody can set a change time. Only a file that was changed at about the moment it was read might be changed
again within the same tick, so that one is read anew. (git's index has the same problem, and the same answer.)

Between being looked at and being copied a file may change. So what is written down in the end is what was copied:
`copying.py` makes the same listing of that.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time

from minidock.kernel import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.build.context.files import Files
    from minidock.build.context.ignoring import Ignore
    from minidock.state.database import Database

    Listing = dict[str, str]  # path → what is there, in short

_CHUNK = 1 << 20
_UNSETTLED = 2_000_000_000  # nanoseconds


class Contents:
    """The digests that are known, and those that were found out since."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[tuple[int, int], tuple[int, int, int, str]] | None = None
        self._new: list[tuple[int, int, int, int, int, str]] = []

    def listing(self, files: Files, path: str, excluded: Ignore | None = None) -> Listing:
        """A path; of a directory all that is below it, but for what --exclude leaves out."""
        real = files.resolved(path)
        status = files.status(real)
        if not stat.S_ISDIR(status.st_mode):
            return {os.path.basename(path): self._told(files, real, status)}
        return {
            inner: self._told(files, f"{real}/{inner}".lstrip("/"), inner_status)
            for inner, inner_status in files.below(real, excluded)
            if not stat.S_ISSOCK(inner_status.st_mode)  # nobody can copy one
        }

    def remember(self) -> None:
        """Write down what was found out."""
        if self._new:
            with self._database.change() as change:
                for row in self._new:
                    change.do("INSERT OR REPLACE INTO build_files VALUES (?, ?, ?, ?, ?, ?)", *row)
            self._new.clear()

    def _told(self, files: Files, path: str, status: os.stat_result) -> str:
        if stat.S_ISREG(status.st_mode):
            return told(status, self._digest(files, path, status))
        return told(status, _target(files, path) if stat.S_ISLNK(status.st_mode) else "")

    def _digest(self, files: Files, path: str, status: os.stat_result) -> str:
        what = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        known = self._table().get((status.st_dev, status.st_ino))
        if known is not None and known[:3] == what:
            return known[3]
        began = time.time_ns()
        digest = _read(files, path)
        if began - status.st_ctime_ns > _UNSETTLED:
            self._new.append((status.st_dev, status.st_ino, *what, digest))
        return digest

    def _table(self) -> dict[tuple[int, int], tuple[int, int, int, str]]:
        if self._known is None:
            rows = self._database.rows("SELECT device, inode, size, modified, changed, digest FROM build_files")
            self._known = {(row[0], row[1]): row[2:] for row in rows}
        return self._known


def told(status: os.stat_result, what: str) -> str:
    """In short: the mode, and the digest of a file's content, or where a link leads to."""
    is_device = stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)
    return f"{status.st_mode:o} {status.st_rdev if is_device else what}"


def digest(listing: Listing) -> str:
    """Of all of it."""
    text = "\n".join(f"{path}\0{what}" for path, what in sorted(listing.items()))
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def _read(files: Files, path: str) -> str:
    fd = paths.open_inside(files.root, path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    found = hashlib.sha256()
    with open(fd, "rb", buffering=0) as file:
        while data := file.read(_CHUNK):
            found.update(data)
    return found.hexdigest()


def _target(files: Files, path: str) -> str:
    head, tail = os.path.split(path)
    fd = paths.open_inside(files.root, head or ".", os.O_PATH | os.O_DIRECTORY)
    try:
        return os.readlink(tail, dir_fd=fd)
    finally:
        os.close(fd)
