"""What minidock needs before it does anything: a young enough kernel and Python, their modules, a clock."""

from __future__ import annotations

import errno
import os
import sys
import time

from minidock.diagnosis.cause import Cause
from minidock.kernel import overlay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.diagnosis.case import Case

OLDEST_KERNEL = (5, 12)  # which has mount_setattr(2), the youngest call that nothing stands in for
OLDEST_PYTHON = (3, 11)


class OldKernel(Cause):
    """The kernel is older than the calls that containers are made by."""

    name = "host.old-kernel"
    errnos = (errno.ENOSYS,)

    def holds(self, case: Case) -> bool:
        return overlay.kernel_version() < OLDEST_KERNEL

    def says(self, case: Case) -> str:
        return f"this is Linux {os.uname().release}, and minidock needs {'.'.join(map(str, OLDEST_KERNEL))}"

    def confirm(self, case: Case) -> str:
        return "uname -r"

    def mend(self, case: Case) -> str:
        return "boot a newer kernel: Debian 12 has 6.1"


class OldPython(Cause):
    """Python is older than minidock is written for."""

    name = "host.old-python"

    def holds(self, case: Case) -> bool:
        return sys.version_info[:2] < (case.facts.get("python") or (0, 0))

    def says(self, case: Case) -> str:
        return f"this is Python {sys.version.split()[0]}, and minidock needs {'.'.join(map(str, case.facts['python']))}"

    def confirm(self, case: Case) -> str:
        return f"{sys.executable} --version"

    def mend(self, case: Case) -> str:
        return "install a newer one: Debian 12 has 3.11"


class NoModule(Cause):
    """A package that minidock is installed with is not to be found."""

    name = "host.no-module"

    def holds(self, case: Case) -> bool:
        return "module" in case.facts and not self._is_there(case)

    def _is_there(self, case: Case) -> bool:
        path = case.facts["module"].replace(".", "/")
        ends = ("/__init__.py", ".py", *_shared_objects())
        return any(os.path.exists(f"{place}/{path}{end}") for place in sys.path for end in ends)

    def says(self, case: Case) -> str:
        return f"Python ({sys.executable}) does not find the module {case.facts['module']}, which {case.facts['for']}"

    def confirm(self, case: Case) -> str:
        return f"{sys.executable} -c 'import {case.facts['module']}'"

    def mend(self, case: Case) -> str:
        return "install minidock again, as its README says: make run"


def _shared_objects() -> list[str]:
    from _imp import extension_suffixes

    return extension_suffixes()


class ClockBehind(Cause):
    """The clock says a time before minidock was installed: certificates of registries are not valid yet."""

    name = "host.clock-behind"

    def holds(self, case: Case) -> bool:
        return "clock" in case.facts and time.time() < self._installed()

    def _installed(self) -> float:
        return os.stat(__file__).st_mtime

    def says(self, case: Case) -> str:
        now, then = (
            time.strftime("%Y-%m-%d %H:%M", time.gmtime(moment)) for moment in (time.time(), self._installed())
        )
        return f"it is {now} by the clock, and minidock was installed at {then}"

    def confirm(self, case: Case) -> str:
        return f"date; stat -c %y {__file__}"

    def mend(self, case: Case) -> str:
        return "set the clock: timedatectl set-ntp true"


CAUSES: tuple[Cause, ...] = (OldKernel(), OldPython(), NoModule(), ClockBehind())
