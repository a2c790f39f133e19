"""What the formats of logs have in common: see json_file.py and local.py."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Entry = tuple[int, str, bytes, dict[str, str]]  # time, stream, a line or a piece of one, attributes

STREAMS = ("stdout", "stderr")


class Form:
    """How lines look in a file. A block is bytes in that form that begin and end with a line, or a record."""

    def encode(self, stream: str, time_ns: int, data: bytes) -> bytes:
        """Whole lines of a program, or one piece of a line, as a block."""
        raise NotImplementedError

    def whole(self, data: bytes) -> int:
        """How much of some bytes, which begin as a block does, is a block."""
        raise NotImplementedError

    def count(self, block: bytes) -> int:
        """How many entries it has: lines, and pieces of lines that are too long."""
        raise NotImplementedError

    def skip(self, block: bytes, entries: int) -> bytes:
        """A block without its first so many entries, of which it has more."""
        raise NotImplementedError

    def tail(self, fd: int, size: int, entries: int) -> tuple[int, int]:
        """Where to begin to read the last so many entries: an offset, and how many come after it.

        There may be some too many. What a killed writer left unfinished does not count.
        """
        raise NotImplementedError

    def ends(self, block: bytes) -> tuple[int, int]:
        """The times of the first entry and of the last; 0 for one that cannot be read."""
        raise NotImplementedError

    def entries(self, block: bytes) -> Iterable[Entry]:
        """Each entry that can be read; any other is passed over."""
        raise NotImplementedError

    def output(self, block: bytes) -> list[tuple[str, bytes]]:
        """What the program wrote: as few pairs of a stream and its bytes as their order allows."""
        raise NotImplementedError
