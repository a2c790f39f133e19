"""COPY and ADD: files from one tree into another.

    SOURCE          DESTINATION                 what happens
    a file          ends in a slash, or is a    it is copied into that directory
                    directory already
    a file          anything else               it becomes that file
    a directory     anything                    its content is copied into that directory

What is copied belongs to root unless --chown says otherwise; directories that are missing on the way are made. Source
and destination are descriptors, and each path is resolved as if its tree were `/`.
https://docs.docker.com/reference/dockerfile/#copy
"""

from __future__ import annotations

import hashlib
import os
import stat

from minidock.build.cache import contents
from minidock.build.context.ignoring import Ignore
from minidock.build.working.modes import Mode
from minidock.errors import MinidockError, reason
from minidock.images import tar, tar_writer
from minidock.images.files import Files as Placing
from minidock.images.pack import Packed, Packing
from minidock.images.tar import Tar
from minidock.kernel import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from minidock.build.cache.contents import Listing
    from minidock.build.context.files import Files
    from minidock.images.tar import Entry

    Owner = tuple[int, int]

_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_ROOT: Owner = (0, 0)


class Copy:
    """What one instruction asks for, with its variables replaced."""

    def __init__(
        self,
        sources: Sequence[str],
        target: str,
        *,
        mode: str = "",
        excluded: Sequence[str] = (),
        parents: bool = False,
        unpacks: bool = False,
    ) -> None:
        self.sources = list(sources)
        self.target = target  # absolute; a slash at its end means a directory
        self.mode = Mode(mode)
        self.excluded = Ignore(excluded)
        self.parents = parents  # --parents: a source keeps the directories that it is in
        self.unpacks = unpacks  # ADD: archives are unpacked
        self.owner: Owner = _ROOT

    def leaves_out(self, path: str) -> bool:
        """Whether --exclude means a source itself, by its name; what is in it is looked at when it is copied."""
        return self.excluded.ignores(os.path.basename(path)) if path else False

    @property
    def into_directory(self) -> bool:
        return self.target.endswith("/") or len(self.sources) > 1 or self.parents


def check(wish: Copy, count: int) -> None:
    """Of several files none can be *the* destination."""
    if count > 1 and not wish.target.endswith("/"):
        raise MinidockError(
            "When using COPY with more than one source file, the destination must be a directory and end with a /",
            hint=f"write {wish.target}/",
        )


def copy(files: Files, paths_found: Sequence[str], into: int, wish: Copy) -> dict[str, Listing]:
    """Copy what was found for the sources of a tree. For each path it comes to what was copied, as cache/contents.py
    tells it: that is not always what was there when somebody looked before."""
    copied = {}
    for path in paths_found:
        try:
            copied[path] = _copy_one(files, path, into, wish)
        except OSError as error:
            raise MinidockError(f"cannot copy /{path} to {wish.target}: {reason(error)}") from None
    return copied


def _copy_one(files: Files, path: str, into: int, wish: Copy) -> Listing:
    real = files.resolved(path)
    target = _with_parents(path, wish) if wish.parents else wish.target
    if stat.S_ISDIR(files.status(real).st_mode):
        make(into, target, wish.owner)
        taken = Taken(files, real, wish)
        _place(into, target, taken.tree(real))
        return taken.listing()
    found = _unpack(files, real, into, target) if wish.unpacks else ""
    return {os.path.basename(path): found or _copy_file(files, path, into, target, wish)}


def _copy_file(files: Files, path: str, into: int, target: str, wish: Copy) -> str:
    real = files.resolved(path)
    directory, name = _place_of_file(into, target, os.path.basename(path), wish)
    make(into, directory, wish.owner)
    parent = paths.open_inside(files.root, os.path.dirname(real) or ".", _DIRECTORY)
    taken = Taken(files, "", wish)
    try:
        _place(into, directory, taken.file(parent, os.path.basename(real), name))
    finally:
        os.close(parent)
    return taken.listing().get(name, "")


def _with_parents(path: str, wish: Copy) -> str:
    """`/./` in a source says from where on the directories count."""
    given = next((each for each in wish.sources if "/./" in each), "")
    before = given.partition("/./")[0].lstrip("/") if given else ""
    kept = path[len(before) :].lstrip("/") if before and path.startswith(before) else path
    return f"{wish.target.rstrip('/')}/{kept}"


def _place_of_file(into: int, target: str, name: str, wish: Copy) -> tuple[str, str]:
    """The directory that a file goes to, and what it is called there."""
    if wish.parents:
        return os.path.split(target)
    if wish.into_directory or target == "/" or _is_directory(into, target):
        return target, name
    return os.path.split(target)


def _is_directory(root: int, path: str) -> bool:
    try:
        os.close(paths.open_inside(root, path, _DIRECTORY))
    except OSError:
        return False
    return True


def write(into: int, wish: Copy, name: str, data: bytes) -> None:
    """A file that stands in the Dockerfile itself."""
    directory, name = (wish.target, name) if wish.into_directory else os.path.split(wish.target)
    make(into, directory, wish.owner)
    entry = tar.plain_entry(name, tar.FILE, wish.mode.of(0o644, is_directory=False))
    entry.uid, entry.gid = wish.owner
    entry.size = len(data)
    _place(into, directory, iter((tar_writer.header(entry), data, tar_writer.padding(len(data)), tar_writer.END)))


def make(root: int, path: str, owner: Owner) -> None:
    """A directory, with those above it; those that are new get an owner."""
    made = ""
    for part in os.path.normpath("/" + path).split("/"):
        if not part:
            continue
        above, made = made, f"{made}/{part}"
        if _is_directory(root, made):
            continue
        parent = paths.open_inside(root, above or "/", _DIRECTORY)
        try:
            os.mkdir(part, 0o755, dir_fd=parent)
            os.chmod(part, 0o755, dir_fd=parent)  # whatever the umask
            os.chown(part, *owner, dir_fd=parent, follow_symlinks=False)
        except FileExistsError:
            raise MinidockError(f"cannot copy to {path}: {made} is not a directory") from None
        finally:
            os.close(parent)


def _place(into: int, directory: str, pieces: Iterator[bytes]) -> None:
    Placing(into, directory, directory, keep_owners=True).fill(Tar(Packed(pieces)))


class Taken(Packing):
    """What of a tree is copied, as it is to be in the other."""

    def __init__(self, files: Files, top: str, wish: Copy) -> None:
        super().__init__(files.root)
        self._files = files
        self._top = f"{top}/" if top else ""
        self._wish = wish
        self._entries: list[tuple[str, os.stat_result]] = []
        # By file, as one may have several names: its first entry, and its content.
        self._first: dict[tuple[int, int], tuple[Entry, hashlib._Hash]] = {}
        self._now = hashlib.sha256()

    def passes_by(self, path: str) -> bool:
        if f"{path}/" == self._top or not path:
            return False
        return self._files.hides_all_of(path) or self._wish.excluded.ignores_all_of(path.removeprefix(self._top))

    def instead(self, path: str, name: str, status: os.stat_result) -> bytes | None:  # noqa: ARG002
        """Nothing, for a file that is not to be seen."""
        return b"" if path and self._is_out(path) else None

    def _is_out(self, path: str) -> bool:
        return self._files.is_hidden(path) or self._wish.excluded.ignores(path.removeprefix(self._top))

    def entry(self, name: str, status: os.stat_result) -> Entry:
        found = super().entry(name, status)
        self._entries.append((name.rstrip("/"), status))
        self._now = self._first.setdefault((status.st_dev, status.st_ino), (found, hashlib.sha256()))[1]
        found.uid, found.gid = self._wish.owner
        if found.kind != tar.SYMLINK:
            found.mode = self._wish.mode.of(found.mode, is_directory=found.kind == tar.DIRECTORY)
        return found

    def hear(self, data: bytes) -> None:
        self._now.update(data)

    def listing(self) -> Listing:
        """What was copied. A hidden directory may be there for the sake of what is in it, and does not count."""
        found = {}
        for name, status in self._entries:
            if not (stat.S_ISDIR(status.st_mode) and self._is_out(f"{self._top}{name}")):
                entry, content = self._first[status.st_dev, status.st_ino]
                found[name] = contents.told(status, content.hexdigest() if stat.S_ISREG(status.st_mode) else entry.link)
        return found


def _unpack(files: Files, path: str, into: int, target: str) -> str:
    """Unpack a file, if it is an archive, told by what it holds, as names say nothing. What was read of it."""
    from minidock.build.working.archives import Heard, opened

    fd = paths.open_inside(files.root, path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        file = Heard(fd)
        archive = opened(file)
        if archive is None:
            return ""
        make(into, target, _ROOT)
        Placing(into, target, target, keep_owners=True).fill(archive)
        return contents.told(os.fstat(fd), file.digest())
    finally:
        os.close(fd)
