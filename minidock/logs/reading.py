"""Reading a log, while it is written or afterwards.

Which lines: the last `tail` of all; of these, those from `since_ns` to `until_ns`, both included, where 0 means
no limit; then, with `follow`, what comes until the end that it names. Lines that cannot be read are passed over.
"""

from __future__ import annotations

from minidock.logs import files
from minidock.logs.drivers import form_of
from minidock.logs.following import Waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from minidock.logs.files import LogFile
    from minidock.logs.following import End
    from minidock.logs.form import Entry, Form


def read(
    driver: str,
    path: str,
    *,
    tail: int | None = None,
    since_ns: int = 0,
    until_ns: int = 0,
    follow: End | None = None,
) -> Iterator[Entry]:
    """Line by line: the time, the stream, the bytes with the end of line if it had one, the attributes."""
    log = _Log(driver, path, since_ns, until_ns)
    for block in log.blocks(tail, follow):
        yield from log.chosen(block)
        if log.is_past_end:
            return


def output(
    driver: str,
    path: str,
    *,
    tail: int | None = None,
    since_ns: int = 0,
    until_ns: int = 0,
    follow: End | None = None,
) -> Iterator[tuple[str, bytes]]:
    """The same as pairs of a stream and many lines: what `logs` prints if nobody asks for times. Much faster."""
    log = _Log(driver, path, since_ns, until_ns)
    for block in log.blocks(tail, follow):
        if log.is_all_chosen(block):
            yield from log.form.output(block)
        else:
            yield from ((stream, text) for _, stream, text, _ in log.chosen(block))
        if log.is_past_end:
            return


class _Log:
    """A log, and which of its lines are wanted."""

    def __init__(self, driver: str, path: str, since_ns: int, until_ns: int) -> None:
        self.form: Form = form_of(driver)
        self._path = path
        self._since_ns = since_ns
        self._until_ns = until_ns
        self.is_past_end = False

    # Which lines ------------------------------------------------------------------------------------------

    def is_all_chosen(self, block: bytes) -> bool:
        if not self._since_ns and not self._until_ns:
            return True
        first, last = self.form.ends(block)
        return first > 0 and first >= self._since_ns and last > 0 and (not self._until_ns or last <= self._until_ns)

    def chosen(self, block: bytes) -> Iterator[Entry]:
        if self._is_too_old(block):
            return
        for entry in self.form.entries(block):
            if self._until_ns and entry[0] > self._until_ns:
                self.is_past_end = True
                return
            if entry[0] >= self._since_ns:
                yield entry

    def _is_too_old(self, block: bytes) -> bool:
        """Spares the work of decoding most of a long log, of which only the last minutes are wanted."""
        if not self._since_ns:
            return False
        first, last = self.form.ends(block)
        return 0 < first < self._since_ns and 0 < last < self._since_ns

    # Where they are ---------------------------------------------------------------------------------------

    def blocks(self, tail: int | None, follow: End | None) -> Iterator[bytes]:
        """Watching begins before the first look, so that nothing can happen in between unseen."""
        waiting = None if follow is None else Waiting(self._path, follow, self._until_ns)
        found: list[LogFile] = []
        try:
            self._find(found, tail, goes_on=waiting is not None)
            while found:
                while block := found[-1].block():
                    yield block
                if len(found) == 1 and waiting:
                    break
                found.pop().close()
            if waiting:
                yield from self._follow(found, waiting)
        finally:
            for file in found:
                file.close()
            if waiting:
                waiting.close()

    def _find(self, found: list[LogFile], tail: int | None, *, goes_on: bool) -> None:
        """The files in question, the newest first, each to be read from where the wanted lines begin."""
        for file in files.from_newest(self._path, self.form):
            found.append(file)
            if not goes_on:
                file.end_here()
            if tail is not None:
                tail -= file.begin_near_end(tail)
            if tail == 0 or (self._since_ns and file.is_older(self._since_ns)):
                return

    def _follow(self, found: list[LogFile], waiting: Waiting) -> Iterator[bytes]:
        """Read on in the newest file, which is all that is left in `found`, and in those that come after it."""
        while True:
            is_over = waiting.is_over()
            while found and (block := found[0].block()):
                yield block
            newer = files.after(found[0] if found else None, self._path, self.form)
            if newer is None and is_over:
                return
            if newer is None:
                waiting.wait()
                continue
            while found and (block := found[0].block()):  # what came after the last look, before it was left
                yield block
            for file in found:
                file.close()
            found[:] = [newer]
