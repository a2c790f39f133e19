"""Where a command writes an archive to: standard output, or a file that is either whole or not there."""

from __future__ import annotations

import os

from minidock.errors import MinidockError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self


class Output:
    """For a `with` block: the file of this name, made beside its place and moved there at the end; none: fd 1."""

    def __init__(self, path: str, complaint: str) -> None:
        self._path = path
        self._complaint = complaint
        self._unfinished = ""
        self._fd = 1

    def __enter__(self) -> Self:
        if self._path:
            self._check()
            self._unfinished = os.path.join(
                os.path.dirname(self._path), f".{os.path.basename(self._path)}.{os.urandom(4).hex()}"
            )
            try:
                self._fd = os.open(self._unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise MinidockError(f"{self._complaint}: {reason(error)}") from None
        return self

    def _check(self) -> None:
        directory = os.path.dirname(self._path) or "."
        if not os.path.isdir(directory):
            raise MinidockError(f'{self._complaint}: invalid output path: directory "{directory}" does not exist')
        if os.path.exists(self._path) and not os.path.isfile(self._path):
            what = "a directory" if os.path.isdir(self._path) else "a device"
            raise MinidockError(f'{self._complaint}: invalid output path: "{self._path}" is {what}')

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def __exit__(self, kind: object, *_: object) -> None:
        if not self._unfinished:
            return
        os.close(self._fd)
        if kind is None:
            os.rename(self._unfinished, self._path)
        else:
            os.unlink(self._unfinished)
