"""One reason why something can fail, and how to see whether it is the one."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.diagnosis.case import Case


class Cause:
    """A kind of reason. Its docstring says it in general, `says` on this host."""

    name: str  # "overlay.missing": stable, since documents and tests refer to it
    errnos: tuple[int, ...] = ()  # what the kernel can have answered; none: it goes by what else is known

    def holds(self, case: Case) -> bool:
        """Look whether this is why. OSError, of a file that is not there, means that it is not."""
        raise NotImplementedError

    def says(self, case: Case) -> str:
        """What is the matter, in one plain sentence."""
        raise NotImplementedError

    def confirm(self, case: Case) -> str:
        """A command by which a person sees the same."""
        raise NotImplementedError

    def mend(self, case: Case) -> str:
        """What to do about it."""
        raise NotImplementedError
