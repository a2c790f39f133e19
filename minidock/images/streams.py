"""What is read piece by piece, as whoever reads it likes: as much as there is, or exactly so much."""

from __future__ import annotations


class Stream:
    """Bytes that come in pieces. Who is one says what the next piece is."""

    _piece = b""
    _at = 0  # what of the piece has been handed out

    def next_piece(self) -> bytes:
        """The next piece; an empty one at the end, however often it is asked for."""
        raise NotImplementedError

    def some(self, most: int) -> bytes:
        """The next bytes, as many as are at hand; none only at the end."""
        if self._at >= len(self._piece):
            self._piece, self._at = self.next_piece(), 0
        start, self._at = self._at, min(self._at + most, len(self._piece))
        return self._piece[start : self._at]

    def read(self, size: int) -> bytes:
        """Exactly that many bytes, unless the stream ends before."""
        data = self.some(size)
        while len(data) < size and (more := self.some(size - len(data))):
            data += more
        return data
