"""How far a long piece of work is, told to whoever watches. Nobody does unless somebody says so.

What may take long, such as unpacking a layer, is done in a `with Work(…)` block, and says now and then how many
bytes it has dealt with. It knows nothing of terminals: the command line watches, and so may any other program.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol, Self

    class Source(Protocol):
        def read(self, size: int, /) -> bytes: ...


watcher: Callable[[Work], None] | None = None  # is called whenever there is more done, and at the end


class Work:
    """One piece of work: `what` is a title such as `Unpacking layer 0123456789ab`."""

    def __init__(self, what: str, size: int = 0) -> None:
        self.what = what
        self.size = size  # bytes in all; 0: nobody knows
        self.done = 0
        self.is_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over = True
        self.add(0)

    def add(self, count: int) -> None:
        """So many bytes more are done."""
        self.done += count
        if watcher:
            watcher(self)

    def reading(self, source: Source) -> Source:
        """The same source; what is read from it is done."""
        return _Counted(source, self)


class _Counted:
    def __init__(self, source: Source, work: Work) -> None:
        self._source = source
        self._work = work

    def read(self, size: int, /) -> bytes:
        data = self._source.read(size)
        self._work.add(len(data))
        return data
