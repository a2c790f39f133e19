"""Files copied between a container and the host: `cp`, with Docker's rules for what becomes of which name.

    SOURCE      DEST                what happens
    a file      is a directory      DEST/name
    a file      is a file           replaces it
    a file      is nothing          becomes it, if DEST does not end in a slash
    a directory is a directory      DEST/name; with SOURCE/. its content goes into DEST
    a directory is nothing          becomes it
    a directory is a file           an error

What is copied travels as a tar archive that exists only piece by piece, from pack.py to files.py. Each end is a
descriptor: the container may swap directories for links while we are copying (CVE-2018-15664), and the kernel
resolves every path as if that end's tree were `/`.
"""

from __future__ import annotations

import errno
import os
import stat

from minidock.engine.files import tree
from minidock.errors import MinidockError
from minidock.images.files import Files, mount_id
from minidock.images.pack import Packed, Packing
from minidock.images.tar import Tar
from minidock.kernel import paths
from minidock.state import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from minidock.engine.engine import Engine
    from minidock.engine.files.tree import Tree
    from minidock.images.making import Source
    from minidock.state.containers import Row

_MOST_LINKS = 40  # as the kernel: more is a circle
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR)


def copy_out(
    engine: Engine, row: Row, path: str, target: str, *, follow: bool = False, keep_owners: bool = False
) -> int:
    """From a container to the host; how many bytes the archive had that was never written."""
    check_output(target)
    host = paths.open_root("/")
    try:
        with tree.seen(engine, row) as inside:
            source = _source_in(inside, row, path, follow=follow)
            with source, Spot(host, os.path.join(os.getcwd(), target), follow=True) as place:
                pieces = Packed(_packed(source, placed(source, place), inside.empty))
                with _Directory(place) as directory:
                    Files(directory.fd, "", place.directory_path, keep_owners=keep_owners).fill(Tar(pieces))
    finally:
        os.close(host)
    _tell(engine, row, "archive-path")
    return pieces.read_so_far


def archive_out(engine: Engine, row: Row, path: str, write: Callable[[bytes], object], *, follow: bool = False) -> None:
    """The same as an archive: `cp CONTAINER:PATH -`."""
    with tree.seen(engine, row) as inside, _source_in(inside, row, path, follow=follow) as source:
        for piece in _packed(source, "" if source.wants_content else source.name, inside.empty):
            write(piece)
    _tell(engine, row, "archive-path")


def copy_in(engine: Engine, row: Row, source_path: str, path: str, *, follow: bool = False) -> int:
    """From the host to a container; owners are kept, by their numbers."""
    host = paths.open_root("/")
    try:
        given = os.path.join(os.getcwd(), source_path)
        with (
            _source_on(host, given, follow=follow) as source,
            tree.writable(engine, row) as inside,
            _place_in(inside, row, path) as place,
        ):
            pieces = Packed(_packed(source, placed(source, place)))
            _fill(inside, place, Tar(pieces))
    finally:
        os.close(host)
    _tell(engine, row, "extract-to-dir")
    return pieces.read_so_far


def archive_in(engine: Engine, row: Row, source: Source, path: str) -> None:
    """An archive, plain or by gzip, unpacked in a directory of the container: `cp - CONTAINER:PATH`."""
    from minidock.images.blobs import Content

    with tree.writable(engine, row) as inside, _place_in(inside, row, path) as place:
        if not place.is_directory:
            raise MinidockError(f'destination "{row.name}:{path}" must be a directory')
        content = Content(source)
        _fill(inside, place, Tar(content))
        content.digest()  # reads what is left, so that whoever writes the archive can end
    _tell(engine, row, "extract-to-dir")


def _tell(engine: Engine, row: Row, action: str) -> None:
    with engine.database.change() as change:
        containers.event(change, row, action)


# What a path means ---------------------------------------------------------------------------------------


class Spot:
    """A path in a tree: what is there, or the directory where it could be made. Holds descriptors, for a `with` block.

    A link at the end is what it points to if we are to follow it; what ends in `/` or `/.` means a directory, so
    there it is followed in any case.
    """

    def __init__(self, root: int, path: str, *, follow: bool) -> None:
        self.path = _clean(path)
        self.wants_directory = path.endswith(("/", "/.", "/..")) or path in (".", "..")
        self.wants_content = path.endswith("/.") or path == "."
        self.name = os.path.basename(self.path)  # as it was asked for, whatever it is a link to
        self.status: os.stat_result | None = None
        self.parent = -1
        self._root = root
        self.real = self._settled(self.path, follow=follow or self.wants_directory)
        self.base = os.path.basename(self.real)
        self.parent, self.status = self._look(self.real)

    def __enter__(self) -> Spot:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self.parent >= 0:
            os.close(self.parent)
            self.parent = -1

    @property
    def is_directory(self) -> bool:
        return self.status is not None and stat.S_ISDIR(self.status.st_mode)

    @property
    def directory_path(self) -> str:
        """The directory where something is to be put: this one, or the one that this is in."""
        return self.real if self.is_directory else os.path.dirname(self.real)

    def _settled(self, path: str, *, follow: bool) -> str:
        """The path without a link as its last part. Where it leads is found out one link at a time."""
        for _ in range(_MOST_LINKS):
            if not follow:
                return path
            target = self._link_at(path)
            if not target:
                return path
            path = _clean(os.path.join(os.path.dirname(path), target))
        raise MinidockError(f"too many symlinks in {self.path}")

    def _link_at(self, path: str) -> str:
        """What a link says; "" if there is none at this path."""
        parent, status = self._look(path)
        try:
            if status is None or not stat.S_ISLNK(status.st_mode):
                return ""
            return os.readlink(os.path.basename(path), dir_fd=parent)
        finally:
            if parent >= 0:
                os.close(parent)

    def _look(self, path: str) -> tuple[int, os.stat_result | None]:
        """The directory that a path is in, -1 if there is none, and what there is; of `/` that is itself."""
        directory, base = os.path.split(path)
        try:
            parent = paths.open_inside(self._root, directory, os.O_PATH | os.O_DIRECTORY)
        except OSError as error:
            if error.errno in _NOT_THERE:
                return -1, None
            if error.errno == errno.ELOOP:  # also where a link of /proc would lead out of the tree
                raise MinidockError(f"{directory}: too many levels of symbolic links") from None
            raise
        try:
            status = os.lstat(base, dir_fd=parent) if base else os.fstat(parent)
        except FileNotFoundError:
            status = None
        return parent, status

    def open_directory(self) -> int:
        """The directory where something is to be put."""
        if not self.is_directory:
            return os.dup(self.parent)
        flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(self.base or ".", flags, dir_fd=self.parent)


class _Directory:
    """A descriptor of the directory where something is to be put, for a `with` block."""

    def __init__(self, place: Spot) -> None:
        self.fd = place.open_directory()

    def __enter__(self) -> _Directory:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


def _clean(path: str) -> str:
    """Without `.` and `..`, as text: that is how Docker reads a path before it looks at any file."""
    return "/" + os.path.normpath("/" + path).lstrip("/")


def placed(source: Spot, place: Spot) -> str:
    """What the source is to be called in the directory where it is put; "" for its content alone."""
    is_directory = source.is_directory
    if place.is_directory:
        return "" if source.wants_content else source.name
    if place.status is not None and is_directory:
        raise MinidockError("cannot copy directory", hint=f"{place.path} is a file")
    if not is_directory and place.wants_directory:
        raise MinidockError("no such directory", hint=f"{place.path} is none; a file would be made without the slash")
    return place.base


# The two ends --------------------------------------------------------------------------------------------


def check_output(target: str) -> None:
    """Object to a target on the host that nothing can be copied to, before anything is done."""
    path = os.path.join(os.getcwd(), target)
    directory = os.path.dirname(os.path.normpath(path))
    if not os.path.exists(directory):
        raise MinidockError(f'invalid output path: directory "{directory}" does not exist')
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        what = "a device" if stat.S_ISBLK(mode) or stat.S_ISCHR(mode) else "an irregular file"
        raise MinidockError(
            f'invalid output path: "{path}" must be a directory or a regular file: got {what}',
            hint="- as the target writes an archive to standard output",
        )


def _source_in(inside: Tree, row: Row, path: str, *, follow: bool) -> Spot:
    return _checked_source(Spot(inside.root, _given(path), follow=follow), path, _missing(path, row))


def _source_on(host: int, path: str, *, follow: bool) -> Spot:
    return _checked_source(
        Spot(host, path, follow=follow), path, MinidockError(f"lstat {path}: no such file or directory")
    )


def _checked_source(source: Spot, path: str, missing: MinidockError) -> Spot:
    is_file = source.wants_directory and not source.is_directory
    if source.status is None or is_file:
        source.close()
        raise MinidockError(f"lstat {path}: not a directory") if source.status else missing
    return source


def _place_in(inside: Tree, row: Row, path: str) -> Spot:
    place = Spot(inside.root, _given(path), follow=True)
    if place.status is None and place.parent < 0:
        raise _missing(os.path.dirname(place.real), row)
    mode = place.status.st_mode if place.status else 0
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        place.close()
        raise MinidockError(f'destination "{row.name}:{path}" must be a directory or a regular file: got a device')
    return place


def _given(path: str) -> str:
    if not path:
        raise MinidockError("bad parameter: path cannot be empty", hint="write it like CONTAINER:/path")
    return "/" + path


def _missing(path: str, row: Row) -> MinidockError:
    return MinidockError(f"Could not find the file {path} in container {row.name}")


def _packed(source: Spot, name: str, empty: Iterable[str] = ()) -> Iterator[bytes]:
    if not source.is_directory:
        yield from Packing(source.parent, fractions=False).file(source.parent, source.base, name)
        return
    top = source.open_directory()
    try:
        above = source.real.rstrip("/") + "/"
        left_out = [path[len(above) :] for path in empty if path.startswith(above)]
        yield from Packing(top, empty=left_out, fractions=False).tree("", name or ".")
    finally:
        os.close(top)


def _fill(inside: Tree, place: Spot, archive: Tar) -> None:
    """Unpack in a container's directory. Links in there may lead anywhere in the container, and nowhere else."""
    with _Directory(place) as directory:
        _check_writable(inside, directory.fd)
    Files(inside.root, place.directory_path, place.directory_path, keep_owners=True).fill(archive)


def _check_writable(inside: Tree, directory: int) -> None:
    if not os.statvfs(f"/proc/self/fd/{directory}").f_flag & os.ST_RDONLY:
        return
    if mount_id(directory) == mount_id(inside.root):
        raise MinidockError("container rootfs is marked read-only", hint="copy to one of its volumes")
    raise MinidockError("mounted volume is marked read-only", hint="copy to its source on the host")
