"""An answer that comes later: the keeper goes on with others meanwhile, and whoever has asked waits."""

from __future__ import annotations


class Later:
    """What an operation returns that is not done yet."""

    @property
    def is_ready(self) -> bool:
        """Looked at whenever anything has happened."""
        raise NotImplementedError
