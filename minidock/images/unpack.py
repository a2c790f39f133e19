"""A layer's tar, unpacked into a directory as overlayfs wants it.

A tar archive says, entry by entry, "at this name, make this": the name may climb (`../..`), begin with a
slash, or lead through a symbolic link that an earlier entry has planted. So names are never joined to paths
of the host. Every directory is opened by openat2(2) with RESOLVE_IN_ROOT, which makes the kernel resolve
it as if the layer's directory were `/`, and in that directory only the last part of a name is touched,
which no call used here follows.

A layer can also say that something of the layers below is gone: an empty file `.wh.NAME` hides NAME, and
`.wh..wh..opq` hides all that the layers below have in its directory. Overlayfs says the same by a
character device 0:0 and by the attribute trusted.overlay.opaque; see overlayfs.rst in the kernel's documents.
"""

from __future__ import annotations

import errno
import os
import stat

from minidock.errors import MinidockError
from minidock.images import drafts, tar
from minidock.images.layers import OPAQUE, OPAQUE_ATTRIBUTE, WHITEOUT
from minidock.images.tar import parts_inside
from minidock.kernel.paths import open_inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.images.limits import Limits
    from minidock.images.tar import Bytes, Entry

_WHITEOUT_META = ".wh..wh."
# What these say is between overlayfs and us: a layer that could say it would rearrange the layers below.
_OVERLAY_ATTRIBUTES = ("trusted.overlay.", "user.overlay.")
_IN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_WORTH_HOLES = 64 << 10
_KINDS = {tar.CHARACTER: stat.S_IFCHR, tar.BLOCK: stat.S_IFBLK, tar.FIFO: stat.S_IFIFO}


def unpack(content: Bytes, root: int, limits: Limits | None = None) -> int:
    """Unpack a layer into the directory that `root` is open on, which nobody else uses yet; how many bytes it has."""
    layer = _Layer(root, limits)
    layer.fill(tar.Tar(content))
    return layer.size


class Target:
    """A tree being filled from an archive. Names begin at `base`, a path below `root`, and never leave `root`.

    The last parent is kept open, since entries come directory by directory.
    """

    def __init__(self, root: int, base: str = "") -> None:
        self.size = 0  # of all files so far
        self._root = root
        self._base = f"{base.strip('/')}/".lstrip("/")
        self._parent = -1
        self._parent_path: str | None = None
        self._times: list[tuple[str, int]] = []  # set last: each entry in a directory changes its time

    def fill(self, archive: tar.Tar) -> None:
        """Place every entry, in order."""
        try:
            for entry in archive:
                try:
                    self.place(entry, archive)
                except OSError as error:
                    raise self._unable(entry, error) from error
            self.set_times_of_directories()
        finally:
            self.close()

    def _unable(self, entry: tar.Entry, error: OSError) -> MinidockError:
        from minidock.diagnosis import diagnosing

        place = os.readlink(f"/proc/self/fd/{self._root}")
        return diagnosing.failed(f"cannot unpack '{entry.name}': {error.strerror}", error, place=place)

    def close(self) -> None:
        if self._parent_path is not None:
            os.close(self._parent)
            self._parent_path = None

    def place(self, entry: Entry, archive: tar.Tar) -> None:
        parts = parts_inside(entry.name)
        if not parts:
            self._place_root(entry)
            return
        parent, name = self._enter("/".join(parts[:-1])), parts[-1]
        if self.is_taken_otherwise(parent, name):
            return
        if entry.kind == tar.DIRECTORY:
            self.make_directory(parent, name, entry)
            self._times.append(("/".join(parts), entry.mtime))
        elif entry.kind == tar.FILE:
            self._make_file(parent, name, entry, archive)
        elif entry.kind == tar.HARD_LINK:
            self._make_hard_link(parent, name, entry)
        elif entry.kind == tar.SYMLINK:
            self._make_symlink(parent, name, entry, depth=len(parts) - 1)
        else:
            self._make_node(parent, name, entry)

    # What kinds of trees differ in ----------------------------------------------------------------------

    def is_taken_otherwise(self, parent: int, name: str) -> bool:  # noqa: ARG002
        """Whether an entry of this name is no file to be made, but meant something else, which was done."""
        return False

    def clear(self, parent: int, name: str, entry: Entry) -> None:  # noqa: ARG002
        """Something is where an entry is to be, which cannot be merged with it."""
        drafts.remove(name, parent)

    def owner(self, entry: Entry) -> tuple[int, int] | None:
        """Whose it will be; None: whose it is, when it is made."""
        return entry.uid, entry.gid

    def mode(self, entry: Entry) -> int:
        return entry.mode

    def check_link(self, entry: Entry, depth: int) -> None:
        """Object to the target of a symbolic link that lies so deep in the tree."""

    # Directories --------------------------------------------------------------------------------------

    def _open(self, path: str) -> int:
        return open_inside(self._root, self._base + path or ".", _IN_DIRECTORY)

    def _enter(self, path: str) -> int:
        """A descriptor on a directory below the root, made with its parents where it is missing."""
        if path != self._parent_path:
            fd = self._open_or_make(path)
            self.close()
            self._parent, self._parent_path = fd, path
        return self._parent

    def _open_or_make(self, path: str) -> int:
        """Most are there, so only what is missing is made, part by part from the top."""
        try:
            return self._open(path)
        except FileNotFoundError:
            pass
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            above = self._open("/".join(parts[: count - 1]))
            try:
                os.mkdir(parts[count - 1], 0o755, dir_fd=above)
                os.chmod(parts[count - 1], 0o755, dir_fd=above)  # whatever the umask
            except FileExistsError:
                pass
            finally:
                os.close(above)
        return self._open(path)

    def _place_root(self, entry: Entry) -> None:
        if entry.kind != tar.DIRECTORY:
            raise MinidockError(f"'{entry.name}' would stand in the place of the root directory")
        self.place_root(self._root, entry)

    def place_root(self, root: int, entry: Entry) -> None:
        """The entry of the directory itself in which all others are."""
        self._own(root, entry)
        self._times.append(("", entry.mtime))

    def set_times_of_directories(self) -> None:
        for path, time in self._times:
            try:
                fd = open_inside(self._root, self._base + path or ".", _IN_DIRECTORY | os.O_NOFOLLOW)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):  # a later entry replaced it
                    continue
                raise
            os.utime(fd, ns=(time, time))
            os.close(fd)

    # Entries by kind; the last part of the name is new, or what stands there gives way ---------------------

    def make_directory(self, parent: int, name: str, entry: Entry) -> None:
        """One that is there already is the same directory."""
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode):
                self.clear(parent, name, entry)
                os.mkdir(name, 0o700, dir_fd=parent)
        fd = os.open(name, _IN_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        try:
            self._own(fd, entry)
        finally:
            os.close(fd)

    def _make_file(self, parent: int, name: str, entry: Entry, archive: tar.Tar) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            fd = os.open(name, flags, 0o600, dir_fd=parent)
        except FileExistsError:
            self.clear(parent, name, entry)
            fd = os.open(name, flags, 0o600, dir_fd=parent)
        try:
            _write(fd, entry, archive)
            self._own(fd, entry)
            os.utime(fd, ns=(entry.mtime, entry.mtime))
        finally:
            os.close(fd)
        self.size += entry.size

    def _make_hard_link(self, parent: int, name: str, entry: Entry) -> None:
        """Its owner, mode and times are those of the file that it is one more name of."""
        parts = parts_inside(entry.link)
        try:
            source = self._open("/".join(parts[:-1]))
            try:
                self._link(source, parts[-1] if parts else ".", parent, name, entry)
            finally:
                os.close(source)
        except FileNotFoundError:
            raise MinidockError(
                f"'{entry.name}' is a hard link to '{entry.link}', which the layer does not hold"
            ) from None

    def _link(self, source: int, original: str, parent: int, name: str, entry: Entry) -> None:
        """link(2); what stands in the way gives way, unless it is that very file already."""
        try:
            os.link(original, name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
        except FileExistsError:
            if not os.path.samestat(os.lstat(original, dir_fd=source), os.lstat(name, dir_fd=parent)):
                self.clear(parent, name, entry)
                os.link(original, name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)

    def _make_symlink(self, parent: int, name: str, entry: Entry, *, depth: int) -> None:
        """The target is only text here."""
        self.check_link(entry, depth)
        try:
            os.symlink(entry.link, name, dir_fd=parent)
        except FileExistsError:
            self.clear(parent, name, entry)
            os.symlink(entry.link, name, dir_fd=parent)
        self._own_unopened(parent, name, entry)

    def _make_node(self, parent: int, name: str, entry: Entry) -> None:
        """A device or a named pipe. It can do no harm here: only a container's device rules give it life."""
        mode = _KINDS[entry.kind] | 0o600
        try:
            os.mknod(name, mode, entry.device, dir_fd=parent)
        except FileExistsError:
            self.clear(parent, name, entry)
            os.mknod(name, mode, entry.device, dir_fd=parent)
        self._own_unopened(parent, name, entry)

    def _own(self, fd: int, entry: Entry) -> None:
        """Owner, mode, attributes, in this order: chown(2) takes away set-user-id and file capabilities."""
        if owner := self.owner(entry):
            os.fchown(fd, *owner)
        os.fchmod(fd, self.mode(entry))
        for key, value in entry.xattrs.items():
            _set_attribute(fd, key, value)

    def _own_unopened(self, parent: int, name: str, entry: Entry) -> None:
        """The same for what must not be opened: a symbolic link has no mode, a device would act."""
        if owner := self.owner(entry):
            os.chown(name, *owner, dir_fd=parent, follow_symlinks=False)
        if entry.kind != tar.SYMLINK:
            os.chmod(name, self.mode(entry), dir_fd=parent)  # follows links, but what we have just made is none
        for key, value in entry.xattrs.items():
            _set_attribute(f"/proc/self/fd/{parent}/{name}", key, value)
        os.utime(name, ns=(entry.mtime, entry.mtime), dir_fd=parent, follow_symlinks=False)


class _Layer(Target):
    """A layer: names that begin with `.wh.` say what of the layers below is gone."""

    def __init__(self, root: int, limits: Limits | None) -> None:
        super().__init__(root)
        self._limits = limits

    def place(self, entry: Entry, archive: tar.Tar) -> None:
        if self._limits:
            self._limits.count_file()
        super().place(entry, archive)

    def is_taken_otherwise(self, parent: int, name: str) -> bool:
        if not name.startswith(WHITEOUT):
            return False
        self._hide(parent, name)
        return True

    def check_link(self, entry: Entry, depth: int) -> None:
        """One that climbs is refused, as Docker does."""
        _check_climb(entry.link, 0 if entry.link.startswith("/") else depth, entry)

    def make_directory(self, parent: int, name: str, entry: Entry) -> None:
        """A whiteout of this layer in its place makes it opaque."""
        opaque = _is_whiteout(parent, name)
        super().make_directory(parent, name, entry)
        if opaque:
            self._make_opaque(parent, name)

    def _hide(self, parent: int, name: str) -> None:
        """A whiteout: something of the layers below is gone."""
        hidden = name[len(WHITEOUT) :]
        if name == OPAQUE:
            os.setxattr(parent, OPAQUE_ATTRIBUTE, b"y")
        elif name.startswith(_WHITEOUT_META):  # the bookkeeping of aufs, an older union file system
            pass
        elif hidden in ("", ".", ".."):
            raise MinidockError(f"a whiteout that hides nothing: '{name}'")
        else:
            self._whiteout(parent, hidden)

    def _whiteout(self, parent: int, name: str) -> None:
        try:
            os.mknod(name, stat.S_IFCHR, os.makedev(0, 0), dir_fd=parent)
        except FileExistsError:  # this layer has a new one of that name, which by itself hides the old
            if stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode):
                self._make_opaque(parent, name)

    def _make_opaque(self, parent: int, name: str) -> None:
        fd = os.open(name, _IN_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        try:
            os.setxattr(fd, OPAQUE_ATTRIBUTE, b"y")
        finally:
            os.close(fd)


def _check_climb(target: str, depth: int, entry: Entry) -> None:
    for part in target.split("/"):
        depth += {"..": -1, "": 0, ".": 0}.get(part, 1)
        if depth < 0:
            raise MinidockError(f"the symbolic link '{entry.name}' climbs out of the layer: '{target}'")


def _is_whiteout(parent: int, name: str) -> bool:
    try:
        found = os.lstat(name, dir_fd=parent)
    except FileNotFoundError:
        return False
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0


def _write(fd: int, entry: Entry, archive: tar.Tar) -> None:
    """A file's content. Of a sparse file the archive has only the parts that are not holes; in any large one, blocks
    of zeros become holes: as such files are made, they most often were some."""
    if entry.extents is None and entry.size < _WORTH_HOLES:
        for chunk in archive.data(entry.size):
            drafts.write_all(fd, chunk)
        return
    for offset, length in [(0, entry.size)] if entry.extents is None else entry.extents:
        os.lseek(fd, offset, os.SEEK_SET)
        for chunk in archive.data(length):
            drafts.write_with_holes(fd, chunk)
    os.ftruncate(fd, entry.size)


def _set_attribute(file: int | str, key: str, value: bytes) -> None:
    """An extended attribute, if the file system can hold it and the layer may say it. xattr(7)"""
    if key.startswith(_OVERLAY_ATTRIBUTES):
        return
    try:
        os.setxattr(file, key, value, follow_symlinks=isinstance(file, int))
    except OSError as error:
        is_of_users = error.errno == errno.EPERM and key.startswith("user.")  # only files and directories have
        if error.errno != errno.ENOTSUP and not is_of_users:
            raise
