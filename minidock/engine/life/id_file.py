"""`--cidfile`: a file of the caller's that gets the id of the new container, and is there only if that is.

It is made before the container, so that a path that cannot be written stops everything in time; two commands
with one file end in one winner. Removing the container leaves it: it is the caller's.
"""

from __future__ import annotations

import os

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self


class IdFile:
    """In a `with` block around the making of a container. Without a path nothing happens."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._written = False

    def __enter__(self) -> Self:
        if self._path:
            self._make()
        return self

    def _make(self) -> None:
        try:
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
        except FileExistsError:
            raise MinidockError(
                f"container ID file found, make sure the other container isn't running or delete {self._path}"
            ) from None
        except OSError as error:
            why = f"open {self._path}: {(error.strerror or '').lower()}"
            raise MinidockError(f"failed to create the container ID file: {why}") from None

    def write(self, container_id: str) -> None:
        if self._path:
            with open(self._path, "w") as file:
                file.write(container_id)
        self._written = True

    def __exit__(self, *_: object) -> None:
        if self._path and not self._written:
            os.unlink(self._path)
