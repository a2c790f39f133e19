"""Where a command reads an archive from: standard input, or a file."""

from __future__ import annotations

import os

from minidock.errors import MinidockError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO


def opened(path: str) -> BinaryIO:
    """A file, or standard input for `-`; to be used in a `with` block."""
    if path == "-":
        return open(0, "rb", closefd=False)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise MinidockError(reason(error).replace(f"{path}: ", f"open {path}: ")) from None
    return open(fd, "rb")
