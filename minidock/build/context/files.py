"""Files to copy from: a tree of the context, of another stage or of an image, and what of it a build may see.

The tree is held by a descriptor, and every path in it is resolved by the kernel as if it were `/` (openat2): no link
in a context, or in an image, leads to a file of the host.
"""

from __future__ import annotations

import errno
import os
import stat

from minidock.build.context import patterns
from minidock.build.context.ignoring import Ignore
from minidock.errors import MinidockError
from minidock.kernel import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_MOST_LINKS = 40


class Files:
    """A tree of files; for a `with` block, which closes it."""

    def __init__(self, root: int, shown: str, ignore: Ignore | None = None) -> None:
        self.root = root
        self.shown = shown  # what people know it by
        self._ignore = ignore

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.root)

    def is_hidden(self, path: str) -> bool:
        return self._ignore is not None and path != "" and self._ignore.ignores(path)

    def hides_all_of(self, directory: str) -> bool:
        return self._ignore is not None and self._ignore.ignores_all_of(directory)

    def status(self, path: str) -> os.stat_result:
        """Of what is at a path, links followed."""
        fd = paths.open_inside(self.root, path or ".")
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def matching(self, pattern: str) -> list[str]:
        """The paths, without a slash at the beginning, that a source of COPY means; "" is the whole tree."""
        cleaned = _clean(pattern)
        if patterns.WILD.isdisjoint(cleaned):
            return [self._existing(cleaned, pattern)]
        found = [""]
        for part in cleaned.split("/"):
            found = [inner for directory in found for inner in self._fitting(directory, part)]
        found = [path for path in found if not (self.is_hidden(path) or self.is_hidden(self.resolved(path)))]
        if not found:
            raise MinidockError(f'no files match "{pattern}" in {self.shown}', hint=self._why_not())
        return sorted(found)

    def _existing(self, path: str, pattern: str) -> str:
        try:
            self.status(path)
        except OSError as error:
            if error.errno not in _NOT_THERE:
                raise
            raise MinidockError(f'"/{path}": not found in {self.shown}', hint=self._why_not()) from None
        both = (path, self.resolved(path))  # neither a hidden link nor one to what is hidden shows anything
        if any(self.is_hidden(each) and not self._has_seen_files(each) for each in both):
            raise MinidockError(f'"/{path}": not found: .dockerignore hides it', hint=f"a line !{pattern} shows it")
        return path

    def _why_not(self) -> str:
        return f"paths begin at {self.shown}: what is outside of it, or is hidden by .dockerignore, is not there"

    def _has_seen_files(self, directory: str) -> bool:
        return next(iter(self.below(directory)), None) is not None

    def _fitting(self, directory: str, part: str) -> list[str]:
        if patterns.WILD.isdisjoint(part):
            path = f"{directory}/{part}".lstrip("/")
            return [path] if self._is_there(path) else []
        expression = patterns.name(part)
        try:
            names = self.names(directory)
        except OSError as error:
            if error.errno in _NOT_THERE:
                return []
            raise
        return [f"{directory}/{name}".lstrip("/") for name in names if expression.fullmatch(name)]

    def _is_there(self, path: str) -> bool:
        try:
            self.status(path)
        except OSError:
            return False
        return True

    def names(self, directory: str) -> list[str]:
        fd = paths.open_inside(self.root, directory or ".", _DIRECTORY)
        try:
            return sorted(os.listdir(fd))
        finally:
            os.close(fd)

    def below(self, directory: str, excluded: Ignore | None = None) -> Iterator[tuple[str, os.stat_result]]:
        """What is in a directory, and in those in it, and may be seen: its path from there, and its status. A
        directory comes before what is in it. `excluded` is asked about paths from there."""
        excluded = excluded or Ignore()
        waiting = [""]
        while waiting:
            base = waiting.pop()
            for name, status in self._entries(f"{directory}/{base}".strip("/")):
                path = f"{base}/{name}".lstrip("/")
                whole = f"{directory}/{path}".lstrip("/")
                if not (self.is_hidden(whole) or excluded.ignores(path)):
                    yield path, status
                is_out = self.hides_all_of(whole) or excluded.ignores_all_of(path)
                if stat.S_ISDIR(status.st_mode) and not is_out:
                    waiting.append(path)

    def _entries(self, directory: str) -> list[tuple[str, os.stat_result]]:
        try:
            fd = paths.open_inside(self.root, directory or ".", _DIRECTORY)
        except OSError as error:
            if error.errno in _NOT_THERE:  # changed since it was listed
                return []
            raise
        try:
            with os.scandir(fd) as entries:
                found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
        finally:
            os.close(fd)
        return sorted(found, key=lambda each: each[0])

    def resolved(self, path: str) -> str:
        """A path without links, each read as if the tree were `/`."""
        real, waiting, links = "", path.split("/"), 0
        while waiting:
            part = waiting.pop(0)
            if part in ("", ".", ".."):
                real = os.path.dirname(real) if part == ".." else real
                continue
            inner = f"{real}/{part}".lstrip("/")
            target = self._link(inner)
            if not target:
                real = inner
                continue
            links += 1
            if links > _MOST_LINKS:
                raise MinidockError(f"too many levels of symbolic links: {path}")
            real, waiting = "" if target.startswith("/") else real, [*target.split("/"), *waiting]
        return real

    def _link(self, path: str) -> str:
        head, tail = os.path.split(path)
        fd = paths.open_inside(self.root, head or ".", os.O_PATH | os.O_DIRECTORY)
        try:
            return os.readlink(tail, dir_fd=fd)
        except OSError as error:
            if error.errno == errno.EINVAL:  # it is none
                return ""
            raise
        finally:
            os.close(fd)


def _clean(path: str) -> str:
    """As text, from the root of the tree: what climbs out of it ends at it, as `/..` is `/`."""
    return os.path.normpath("/" + path).lstrip("/")
