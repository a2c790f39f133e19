"""What a build is given: a directory, an archive, a Dockerfile on standard input, a git repository, an address.

Whatever it is, it becomes a tree of files, and the text of a Dockerfile. `.dockerignore` is read first, or, if there
is one, the file beside the Dockerfile that is called like it and ends in `.dockerignore`.
"""

from __future__ import annotations

import os
import sys

from minidock.build.context import repositories
from minidock.build.context.ignoring import Ignore
from minidock.build.context.repositories import Repository, is_repository
from minidock.errors import MinidockError, reason
from minidock.images.drafts import Draft
from minidock.kernel import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from minidock.build.request import BuildRequest

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_LARGEST = 4 << 20  # of a Dockerfile
DOCKERFILE = "Dockerfile"
_IGNORE = ".dockerignore"


class Context:
    """For a `with` block, at whose end a context that was unpacked is removed again."""

    def __init__(self, root: str, request: BuildRequest) -> None:
        self._root = root  # where there is room for what must be unpacked
        self._request = request
        self._draft: Draft | None = None
        self.path = ""
        self.file = request.dockerfile or DOCKERFILE
        self.text = ""
        self.ignore = Ignore()

    def __enter__(self) -> Self:
        try:
            self._open()
        except OSError as error:
            self.__exit__()
            raise MinidockError(f"unable to prepare context: {reason(error)}") from None
        except MinidockError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        if self._draft:
            self._draft.__exit__(*error)

    def tree(self) -> int:
        """A descriptor of its root."""
        return os.open(self.path, _DIRECTORY)

    def _open(self) -> None:
        word = self._request.context
        if word == "-":
            self._from_input()
        elif _is_git(word):
            self._from_git(word)
        elif word.startswith(("http://", "https://")):
            self._from_address(word)
        elif os.path.isdir(word):
            self.path = os.path.abspath(word)
        elif os.path.isfile(word):
            self._unpack(word)
        else:
            raise MinidockError(f"unable to prepare context: path {word!r} not found")
        self.text = self.text or self._dockerfile()
        self._read_ignore()

    # Kinds of contexts --------------------------------------------------------------------------------

    def _scratch(self) -> str:
        self._draft = Draft(self._root, directory=True, synced=False)
        self.path = f"{self._draft.path}/context"
        os.mkdir(self.path, 0o755)
        return self.path

    def _from_input(self) -> None:
        """An archive, or, as that begins with a name and a sum, anything else as a Dockerfile."""
        if self._request.dockerfile == "-":
            raise MinidockError("invalid argument: can't use stdin for both build context and dockerfile")
        place = f"{os.path.dirname(self._scratch())}/input"
        with open(place, "wb") as file:
            while data := sys.stdin.buffer.read(1 << 20):
                file.write(data)
        self._from_file(place)

    def _from_address(self, address: str) -> None:
        from minidock.build.working import fetching

        place = f"{os.path.dirname(self._scratch())}/fetched"
        os.mkdir(place)
        try:
            self._from_file(f"{place}/{fetching.fetch(address, place)}")
        except MinidockError as error:
            raise MinidockError(f"unable to prepare context: {error.message}", hint=error.hint) from None

    def _from_file(self, place: str) -> None:
        if not self._unpacked(place):
            with open(place, encoding="utf-8", errors="surrogateescape") as file:
                self.text = file.read(_LARGEST)
            self.file = DOCKERFILE
        os.unlink(place)

    def _unpack(self, path: str) -> None:
        self._scratch()
        if not self._unpacked(path):
            raise MinidockError(f"unable to prepare context: {path} is neither a directory nor an archive")

    def _unpacked(self, path: str) -> bool:
        from minidock.build.working.archives import Heard, opened
        from minidock.images.files import Files

        fd, root = os.open(path, os.O_RDONLY | os.O_CLOEXEC), paths.open_root(self.path)
        try:
            archive = opened(Heard(fd))
            if archive is not None:
                Files(root, "", "", keep_owners=False).fill(archive)
            return archive is not None
        finally:
            os.close(fd)
            os.close(root)

    def _from_git(self, word: str) -> None:
        keep = self._request.arguments.get("BUILDKIT_CONTEXT_KEEP_GIT_DIR", "") in ("1", "true")
        scratch = self._scratch()
        try:
            repository = Repository(word)
            repositories.fetch(repository, scratch, keep_history=keep)
            self.path = repositories.inside(repository, scratch)
        except MinidockError as error:
            raise MinidockError(f"unable to prepare context: {error.message}", hint=error.hint) from None

    # The Dockerfile -----------------------------------------------------------------------------------

    def _dockerfile(self) -> str:
        if self._request.dockerfile == "-":
            self.file = DOCKERFILE
            return sys.stdin.read(_LARGEST)
        try:
            return self._beside(self.file)
        except FileNotFoundError:
            raise MinidockError(
                f"failed to read dockerfile: open {self.file}: no such file or directory",
                hint=f"looked for in {self.path}; -f names another",
            ) from None

    def _read_ignore(self) -> None:
        for read, name in ((self._beside, f"{self.file}{_IGNORE}"), (self._inside, _IGNORE)):
            try:
                self.ignore = Ignore.read(read(name))
                return
            except FileNotFoundError:
                pass

    def _beside(self, name: str) -> str:
        """A file that is where the Dockerfile is: -f names that from here, or else from the context."""
        wanted = self._request.dockerfile
        if self._draft or wanted in ("", "-") or not os.path.exists(wanted):
            return self._inside(name)
        with open(name, encoding="utf-8", errors="surrogateescape") as file:
            return file.read(_LARGEST)

    def _inside(self, name: str) -> str:
        root = paths.open_root(self.path)
        try:
            return paths.read_inside(root, name, _LARGEST)
        finally:
            os.close(root)


def _is_git(word: str) -> bool:
    """Also a directory of this host that is a repository without files, or of which a reference is named."""
    where, mark, _ = word.partition("#")
    return is_repository(word) or os.path.isdir(f"{where}/objects") or (mark != "" and os.path.isdir(where))
