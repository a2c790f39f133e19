"""The way of a question to etcd, and of its answer back.

Only bytes in memory are dealt with here and in tls.py: whoever has the connection, and waits for it or does not,
carries them over.
"""

from __future__ import annotations


class Wire:
    """Nothing is done to what goes over it; tls.py has another kind."""

    def __init__(self, question: bytes) -> None:
        self.unsent = question  # whoever sends takes it off from the front

    def received(self, data: bytes) -> bytes:
        """What came, as it was before it was sent. No data: the connection has ended."""
        return data
