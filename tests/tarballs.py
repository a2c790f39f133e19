"""Tar archives made byte by byte, as the tests of layers need them: also such as no honest program would write."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

from minidock.images.blobs import Content
from minidock.images.unpack import unpack

FILE, HARD_LINK, SYMLINK, CHARACTER, DIRECTORY, PAX = b"0", b"1", b"2", b"3", b"5", b"x"
END = bytes(1024)


def number(value: int, width: int = 8) -> bytes:
    return b"%0*o\0" % (width - 1, value)


def header(
    name: str,
    kind: bytes = FILE,
    *,
    size: bytes = number(0, 12),
    mode: int = 0o644,
    uid: int | None = None,
    link: str = "",
    device: tuple[int, int] = (0, 0),
    mtime: int = 0,
) -> bytes:
    """One header of the ustar format; its owner is whoever runs the test, so that it needs no root."""
    owner = number(os.getuid() if uid is None else uid) + number(os.getgid() if uid is None else uid)
    start = os.fsencode(name).ljust(100, b"\0") + number(mode) + owner + size + number(mtime, 12)
    rest = kind + os.fsencode(link).ljust(100, b"\0") + b"ustar\x0000" + bytes(64)
    rest += number(device[0]) + number(device[1]) + bytes(167)
    return seal(start + b" " * 8 + rest)


def seal(block: bytes) -> bytes:
    """The header with the checksum that it ought to have."""
    blank = block[:148] + b" " * 8 + block[156:]
    return block[:148] + b"%06o\0 " % sum(blank) + block[156:]


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def file(name: str, content: bytes = b"", *, mode: int = 0o644, kind: bytes = FILE, mtime: int = 0) -> bytes:
    return header(name, kind, size=number(len(content), 12), mode=mode, mtime=mtime) + padded(content)


def directory(name: str, *, mode: int = 0o755, mtime: int = 0) -> bytes:
    return header(name, DIRECTORY, mode=mode, mtime=mtime)


def symlink(name: str, target: str) -> bytes:
    return header(name, SYMLINK, link=target)


def hard_link(name: str, target: str) -> bytes:
    return header(name, HARD_LINK, link=target)


def pax(**records: str | bytes) -> bytes:
    """An extra entry with pax records; `__` in a key stands for a dot."""
    text = b""
    for key, value in records.items():
        record = b" %s=%s\n" % (key.replace("__", ".").encode(), value if isinstance(value, bytes) else value.encode())
        length = len(record) + 1
        while len(str(length)) + len(record) != length:
            length += 1
        text += str(length).encode() + record
    return file("pax", text, kind=PAX)


def unpacked(archive: bytes, place: Path) -> Path:
    """The directory where an archive was unpacked."""
    place.mkdir()
    fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        unpack(Content(BytesIO(archive)), fd)
    finally:
        os.close(fd)
    return place
