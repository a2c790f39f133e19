"""Blobs on their way here, which outlive whoever was fetching them: the next one goes on where the last was killed.

    <root>/partial/<hex>         what has come so far
    <root>/partial/<hex>.lock    held, flock(2), by who is fetching it

So of two that want one blob at once, the second waits, and then finds it in the store, or takes over. What has come is
hashed again by whoever takes over: after a power cut it may be anything.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time

from minidock.errors import MinidockError, reason
from minidock.images import drafts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from minidock.images.layout import Layout
    from minidock.images.making import Making

_CHUNK = 1 << 20
_LOCK = ".lock"
_BETWEEN = 0.05  # seconds: a wait by flock(2) itself could not be stopped


class Mismatch(MinidockError):
    """What has come is not what was wanted."""


class Partial:
    """One such blob, to oneself, for a `with` block. What has come stays when the block is left early."""

    def __init__(self, layout: Layout, digest: str, size: int, waits: Callable[[], object] = bool) -> None:
        self._layout = layout
        self._digest = digest
        self._waits = waits  # is asked again and again while somebody else is at it; by raising it can stop the wait
        self.whole_size = size
        self.size = 0  # of what has come

    def __enter__(self) -> Self:
        self._place = place = f"{self._layout.root}/partial"
        os.makedirs(place, mode=0o700, exist_ok=True)
        self.path = f"{place}/{self._digest[7:]}"
        self._lock = _locked(f"{self.path}{_LOCK}", self._waits)
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self.fd, fcntl.LOCK_SH)  # it stays when this file becomes a blob: see making.py
        self._hash = hashlib.sha256()
        self._take_over()
        return self

    def __exit__(self, *_: object) -> None:
        if not self.size:
            self._unlink()
        os.unlink(f"{self.path}{_LOCK}")
        os.close(self._lock)
        os.close(self.fd)

    def _take_over(self) -> None:
        while data := os.read(self.fd, _CHUNK):
            self._hash.update(data)
            self.size += len(data)
        if self.size > self.whole_size:
            self.restart()

    def restart(self) -> None:
        """Forget what has come."""
        os.ftruncate(self.fd, 0)
        os.lseek(self.fd, 0, os.SEEK_SET)
        self.size, self._hash = 0, hashlib.sha256()

    @property
    def is_whole(self) -> bool:
        return self.size == self.whole_size

    def write(self, data: memoryview) -> None:
        """The next bytes. More than were announced are refused, so no stream is endless."""
        if self.size + len(data) > self.whole_size:
            self.restart()
            raise Mismatch(f"{self._digest}: more than the {self.whole_size} bytes that were announced")
        self._hash.update(data)
        try:
            while data:
                written = os.write(self.fd, data)
                self.size += written
                data = data[written:]
        except OSError as error:
            self.restart()
            from minidock.diagnosis import diagnosing

            said = f"cannot store {self._digest}: {reason(error)}"
            raise diagnosing.failed(said, error, place=self._layout.root) from None

    def finish(self, making: Making) -> None:
        """Make it a blob of the store, if it is what its name says."""
        came = f"sha256:{self._hash.hexdigest()}"
        if came != self._digest:
            self.restart()
            raise Mismatch(f"content does not match its digest: expected {self._digest}, got {came}")
        making.publish(self, self._layout.blob(self._digest))
        self._unlink()

    def publish_if_new(self, place: str) -> bool:
        """As Draft does it."""
        os.fsync(self.fd)
        try:
            os.link(self.path, place)
        except FileExistsError:
            return False
        drafts.sync_directory(os.path.dirname(place))
        return True

    def _unlink(self) -> None:
        try:
            os.unlink(self.path)
        except FileNotFoundError:  # it is a blob now
            pass


def _locked(path: str, waits: Callable[[], object]) -> int:
    """A lock file of our own; one that was removed meanwhile is nobody's."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if drafts.is_at(path, fd):
                return fd
        except BlockingIOError:
            try:
                waits()
            except BaseException:
                os.close(fd)
                raise
            time.sleep(_BETWEEN)
        os.close(fd)


def sweep(layout: Layout, *, seconds: float = 0) -> int:
    """Remove what nobody is fetching, nor has for so long; how many bytes that frees."""
    place, before, freed = f"{layout.root}/partial", time.time() - seconds, 0
    names = os.listdir(place) if os.path.isdir(place) else []
    for name in sorted({name.removesuffix(_LOCK) for name in names}):
        lock = os.open(f"{place}/{name}{_LOCK}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if drafts.is_at(f"{place}/{name}{_LOCK}", lock):
                freed += _remove_old(f"{place}/{name}", before)
                os.unlink(f"{place}/{name}{_LOCK}")
        except BlockingIOError:
            pass
        finally:
            os.close(lock)
    return freed


def _remove_old(path: str, before: float) -> int:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return 0
    if status.st_mtime > before:
        return 0
    os.unlink(path)
    return status.st_size
