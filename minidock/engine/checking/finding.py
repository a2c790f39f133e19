"""One thing that does not fit."""

from __future__ import annotations

from minidock.errors import MinidockError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Finding:
    """What is wrong with which thing, and what repair does about it."""

    def __init__(self, what: str, remedy: str, repair: Callable[[], object] | None = None) -> None:
        self.what = what
        self.remedy = remedy  # as one would say it to somebody who is to do it
        self.outcome = ""  # why it was tried in vain
        self.is_repaired = False
        self._repair = repair  # safe to be called when the finding is history; None: only a person can

    @property
    def can_be_repaired(self) -> bool:
        return self._repair is not None

    def repair(self) -> None:
        if self._repair is None:
            return
        try:
            self._repair()
            self.is_repaired = True
        except MinidockError as error:
            self.outcome = error.message
        except OSError as error:
            self.outcome = reason(error)

    def __str__(self) -> str:
        """All of it in one line."""
        if not self.can_be_repaired:
            return f"{self.what}. To be done by hand: {self.remedy}"
        end = ": done" if self.is_repaired else f": failed: {self.outcome}" if self.outcome else ""
        return f"{self.what}. Repair: {self.remedy}{end}"
