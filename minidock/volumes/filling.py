"""What a new volume begins with: what the image has in its place, copied when the volume is first used.

A volume that is mounted on a directory of the image would hide what is in it. So an empty volume gets a copy,
with owners, modes, times, attributes and hard links, and takes over the directory's own owner and mode.

The copy is made beside the volume's data, in `.minidock-unfinished`. Whole, it becomes `.minidock-ready`, from
where it is moved into the data, entry by entry. A kill before leaves what the next use throws away; a kill
after, what the next use moves on. So half a copy never counts as content.

The image's tree is a stranger's. Its directories are opened by openat2(2) as if it were `/`, and of what is in
them only names are used, which no call here follows.
"""

from __future__ import annotations

import errno
import os
import stat

from minidock.errors import MinidockError
from minidock.kernel import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.progress import Work

_UNFINISHED, _READY = ".minidock-unfinished", ".minidock-ready"
_TREE, _PLACE = "tree", "place"  # in both: what is copied, and a link that says where in the data it belongs
_OURS_ALONE = 0o700
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
_CHUNK = 1 << 24
_OVERLAYS_OWN = ("trusted.overlay.", "user.overlay.")


class Target:
    """A volume to be filled. The caller holds its lock."""

    def __init__(self, beside: int, data: int, subpath: str = "") -> None:
        self._beside = beside  # a directory on the file system of the data, for what is not whole yet
        self._data = data
        self._subpath = subpath or "."

    def recover(self) -> None:
        """Finish, or forget, what somebody was killed at."""
        _delete(self._beside, _UNFINISHED)
        self._move_in()

    def is_empty(self) -> bool:
        found = self._open(self._subpath, os.O_PATH)
        is_directory = paths.is_directory(found)
        os.close(found)
        if not is_directory:  # a single file of the volume is shown
            return False
        data = self._open(self._subpath)
        try:
            return set(os.listdir(data)) <= {_UNFINISHED, _READY}
        finally:
            os.close(data)

    def _open(self, path: str, flags: int = _DIRECTORY) -> int:
        try:
            return paths.open_inside(self._data, path, flags)
        except OSError as error:
            raise MinidockError(
                f"cannot access path {os.readlink(f'/proc/self/fd/{self._data}')}/{path}: "
                f"{os.strerror(error.errno or 0).lower()}",
                hint="a subpath must be there already, and not lead out by a symbolic link",
            ) from None

    def fill(self, source: int, work: Work) -> None:
        """Copy the directory that `source` is open on."""
        os.mkdir(_UNFINISHED, _OURS_ALONE, dir_fd=self._beside)
        try:
            self._copy(source, work)
            os.rename(_UNFINISHED, _READY, src_dir_fd=self._beside, dst_dir_fd=self._beside)
        except OSError:
            _delete(self._beside, _UNFINISHED)
            raise
        self._move_in()

    def _copy(self, source: int, work: Work) -> None:
        unfinished = paths.open_inside(self._beside, _UNFINISHED, _DIRECTORY, follow=False)
        try:
            os.symlink(self._subpath, _PLACE, dir_fd=unfinished)
            os.mkdir(_TREE, _OURS_ALONE, dir_fd=unfinished)
            tree = paths.open_inside(unfinished, _TREE, _DIRECTORY, follow=False)
            try:
                _Copy(source, tree, work).run()
            finally:
                os.close(tree)
        finally:
            os.close(unfinished)

    def _move_in(self) -> None:
        """All that is ready. What has appeared meanwhile under the same name, by another container's hand, stays."""
        try:
            ready = paths.open_inside(self._beside, _READY, _DIRECTORY, follow=False)
        except FileNotFoundError:
            return
        try:
            if _is_ours(ready):
                self._move(ready)
        finally:
            os.close(ready)
        _delete(self._beside, _READY)

    def _move(self, ready: int) -> None:
        tree = paths.open_inside(ready, _TREE, _DIRECTORY, follow=False)
        data = self._open(os.readlink(_PLACE, dir_fd=ready))
        found = os.fstat(tree)
        try:
            for name in os.listdir(tree):
                if not _exists(name, data):
                    os.rename(name, name, src_dir_fd=tree, dst_dir_fd=data)
            _take_over(found, data)
            _copy_attributes(tree, data)
        finally:
            os.close(tree)
            os.close(data)


def _is_ours(directory: int) -> bool:
    """In a volume that is mounted, a container may have made one of this name, to be given what is not its own."""
    found = os.fstat(directory)
    return found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) == _OURS_ALONE


def _exists(name: str, directory: int) -> bool:
    try:
        os.lstat(name, dir_fd=directory)
    except FileNotFoundError:
        return False
    return True


def _delete(root: int, name: str) -> None:
    """Delete a tree where containers may be at work: whatever they swap meanwhile, nothing outside can be meant."""
    if not _exists(name, root):  # to try would fail where nothing can be written
        return
    waiting, found = [name], []
    while waiting:
        path = waiting.pop()
        found.append(path)
        directory = paths.open_inside(root, path, _DIRECTORY, follow=False)
        try:
            for entry in os.listdir(directory):
                if stat.S_ISDIR(os.lstat(entry, dir_fd=directory).st_mode):
                    waiting.append(f"{path}/{entry}")
                else:
                    os.unlink(entry, dir_fd=directory)
        finally:
            os.close(directory)
    for path in reversed(found):
        above, _, last = path.rpartition("/")
        directory = paths.open_inside(root, above or ".", _DIRECTORY, follow=False)
        try:
            os.rmdir(last, dir_fd=directory)
        finally:
            os.close(directory)


class _Copy:
    """The copy of one tree. Directory by directory, not by recursion: an image may nest by the thousand."""

    def __init__(self, source: int, target: int, work: Work) -> None:
        self._roots = source, target
        self._work = work
        self._links: dict[tuple[int, int], str] = {}  # the first name of each file that has several
        self._here = -1, -1

    def run(self) -> None:
        made = ["."]
        for path in made:  # it grows meanwhile
            made += self._fill(path)
        for path in reversed(made):  # the times last, and from the inside out: each entry changes its directory's
            source, target = self._enter(path)
            _take_over(os.fstat(source), target)
            os.close(source)
            os.close(target)

    def _enter(self, path: str) -> tuple[int, int]:
        source, target = self._roots
        return (
            paths.open_inside(source, path, _DIRECTORY, follow=False),
            paths.open_inside(target, path, _DIRECTORY, follow=False),
        )

    def _fill(self, path: str) -> list[str]:
        """Copy the entries of one directory; the directories among them, made but empty, are returned."""
        source, target = self._here = self._enter(path)
        try:
            _copy_attributes(source, target)
            return [f"{path}/{name}" for name in sorted(os.listdir(source)) if self._copy(path, name)]
        finally:
            os.close(source)
            os.close(target)

    def _copy(self, path: str, name: str) -> bool:
        """Copy one entry; whether it is a directory."""
        source, target = self._here
        found = os.lstat(name, dir_fd=source)
        kind = stat.S_IFMT(found.st_mode)
        if kind == stat.S_IFDIR:
            os.mkdir(name, 0o700, dir_fd=target)
            return True
        if found.st_nlink > 1 and self._link(found, path, name):
            return False
        if kind == stat.S_IFREG:
            _copy_file(source, target, name)
            self._work.add(found.st_size)
            return False
        if kind == stat.S_IFLNK:
            os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
        else:  # a device, a pipe or a socket: only a container's device rules give it life
            os.mknod(name, kind | 0o600, found.st_rdev, dir_fd=target)
        _own_unopened(found, source, target, name)
        return False

    def _link(self, found: os.stat_result, path: str, name: str) -> bool:
        """One more name of a file that is copied already."""
        first = self._links.setdefault((found.st_dev, found.st_ino), f"{path}/{name}")
        if first == f"{path}/{name}":
            return False
        parent, _, original = first.rpartition("/")
        directory = paths.open_inside(self._roots[1], parent, _DIRECTORY, follow=False)
        try:
            os.link(original, name, src_dir_fd=directory, dst_dir_fd=self._here[1], follow_symlinks=False)
        finally:
            os.close(directory)
        return True


def _copy_file(source: int, target: int, name: str) -> None:
    """A regular file; its holes stay holes."""
    flags = os.O_NOFOLLOW | os.O_CLOEXEC
    read = os.open(name, os.O_RDONLY | os.O_NONBLOCK | flags, dir_fd=source)
    written = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | flags, 0o600, dir_fd=target)
    try:
        found = os.fstat(read)
        end = 0
        while (begin := _data_after(read, end)) is not None:
            end = os.lseek(read, begin, os.SEEK_HOLE)
            os.lseek(written, begin, os.SEEK_SET)
            while begin < end and (count := os.sendfile(written, read, begin, min(end - begin, _CHUNK))):
                begin += count
        os.ftruncate(written, found.st_size)
        _take_over(found, written)
        _copy_attributes(read, written)
    finally:
        os.close(read)
        os.close(written)


def _data_after(fd: int, offset: int) -> int | None:
    try:
        return os.lseek(fd, offset, os.SEEK_DATA)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return None


def _take_over(found: os.stat_result, fd: int) -> None:
    """Owner first: chown(2) takes away set-user-id."""
    os.fchown(fd, found.st_uid, found.st_gid)
    os.fchmod(fd, stat.S_IMODE(found.st_mode))
    os.utime(fd, ns=(found.st_atime_ns, found.st_mtime_ns))


def _own_unopened(found: os.stat_result, source: int, target: int, name: str) -> None:
    """The same for what must not be opened: a symbolic link has no mode, a device would act."""
    os.chown(name, found.st_uid, found.st_gid, dir_fd=target, follow_symlinks=False)
    if not stat.S_ISLNK(found.st_mode):
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=target)
        os.chmod(f"/proc/self/fd/{fd}", stat.S_IMODE(found.st_mode))
        os.close(fd)
    _copy_attributes(f"/proc/self/fd/{source}/{name}", f"/proc/self/fd/{target}/{name}")
    os.utime(name, ns=(found.st_atime_ns, found.st_mtime_ns), dir_fd=target, follow_symlinks=False)


def _copy_attributes(source: int | str, target: int | str) -> None:
    """Extended attributes, as far as the file system of the volume can hold them. xattr(7)"""
    follow = isinstance(source, int)
    for name in os.listxattr(source, follow_symlinks=follow):
        if name.startswith(_OVERLAYS_OWN):
            continue
        try:
            os.setxattr(target, name, os.getxattr(source, name, follow_symlinks=follow), follow_symlinks=follow)
        except OSError as error:
            is_of_users = error.errno == errno.EPERM and name.startswith("user.")  # only files and directories have
            if error.errno != errno.ENOTSUP and not is_of_users:
                raise
