"""How much a layer may unpack to. A megabyte can hold a petabyte of zeros, or a name for each of a billion files.

What a layer says about itself is no help, so it is counted while it is unpacked. The limits are far above what is
found in images that somebody uses; who has larger ones sets them, see settings.py.
"""

from __future__ import annotations

from minidock.errors import MinidockError
from minidock.images import settings

_ALWAYS_FINE = 2 << 30  # what inflates to less is let be, however small it was


class Limits:
    """The limits, and what has been counted of one layer."""

    def __init__(self, known: settings.Settings | None = None) -> None:
        self._settings = known or settings.load()
        self._files = 0

    def check_size(self, blob: int, inflated: int) -> None:
        """So many bytes of a blob have become so many."""
        most = self._settings.largest_layer
        if inflated > most:
            raise _beyond(f"it unpacks to more than {most} bytes", "largest-layer")
        times = self._settings.largest_inflation
        if inflated > _ALWAYS_FINE and inflated > blob * times:
            raise _beyond(f"it unpacks to more than {times} times its size", "largest-inflation")

    def count_file(self) -> None:
        self._files += 1
        if self._files > self._settings.most_files:
            raise _beyond(f"it has more than {self._settings.most_files} files", "most-files")


def _beyond(what: str, setting: str) -> MinidockError:
    return MinidockError(what, hint=f"if you trust it, set {setting} in {settings.directory()}/images.json")
