"""Content read ahead: inflated and hashed by a thread, while the files of it are being written.

Inflating, hashing and writing all let go of Python's lock, so two processors really share the work.
"""

from __future__ import annotations

import threading
from collections import deque

from minidock.images.streams import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from minidock.images.blobs import Content

_CHUNK = 256 << 10
_MOST = 8  # chunks that wait to be written


class Ahead(Stream):
    """The same bytes as the content has, in a `with` block, at the end of which the thread is gone."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._waiting: deque[bytes] = deque()  # the last is empty: the end
        self._error: BaseException | None = None
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._is_over = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join()

    def _read(self) -> None:
        try:
            while self._put(self._content.some(_CHUNK)):
                pass
        except BaseException as error:  # it is raised again where the content is asked for
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _put(self, chunk: bytes) -> bool:
        """Whether more is wanted."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < _MOST or self._is_closed)
            self._waiting.append(chunk)
            self._changed.notify_all()
            return chunk != b"" and not self._is_closed

    def next_piece(self) -> bytes:
        if self._is_over:
            return b""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._error)
            if not self._waiting:
                assert self._error
                raise self._error
            chunk = self._waiting.popleft()
            self._changed.notify_all()
        self._is_over = not chunk
        return chunk
